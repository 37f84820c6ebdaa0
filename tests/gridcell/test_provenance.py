"""Which versions a result names, against Python's own answer."""

import sys
from importlib.metadata import packages_distributions, version

import pytest

from gridcell import provenance


def test_the_owners_of_all_names_are_those_that_python_finds():
    found = {
        name: {owner.metadata["Name"] for owner in owners} for name, owners in provenance._owners().items()
    }
    assert found == {name: set(owners) for name, owners in packages_distributions().items()}
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
    [("echo 550.54.15; echo 550.54.15", "550.54.15"), ("exit 9", "unknown"), (None, "unknown")],
)
def test_the_driver_of_the_gpus_is_what_their_program_says(tmp_path, monkeypatch, script, version):
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance._driver_version.__wrapped__() == version
