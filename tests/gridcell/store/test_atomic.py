"""A file is there whole or not at all, whatever happens while it is written."""

import errno
from pathlib import Path

import pytest

from gridcell.store.filesystem import Folder


class FullError(OSError):
    """A disk that is full after the first bytes."""


@pytest.fixture
def folder(tmp_path):
    return Folder.open(str(tmp_path))


def test_a_write_that_breaks_off_leaves_what_was_there(folder, tmp_path, monkeypatch):
    folder.write("note", b"before")

    def write_half(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise FullError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(FullError):
        folder.write("note", b"after")
    with pytest.raises(FullError):
        folder.create("new", b"after")
    assert folder.read("note") == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_copy_that_breaks_off_leaves_what_was_there(folder, tmp_path, monkeypatch):
    folder.write("note", b"before")
    (tmp_path / "source").write_bytes(b"after")
    whole = Path.replace

    def refuse(path, target):
        raise FullError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(FullError):
        folder.put(tmp_path / "source", "note")
    monkeypatch.setattr(Path, "replace", whole)
    assert folder.read("note") == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["note", "source"]
