"""Putting a local file under its final name: once, whole, and on the disk, on any kind of folder."""

import contextlib
import errno
import os
import time
import uuid
from pathlib import Path

# What exFAT, SMB, gcsfuse and others answer where they have no hard links.
_NO_LINKS = {
    *(errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EXDEV)
}
_NO_SYNC = {
    *(errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EBADF, errno.EISDIR)
}

LOCK_S = 30.0  # a lock is held for some milliseconds; one this old was left by a writer that died
_WAIT_S = 0.02


def write_file(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file; if ``durable``, wait until its content is on the disk."""
    path.write_bytes(data)
    if durable:
        with path.open("r+b") as file:
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where its filesystem can tell."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # a folder that can't be opened, as on Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def put_if_absent(temporary: Path, target: Path) -> bool:
    """Give a file its final name unless there is one; of concurrent writers exactly one gets True.

    By a hard link. Where there are none, by a lock: whoever creates it looks whether the name is taken, and
    if not renames. No reader ever sees a part of the file.

    Args:
        temporary: the file, in the same folder.
        target: the name.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _put_by_lock(temporary, target)
    return True


def _put_by_lock(temporary: Path, target: Path) -> bool:
    lock, own = target.parent / f".{target.name}.lock", uuid.uuid4().hex
    while not target.exists():
        try:
            with lock.open("x") as file:
                file.write(own)
        except FileExistsError:
            _take_away_if_dead(lock, temporary)
            time.sleep(_WAIT_S)
            continue
        if not _is_ours(lock, own):  # it was slow, and taken for dead: once more
            continue
        try:
            if target.exists():
                return False
            temporary.replace(target)
            return True
        finally:
            if _is_ours(lock, own):
                lock.unlink(missing_ok=True)
    return False


def _is_ours(lock: Path, own: str) -> bool:
    try:
        return lock.read_text() == own
    except FileNotFoundError:
        return False


def _take_away_if_dead(lock: Path, temporary: Path) -> None:
    """Remove the lock of a writer that died; of several that see it so, one does.

    Its age is told by the storage's clock: that of a file which is written now.
    """
    with contextlib.suppress(FileNotFoundError):
        os.utime(temporary)
        if temporary.stat().st_mtime - lock.stat().st_mtime > LOCK_S:
            aside = lock.with_name(f"{lock.name}.{uuid.uuid4().hex}")
            lock.rename(aside)
            aside.unlink()
