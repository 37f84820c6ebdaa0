"""What is kept of a folder's files between commands, and when it is not trusted."""

import os
import time

import pytest

from gridcell.data.folders import facts, open_class_folders
from own_data import save


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDCELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(facts, "_LEAST_KEPT", 1)
    for label in range(2):
        for number in range(3):
            save(tmp_path / "images" / str(label) / f"{number}.bmp", 10 * label + number)
    return tmp_path / "images"


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read, in their order."""
    names = []
    original = facts._read
    monkeypatch.setattr(facts, "_read", lambda file: names.append(file.name) or original(file))
    return names


def later(monkeypatch, seconds):
    began = time.time()
    monkeypatch.setattr(facts.time, "time", lambda: began + seconds)


def test_files_are_read_once_and_again_when_they_change(root, read, monkeypatch):
    later(monkeypatch, 60)
    first = open_class_folders(root)
    assert len(read) == 6
    read.clear()
    again = open_class_folders(root)
    assert (read, again.fingerprint) == ([], first.fingerprint)
    assert again.images == first.images
    save(root / "1" / "2.bmp", 77)
    os.utime(root / "1" / "2.bmp", ns=(first.images[-1].path.stat().st_atime_ns, 10**18))
    changed = open_class_folders(root)
    assert read == ["1/2.bmp"]
    assert changed.fingerprint != first.fingerprint


def test_a_change_of_equal_size_under_the_old_date_is_noticed(root, read, monkeypatch):
    path = root / "0" / "1.bmp"
    before = path.stat()
    later(monkeypatch, 60)
    first = open_class_folders(root)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    later(monkeypatch, 120)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert open_class_folders(root).fingerprint != first.fingerprint


def test_files_younger_than_two_seconds_are_always_read_again(root, read, monkeypatch):
    later(monkeypatch, facts.YOUNG_S - 0.5)
    open_class_folders(root)
    open_class_folders(root)
    assert len(read) == 12


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"version": 1}', b'{"version": 1, "files": {"0/0.bmp": [1]}}']
)
def test_what_is_kept_may_be_damaged_or_unwritable(root, read, monkeypatch, damage, tmp_path):
    later(monkeypatch, 60)
    first = open_class_folders(root).fingerprint
    (kept,) = (tmp_path / "cache" / "folders").iterdir()
    kept.write_bytes(damage)
    assert open_class_folders(root).fingerprint == first
    assert len(read) == 12
    monkeypatch.setenv("GRIDCELL_CACHE", str(root / "0" / "0.bmp"))
    assert open_class_folders(root).fingerprint == first


def test_two_places_and_times_have_one_fingerprint(root, tmp_path):
    for label in range(2):
        for number in reversed(range(3)):
            save(tmp_path / "other" / str(label) / f"{number}.bmp", 10 * label + number)
    assert open_class_folders(root).fingerprint == open_class_folders(tmp_path / "other").fingerprint
    (tmp_path / "other" / "0").rename(tmp_path / "other" / "9")
    assert open_class_folders(root).fingerprint != open_class_folders(tmp_path / "other").fingerprint
