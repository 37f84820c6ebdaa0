"""Remote shards kept on this machine: verified, bounded, shared by all processes."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gridcell.data.shards.manifest import Shard
from gridcell.errors import CorruptData, UserError
from gridcell.store.filesystem import Folder, sha256_of

_READY = ".tar"
_ARRIVING = ".arriving"
DEFAULT_LIMIT = 100 * 10**9  # bytes


def default_cache_folder() -> Path:
    """Return ``$GRIDCELL_CACHE``, or ``gridcell/shards`` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GRIDCELL_CACHE") or Path(base) / "gridcell" / "shards")


class ShardCache:
    """A folder of shards named by their checksums; the one used longest ago goes first.

    Any number of processes on one machine may use it at once: a shard is fetched by one of them while the
    others that need it wait, and one that is open stays readable when it is removed. The files in it, those
    on their way included, never exceed ``limit``; a single shard larger than that is refused.

    Args:
        root: The folder, on a local disk; made when needed.
        limit: Bytes at most.
    """

    def __init__(self, root: str | Path | None = None, limit: int = DEFAULT_LIMIT) -> None:
        self.root = default_cache_folder() if root is None else Path(root)
        self.limit = limit

    def open(self, folder: Folder, shard: Shard) -> IO[bytes]:
        """Return the shard opened for reading, fetched first if it isn't here.

        Raises:
            CorruptData: What arrives doesn't have the shard's size and checksum.
            FileNotFoundError: It isn't in ``folder`` either.
            UserError: It is larger than the cache may be.
        """
        if shard.size > self.limit:
            raise UserError(
                f"Shard {shard.name} has {shard.size} bytes; the cache {self.root} may hold {self.limit}"
            )
        path = self.root / f"{shard.sha256}{_READY}"
        while True:
            opened = _open_whole(path, shard.size)
            if opened is not None:
                return opened
            with self._lock(shard.sha256):
                if not (path.exists() and path.stat().st_size == shard.size):
                    self._fetch(folder, shard, path)
            # Between here and the opening above another process may remove it again: then once more.

    def _fetch(self, folder: Folder, shard: Shard, path: Path) -> None:
        arriving = path.with_suffix(_ARRIVING)
        with self._lock("space"):
            path.unlink(missing_ok=True)  # of another size: cut short by a crash
            self._make_room(shard.size)
            with arriving.open("wb") as file:  # takes its room now, so that others count it
                file.truncate(shard.size)
        try:
            folder.get(shard.name, arriving)
            if arriving.stat().st_size != shard.size or sha256_of(arriving) != shard.sha256:
                raise CorruptData(f"Shard {folder.path(shard.name)} doesn't match its checksum")
            with arriving.open("rb") as file:
                os.fsync(file.fileno())
            arriving.replace(path)
        finally:
            arriving.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Remove shards until ``size`` bytes more fit; the caller holds the lock on space."""
        for left in self.root.glob(f"*{_ARRIVING}"):
            with self._lock(left.stem, wait=False) as free:
                if free:  # whoever fetched it is gone
                    left.unlink(missing_ok=True)
        ready, taken = [], 0
        for file in self.root.iterdir():
            if file.suffix in (_READY, _ARRIVING):
                with contextlib.suppress(FileNotFoundError):
                    stat = file.stat()
                    taken += stat.st_size
                    if file.suffix == _READY:
                        ready.append((stat.st_mtime_ns, stat.st_size, file))
        for _, freed, file in sorted(ready):
            if taken + size <= self.limit:
                return
            file.unlink(missing_ok=True)
            taken -= freed
        if taken + size > self.limit:
            raise UserError(
                f"The cache {self.root} may hold {self.limit} bytes, too few for the shards that "
                "are fetched at once; allow more, or use fewer workers"
            )

    @contextlib.contextmanager
    def _lock(self, name: str, wait: bool = True) -> Iterator[bool]:
        """Hold a lock among processes; yields False where ``wait`` is off and another holds it."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True  # closing the file lets go of the lock, as does the end of the process


def _open_whole(path: Path, size: int) -> IO[bytes] | None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    if os.fstat(file.fileno()).st_size != size:
        file.close()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now; an access time would not be kept on most disks
    return file
