"""A full disk, or a folder that can't be written: a sentence, exit code 1 and no traceback."""

import errno
import os
from pathlib import Path

import pytest

from gridcell.cli.disk_errors import sentence_of
from gridcell.report import write
from gridcell.store import Folder, Store

RUN = ("run", "toy", "--executor", "inline")


def fill(*_):
    """Write to a disk that is full: the error of the system itself, which names no file."""
    with Path("/dev/full").open("w") as full:
        full.write("x")


@pytest.mark.parametrize("command", [RUN, ("report", "toy")])
def test_a_disk_that_is_full_when_the_report_is_written(gridcell, monkeypatch, tmp_path, command):
    assert gridcell(*RUN, "--out", "first")[0] == 0
    with monkeypatch.context() as patched:
        patched.setattr(write, "write_record", fill)
        code, _, errors = gridcell(*command, "--out", "second")
    assert (code, errors.count("\n")) == (1, 1)
    assert "full while 'second' was written (No space left on device): make room, and type it again" in errors
    assert list((tmp_path / "second").iterdir()) == []
    assert gridcell(*command, "--out", "second")[0] == 0


@pytest.mark.parametrize(
    "command", [("store", "prune", "superseded", "unasked"), ("forget", "toy", "--select", "what=total")]
)
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_storage_that_cannot_be_written(gridcell, monkeypatch, command, number):
    assert gridcell(*RUN)[0] == 0
    store = Store("runs")
    store.folder.write("superseded/x.json", b"{}")

    def refuse(self, name, *_, **__):
        raise OSError(number, os.strerror(number), self.path(name))

    for method in ("remove", "write", "move"):
        monkeypatch.setattr(Folder, method, refuse)
    code, _, errors = gridcell(*command, "--storage", "runs")
    assert (code, errors.count("\n")) == (1, 1), errors
    assert os.strerror(number) in errors
    assert f"'{store.uri}/" in errors
    assert "type it again" in errors


@pytest.mark.parametrize("error", [KeyError("x"), FileNotFoundError(2, "No such file", "x"), OSError("odd")])
def test_a_mistake_in_the_code_keeps_its_traceback(gridcell, monkeypatch, error):
    assert gridcell(*RUN)[0] == 0

    def fail(*_):
        raise error

    monkeypatch.setattr(write, "write_record", fail)
    with pytest.raises(type(error)):
        gridcell("report", "toy")


def test_a_refusal_without_a_path_is_none_of_a_folder():
    assert sentence_of(PermissionError(errno.EPERM, "Operation not permitted")) == ""
    assert sentence_of(OSError(errno.EROFS, "Read-only file system", b"a/b")).startswith("'a/b' refuses")
    assert sentence_of(OSError(errno.ENOSPC, "No space left on device")).startswith(
        "The disk is full (No space"
    )
