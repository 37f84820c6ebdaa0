"""Locks among the processes of a machine, on any file system."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

# As of NFS without a lock server. The last two are one number on Linux, and two on macOS.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class Lock:
    """A lock that one process holds at a time; it is free again when that process ends, however it ends.

    The system's file locks are used where there are any. Elsewhere a file that is created exclusively
    stands for the lock, and is taken over where its owner on this machine is dead.

    Args:
        path: of the lock's file, whose folder exists. The file stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: BaseFileLock | None = None

    def acquire(self, wait: bool = True) -> bool:
        """Take the lock; return False where another holds it and ``wait`` is off."""
        try:
            return self._try(FileLock(self._path, thread_local=False), wait)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        soft = self._path.with_name(f"{self._path.name}.held")
        return self._try(SoftFileLock(soft, thread_local=False), wait)

    def _try(self, lock: BaseFileLock, wait: bool) -> bool:
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return False
        self._held = lock
        return True

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._held is not None:
            self._held.release()
            self._held = None


@contextlib.contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a lock meanwhile; yields False where ``wait`` is off and another process holds it."""
    lock = Lock(path)
    try:
        yield lock.acquire(wait)
    finally:
        lock.release()
