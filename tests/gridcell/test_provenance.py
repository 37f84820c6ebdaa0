"""Which versions a result names, against Python's own answer."""

import subprocess
import sys
from importlib.metadata import packages_distributions, version

import pytest

from gridcell import build, provenance


def test_the_owners_of_all_names_are_those_that_python_finds():
    found = {
        name: {owner.metadata["Name"] for owner in owners} for name, owners in provenance._owners().items()
    }
    expected = {name: set(owners) for name, owners in packages_distributions().items()}
    expected.pop("__pycache__", None)  # of Python 3.12 alone, and no name that can be imported
    assert found == expected
    assert len(found) > 50


def test_versions_are_of_the_packages_behind_the_imported_names():
    found = provenance.versions(["PIL", "sklearn", "yaml", "no_such_package", "json"])
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    packages = ("pillow", "scikit-learn", "PyYAML", *provenance.ALWAYS)
    assert {name: found[name] for name in packages} == {name: version(name) for name in packages}
    assert found.keys() == {"python", "gridcell", *packages}


def test_a_package_that_is_not_there_is_left_out(monkeypatch):
    monkeypatch.setattr(provenance, "ALWAYS", ("no-such-package", "numpy"))
    assert provenance.versions().keys() == {"python", "gridcell", "numpy"}


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 550.54.15; echo 550.54.15", "550.54.15"),
        ("exit 9", "unknown"),
        ("echo NVIDIA-SMI has failed because it could not reach the driver; exit 9", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_driver_of_the_gpus_is_what_their_program_says(tmp_path, monkeypatch, script, version):
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance._driver_version.__wrapped__() == version


def test_a_folder_is_at_a_commit_or_has_changed_since(tmp_path):
    def git(*arguments):
        name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        run = ["git", "-C", str(tmp_path), *name, *arguments]
        return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()

    state = build.git_state.__wrapped__
    assert state(str(tmp_path / "nowhere")) is None
    git("init", "--quiet")
    assert state(str(tmp_path)) is None  # no commit yet
    (tmp_path / "code.py").write_text("a = 1")
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "more.py").write_text("b = 1")
    git("add", ".")
    git("commit", "--quiet", "-m", "all")
    assert state(str(tmp_path)) == {"commit": git("rev-parse", "HEAD"), "modified": False}
    (tmp_path / "code.py").write_text("a = 2")
    assert state(str(tmp_path))["modified"]
    assert not state(str(tmp_path / "beside"))["modified"]  # its own files alone count


def test_what_is_installed_within_a_repository_is_not_of_its_commit(tmp_path):
    def git(*arguments):
        name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *name, *arguments], check=True, capture_output=True)

    installed = tmp_path / ".venv/lib/python3/site-packages/gridcell"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    (tmp_path / ".gitignore").write_text(".venv\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "all")
    assert build.git_state.__wrapped__(str(installed)) is None
    assert build.git_state.__wrapped__(str(tmp_path)) is not None
