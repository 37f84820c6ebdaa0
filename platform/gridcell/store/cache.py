"""Remote files kept on this machine: verified, bounded, shared by all processes."""

import contextlib
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Self

from gridcell.errors import CorruptData, UserError
from gridcell.store.filesystem import Folder, sha256_of
from gridcell.store.locks import Lock, locked
from gridcell.store.names import checked_name, checked_sha256

_ARRIVING = ".arriving"
_OURS = re.compile(r"[0-9a-f]{64}(\.[^.]*)?")  # SHA-256 and the remote name's ending; nothing else is touched
_SPACE = "space"  # the lock under which room is made and files are leased
_DEFAULT_LIMIT_GB = 100.0


def cache_folder() -> Path:
    """Return ``$GRIDCELL_CACHE``, or ``gridcell`` in the user's cache folder.

    Without a home that can be written, as in many containers, it is in the folder for temporary files.

    Example:
        >>> cache_folder()  # doctest: +SKIP
        PosixPath('/home/me/.cache/gridcell')
    """
    if named := os.environ.get("GRIDCELL_CACHE"):
        return Path(named)
    with contextlib.suppress(RuntimeError, OSError):  # no home at all, or one that can't be looked at
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        there = next(folder for folder in (base, *base.parents) if folder.exists())
        if os.access(there, os.W_OK | os.X_OK):
            return base / "gridcell"
    return Path(tempfile.gettempdir()) / f"gridcell-cache-{os.getuid()}"


def cache_limit() -> int:
    """Return how many bytes the cache may hold: ``$GRIDCELL_CACHE_GB`` times 10^9, by default 100 GB.

    Raises:
        UserError: the variable is no number above 0.
    """
    text = os.environ.get("GRIDCELL_CACHE_GB") or str(_DEFAULT_LIMIT_GB)
    with contextlib.suppress(ValueError, OverflowError):
        limit = int(float(text) * 1e9)
        if limit > 0:
            return limit
    raise UserError(f"GRIDCELL_CACHE_GB must be a number above 0, not '{text}'")


class KnownFile(NamedTuple):
    """A remote file, known but for its bytes: name in its folder, size in bytes, SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class FileCache:
    """A folder of files named by their checksums; the one used longest ago goes first.

    Any number of processes on one machine may use it at once: a file is fetched by one of them while the
    others that need it wait. One that is open stays readable when it is removed; one that is kept isn't
    removed. The files in it, those on their way included, never exceed ``limit``; a single one larger than
    that is refused.

    Args:
        root: the folder, on a local disk, made when needed; ``cache_folder()`` by default.
        limit: bytes at most; ``cache_limit()`` by default.

    Raises:
        UserError: the default limit is asked for, and what the environment says of it is no number.
    """

    def __init__(self, root: str | Path | None = None, limit: int | None = None) -> None:
        self.root = cache_folder() if root is None else Path(root)
        self.limit = cache_limit() if limit is None else limit
        self._lease: IO[str] | None = None  # names of the files kept
        self._alive: Lock | None = None  # held as long as the lease counts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def open(self, folder: Folder, file: KnownFile) -> IO[bytes]:
        """Return the file opened for reading, fetched first if it isn't here.

        Raises:
            CorruptData: what arrives doesn't have the file's size and checksum.
            FileNotFoundError: it isn't in ``folder`` either.
            UserError: it is larger than the cache may be, or those that are kept leave no room.
        """
        path = self._path(file)
        while True:
            opened = _open_whole(path, file.size)
            if opened is not None:
                return opened
            with self._lock(_bucket(path.name)):
                if not (path.exists() and path.stat().st_size == file.size):
                    self._fetch(folder, file, path)
            # Between here and the opening above another process may remove it again: then once more.

    def keep(self, folder: Folder, file: KnownFile) -> Path:
        """Return the path of the verified file, fetched first if it isn't here; it stays until ``release``.

        Raises:
            CorruptData: what arrives doesn't have the file's size and checksum.
            FileNotFoundError: it isn't in ``folder`` either.
            UserError: it is larger than the cache may be, or those that are kept leave no room.
        """
        path = self._path(file)
        while not (self._leased(path, file.size) and matches(path, file)):
            with self._lock(_bucket(path.name)):
                if not matches(path, file):
                    self._fetch(folder, file, path)
        return path

    def release(self) -> None:
        """Let go of the files that were kept."""
        if self._lease is not None:
            Path(self._lease.name).unlink(missing_ok=True)
            self._lease.close()
            self._lease = None
        if self._alive is not None:
            self._alive.release()
            self._alive = None

    def _path(self, file: KnownFile) -> Path:
        if file.size > self.limit:
            raise UserError(
                f"{file.name} has {file.size} bytes; the cache {self.root} may hold {self.limit}: allow more "
                "by GRIDCELL_CACHE_GB"
            )
        return self.root / f"{checked_sha256(file.sha256)}{PurePosixPath(checked_name(file.name)).suffix}"

    def _leased(self, path: Path, size: int) -> bool:
        """Note that a file is in use, if it is there; from then on no process removes it."""
        with self._lock(_SPACE):
            opened = _open_whole(path, size)
            if opened is None:
                return False
            opened.close()
            if self._lease is None:
                leases = self.root / "leases"
                leases.mkdir(exist_ok=True)
                name = uuid.uuid4().hex
                self._alive = Lock(leases / f"{name}.lock")
                self._alive.acquire()
                self._lease = (leases / name).open("w")
            self._lease.write(f"{path.name}\n")
            self._lease.flush()
            return True

    def _in_use(self) -> set[str]:
        """Return the names of the files that living processes keep; the caller holds the lock on space."""
        names: set[str] = set()
        for lock in (self.root / "leases").glob("*.lock"):
            lease = lock.with_suffix("")
            with locked(lock, wait=False) as free:
                if not free:
                    with contextlib.suppress(FileNotFoundError):  # its owner may let go now
                        names.update(lease.read_text().split("\n"))
                else:  # its owner died, or let go
                    lease.unlink(missing_ok=True)
                    lock.unlink(missing_ok=True)
        return names

    def _fetch(self, folder: Folder, file: KnownFile, path: Path) -> None:
        arriving = path.with_name(f"{path.name}{_ARRIVING}")
        with self._lock(_SPACE):
            path.unlink(missing_ok=True)  # cut short by a crash, or damaged
            self._make_room(file.size)
            with arriving.open("wb") as opened:  # takes its room now, so that others count it
                opened.truncate(file.size)
        try:
            folder.get(file.name, arriving)
            if not matches(arriving, file):
                raise CorruptData(f"{folder.path(file.name)} doesn't match its checksum")
            with arriving.open("rb") as opened:
                os.fsync(opened.fileno())
            arriving.replace(path)
        finally:
            arriving.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Remove files until ``size`` bytes more fit; the caller holds the lock on space."""
        for left in self.root.glob(f"*{_ARRIVING}"):
            with self._lock(_bucket(left.name), wait=False) as free:
                if free:  # whoever fetched it is gone
                    for file in (left, *self.root.glob(f".{left.name}.*")):
                        file.unlink(missing_ok=True)
        in_use = self._in_use()
        ready, taken = [], 0
        for file in self.root.iterdir():
            if _OURS.fullmatch(file.name.removesuffix(_ARRIVING)):
                with contextlib.suppress(FileNotFoundError):
                    stat = file.stat()
                    taken += stat.st_size
                    if file.suffix != _ARRIVING and file.name not in in_use:
                        ready.append((stat.st_mtime_ns, stat.st_size, file))
        for _, freed, file in sorted(ready):
            if taken + size <= self.limit:
                return
            file.unlink(missing_ok=True)
            taken -= freed
        if taken + size > self.limit:
            raise UserError(
                f"The cache {self.root} may hold {self.limit} bytes, too few for the files that are used and "
                "fetched at once; allow more by GRIDCELL_CACHE_GB, or use fewer workers"
            )

    @contextlib.contextmanager
    def _lock(self, name: str, wait: bool = True) -> Iterator[bool]:
        """Hold a lock among processes; yields False where ``wait`` is off and another holds it."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / name, wait) as held:
            yield held


def _bucket(name: str) -> str:
    """Return the name of the lock on a file: one of 4096, for lock files stay."""
    return name[:3]


def matches(path: Path, file: KnownFile) -> bool:
    """Tell whether a local file is there and has the size and the checksum."""
    try:
        return path.stat().st_size == file.size and sha256_of(path) == file.sha256
    except FileNotFoundError:
        return False


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
