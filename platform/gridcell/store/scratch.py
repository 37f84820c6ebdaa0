"""Local folders that are thrown away: by their process, or by the next one where that was killed."""

import contextlib
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from gridcell.store.locks import Lock, locked

_PREFIX = "gridcell-scratch-"
_LOCK = ".lock"


class Scratch:
    """An empty local folder, and beside it a lock that says that its process lives.

    Args:
        name: what it is for; a few letters of it show in the folder's name.
    """

    def __init__(self, name: str) -> None:
        self.path = _root() / f"{_PREFIX}{name[:8]}-{uuid.uuid4().hex[:12]}"
        self._lock = Lock(_lock_of(self.path))
        self._lock.acquire()  # before there is a folder: one without a lock is nobody's
        self.path.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove the folder with all it holds, as far as that goes."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        _lock_of(self.path).unlink(missing_ok=True)


@contextlib.contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """Yield an empty local folder that is removed afterwards."""
    scratch = Scratch(name)
    try:
        yield scratch.path
    finally:
        scratch.remove()


def sweep() -> int:
    """Remove what processes of this user that were killed left on this machine; return how many folders."""
    swept = 0
    for lock in _root().glob(f"{_PREFIX}*{_LOCK}"):
        with contextlib.suppress(OSError):  # another process sweeps, too
            if lock.stat().st_uid != os.getuid():
                continue
            with locked(lock, wait=False) as free:
                if free:
                    folder = lock.with_name(lock.name.removesuffix(_LOCK))
                    swept += folder.exists()
                    shutil.rmtree(folder, ignore_errors=True)
                    lock.unlink(missing_ok=True)
    if swept:
        logging.getLogger(__name__).info("Removed %d scratch folders of processes that were killed", swept)
    return swept


def _root() -> Path:
    return Path(tempfile.gettempdir())


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")
