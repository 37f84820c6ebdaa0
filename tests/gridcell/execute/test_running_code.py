"""What a process remembers of its code when it begins: enough, and quickly, for every process begins so."""

from pathlib import Path

import pytest
import toy_task

import gridcell
from gridcell.execute import running_code
from gridcell.package_data import data_files

OWN = Path(gridcell.__file__).parent


@pytest.fixture(autouse=True)
def new_process():
    running_code.forget()
    yield
    running_code.forget()


def test_every_file_of_gridcell_that_its_code_reads_is_remembered(monkeypatch):
    read = {file for path in OWN.rglob("*.py") for file in (path, *data_files(path, OWN.parent))}
    assert OWN / "data" / "imagenet_classes.tsv" in read
    running_code.remember(toy_task.task)
    remembered = dict(running_code._texts)
    built = OWN / "site"  # by 'make docs', if it was: no cell's code reads it
    assert {path.resolve() for path in read if not path.is_relative_to(built)} <= remembered.keys()
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read again"))
    running_code.remember(toy_task.task)
    assert running_code._texts == remembered


def test_no_file_of_gridcell_is_searched_for_data(monkeypatch):
    """Which took each process two seconds, before its first cell."""
    searched = []
    monkeypatch.setattr(running_code, "data_files", lambda path, *_: searched.append(path) or ())
    running_code.remember(toy_task.task)
    assert all(not path.is_relative_to(OWN) for path in searched)
