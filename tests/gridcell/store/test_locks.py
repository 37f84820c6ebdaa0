"""Locks: held by one process at a time, free when it dies, and where the file system has none."""

import errno
import subprocess
import sys

import pytest

from gridcell.store import locks

HOLDER = """
import sys
from pathlib import Path
from gridcell.store import locks
if sys.argv[2] == "soft":
    def no_locks(*_, **__):
        raise OSError(37, "No locks available")
    locks.FileLock = no_locks
lock = locks.Lock(Path(sys.argv[1]))
assert lock.acquire(wait=False)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["hard", "soft"])
def kind(request, monkeypatch):
    if request.param == "soft":  # NFS without a lock server

        def no_locks(*_, **__):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(locks, "FileLock", no_locks)
    return request.param


@pytest.fixture
def holder(tmp_path, kind):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_another_process_holds_it_until_it_dies(tmp_path, holder):
    with locks.locked(tmp_path / "lock", wait=False) as held:
        assert not held
    holder.kill()
    holder.wait()
    with locks.locked(tmp_path / "lock") as held:
        assert held


def test_it_can_be_taken_again_once_released(tmp_path, kind):
    one, two = locks.Lock(tmp_path / "lock"), locks.Lock(tmp_path / "lock")
    assert one.acquire()
    assert not two.acquire(wait=False)
    one.release()
    assert two.acquire(wait=False)
    two.release()
    two.release()


def test_other_errors_are_not_swallowed(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"directory|exists"):
        locks.Lock(tmp_path / "file" / "lock").acquire()


def test_it_is_free_after_the_block_whatever_happens_in_it(tmp_path, kind):
    def fail():
        with locks.locked(tmp_path / "lock") as held:
            assert held
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    other = locks.Lock(tmp_path / "lock")
    assert other.acquire(wait=False)
    other.release()
