"""What stands in the way of an installation is said before it starts."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "before_setup.py"


@pytest.fixture(scope="module")
def before_setup():
    spec = importlib.util.spec_from_file_location("before_setup", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_python_and_a_disk_that_do_are_not_refused(before_setup, tmp_path):
    assert before_setup.refusal(str(tmp_path / "not" / "there"), (3, 11, 0), packages=0) is None


@pytest.mark.parametrize("version", [(3, 10, 14, "final", 0), (3, 6), (2, 7, 18)])
def test_an_old_python_is_named(before_setup, tmp_path, version):
    message = before_setup.refusal(str(tmp_path), version, packages=0)
    assert f"not {version[0]}.{version[1]};" in message
    assert "'make PYTHON=python3.11 setup'" in message


def test_a_full_disk_is_named_with_what_is_missing(before_setup, tmp_path):
    free = shutil.disk_usage(tmp_path).free / 1e9
    message = before_setup.refusal(str(tmp_path / "not" / "there"), (3, 13), packages=free + 1000)
    assert f"'{tmp_path / 'not' / 'there'}'" in message
    said = float(message.split("need ")[1].split(" GB")[0]), float(message.split("has ")[1].split(" GB")[0])
    assert said[0] - said[1] == pytest.approx(1000, abs=5)  # others may write on this disk meanwhile


def test_what_is_installed_already_needs_no_room_again(before_setup, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "package.bin").write_bytes(bytes(range(256)) * 4096 * 40)
    listed = subprocess.run(
        ["du", "-s", "-B1", str(tmp_path / "lib" / "package.bin")], capture_output=True, text=True
    )
    free = shutil.disk_usage(tmp_path).free / 1e9
    message = before_setup.refusal(str(tmp_path), (3, 11), packages=free + 1000)
    missing = float(message.split("need ")[1].split(" GB")[0])
    assert missing == pytest.approx(free + 1000 - int(listed.stdout.split()[0]) / 1e9, abs=0.06)


def test_the_command_ends_with_the_sentence_and_an_error(tmp_path):
    code = f"import sys, runpy; sys.version_info = (3, 9, 1); sys.argv = ['x', {str(tmp_path)!r}]"
    run = [sys.executable, "-c", f"{code}; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"]
    ended = subprocess.run(run, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("gridcell needs Python 3.11 or later, not 3.9; ")
