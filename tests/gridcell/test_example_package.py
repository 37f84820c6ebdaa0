"""A distribution of somebody else's: built as a wheel, installed into an environment of its own, and run."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "example_package"


def done(*words, where):
    ended = subprocess.run(words, cwd=where, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_its_task_and_its_method_are_found_and_keep_the_contract(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(PACKAGE, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done(*build, "--wheel-dir", str(tmp_path), str(source), where=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    python = str(home / "bin" / "python")
    (packages,) = (home / "lib").glob("python*/site-packages")
    # What gridcell itself needs comes from this environment, for it is gigabytes.
    here = sysconfig.get_paths()["purelib"]
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", str(wheel)]
    done(*install, where=tmp_path)
    said = done(python, "-m", "gridcell", "tasks", where=tmp_path)
    assert "coin" in said
    said = done(python, "-m", "gridcell", "check", "coin", where=tmp_path)
    assert "9 of 9 checks passed" in said
    said = done(python, "-m", "gridcell", "run", "coin", "--executor", "inline", where=tmp_path)
    assert "2 cells run, 0 failed" in said
    plan = ("plan", "imagenet-rib", "--set", "methods.half={}", "--select", "method=half")
    assert "train" in done(python, "-m", "gridcell", *plan, where=tmp_path)
