"""Atomic reads and writes on any fsspec filesystem; the one place that knows where bytes live."""

import contextlib
import hashlib
import os
import posixpath
import re
import threading
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from gridcell.errors import UserError
from gridcell.store.commit import put_if_absent, sync_folder, write_file
from gridcell.store.names import checked_name
from gridcell.store.patience import naming, patient

_BLOCK = 1 << 20  # bytes hashed or copied at a time
_LEFTOVER = re.compile(r"\..+\.([0-9a-f]{32}|lock)")
_PATTERN = re.compile(r"[*?[]")  # in a path of which fsspec's rm and mv take all that fit
_MEMORY = threading.Lock()  # fsspec's memory looks whether a file exists, then writes: not one step by itself


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a local file in hexadecimal.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "empty")
        ...     _ = path.write_bytes(b"")
        ...     sha256_of(path)[:8]
        'e3b0c442'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_leftover(name: str) -> bool:
    """Whether a hidden file is named as writers name theirs: one that is there for long is a killed one's.

    Example:
        >>> is_leftover(".ab12.json.0123456789abcdef0123456789abcdef"), is_leftover(".config")
        (True, False)
    """
    return _LEFTOVER.fullmatch(name) is not None


def gone(root: str) -> str:
    """Say that a storage is not there any more.

    Example:
        >>> gone("runs")
        "the storage 'runs' was moved or removed during the run: bring it back, or name its new place"
    """
    return f"the storage '{root}' was moved or removed during the run: bring it back, or name its new place"


class Folder:
    """A folder on some filesystem (``file``, ``s3``, ``gs``, ``memory``, ...) with atomic writes.

    On a local or network folder a file is written under a temporary name in the same folder and then
    renamed or hard-linked, so a reader sees all of it or nothing. Object stores make a single upload
    visible at once, so there the object is written directly. Passing errors are waited out (``patience``).
    """

    def __init__(self, filesystem: AbstractFileSystem, root: str) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/") or root[:1]
        self.is_local = isinstance(filesystem, LocalFileSystem)
        self.mark = ""  # of a local folder, once it is held: the file without which nothing is written here

    @classmethod
    def open(cls, uri: str) -> "Folder":
        """Open ``uri`` (a path, or ``protocol://...``) without touching it.

        Raises:
            UserError: the protocol is unknown or its package isn't installed.
        """
        try:
            # With one, a file that another process writes after a look at its folder isn't there to be read.
            filesystem, root = url_to_fs(uri, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise UserError(f"The storage '{uri}' can't be opened: {error}") from error
        return cls(filesystem, root)

    def path(self, name: str) -> str:
        """Return the filesystem's path of ``name`` in this folder; of the folder itself for an empty name.

        Raises:
            CorruptData: the name leads out of this folder.
        """
        return posixpath.join(self.root, checked_name(name) if name else "")

    def local(self, name: str) -> Path | None:
        """Return the path of ``name`` on this machine, or None on a remote filesystem."""
        return Path(self.path(name)) if self.is_local else None

    def exists(self) -> bool:
        """Tell whether there is such a folder; on an object store, whether it has files."""
        return bool(self.filesystem.exists(self.root))

    def hold(self, mark: str) -> None:
        """Write nothing from now on where a local folder is gone: one of its name would be made anew.

        Args:
            mark: a file that is there as long as the folder is.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> with TemporaryDirectory() as root:
            ...     folder = Folder.open(root)
            ...     folder.write("mark", b"")
            ...     folder.hold("mark")
            >>> folder.is_gone
            True
            >>> Folder.open("memory://runs").is_gone
            False
        """
        self.mark = mark if self.is_local else ""

    @property
    def is_gone(self) -> bool:
        """Whether it is held, and was moved or removed since; on an object store nothing is asked."""
        if not self.mark:
            return False
        try:
            Path(self.root, self.mark).stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # as of a server that does not answer now: the folder may be there
            return False
        return False

    def _target(self, name: str) -> Path:
        """Return the local path of a file that is to be written.

        Raises:
            UserError: the folder is gone.
        """
        if self.is_gone:
            raise UserError(gone(self.root))
        return Path(self.path(name))

    def check_writable(self) -> None:
        """Write, create, read and remove a probe, as a commit does.

        Raises:
            UserError: any of it fails.
        """
        probe = f"probe-{uuid.uuid4().hex}"
        try:
            if not self.create(probe, b"first"):
                raise OSError("a new file can't be told from one that exists")
            if self.create(probe, b"second"):
                raise OSError("of two writers of one file both win")
            self.write(probe, b"gridcell")
            if self.read(probe) != b"gridcell":
                raise OSError("what was written is not what was read")
            self.remove(probe)
        except Exception as error:  # each filesystem has its own errors: what failed is the user's storage
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"The storage '{self.root}' can't be written: {reason}") from error

    @patient
    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: there is none.
        """
        return self._whole(self.path(name))

    def _whole(self, path: str) -> bytes:
        try:
            # From its first byte on: for a file as a whole, S3 is first asked how long it is.
            return self.filesystem.cat_file(path, start=0)
        except FileNotFoundError:
            raise
        except Exception:  # of an empty file there is no first byte
            return self.filesystem.cat_file(path)

    @patient
    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of those files that exist, by one request each, many at once where it can."""
        names = list(names)
        if self.is_local:
            return {name: data for name in names if (data := self._read_if_there(name)) is not None}
        paths = [self.path(name) for name in names]
        read = self.filesystem.cat_ranges(paths, 0, None, on_error="return") if paths else []
        found = dict(zip(names, read, strict=True))
        for name, data in found.items():
            if isinstance(data, Exception) and not isinstance(data, FileNotFoundError):
                found[name] = self._whole(self.path(name))  # what can't be read for the moment isn't missing
        return {name: data for name, data in found.items() if isinstance(data, bytes)}

    def _read_if_there(self, name: str) -> bytes | None:
        try:
            return Path(self.path(name)).read_bytes()
        except FileNotFoundError:
            return None

    @patient
    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Write a file in one step, replacing what was there.

        Args:
            name: of the file.
            data: its content.
            durable: wait until it is on the disk, so that it outlives a machine that loses power.
        """
        if not self.is_local:
            self.filesystem.pipe_file(self.path(name), data)
            return
        target = self._target(name)
        with _temporary_beside(target) as temporary:
            write_file(temporary, data, durable=durable)
            temporary.replace(target)
            if durable:
                sync_folder(target.parent)

    @patient
    def create(self, name: str, data: bytes) -> bool:
        """Write a file in one step unless it exists; of concurrent writers exactly one gets True.

        It is on the disk then, so that it outlives a machine that loses power.
        """
        if not self.is_local:
            try:
                with _MEMORY if isinstance(self.filesystem, MemoryFileSystem) else contextlib.nullcontext():
                    self.filesystem.pipe_file(self.path(name), data, mode="create")
            except FileExistsError:
                return False
            return True
        target = self._target(name)
        with _temporary_beside(target) as temporary:
            write_file(temporary, data, durable=True)
            if not put_if_absent(temporary, target):
                return False
            sync_folder(target.parent)
        return True

    @patient
    def put(self, local: Path, name: str) -> None:
        """Copy a local file here in one step; it is on the disk then."""
        if not self.is_local:
            self.filesystem.put_file(str(local), self.path(name))
            return
        target = self._target(name)
        with (
            _temporary_beside(target) as temporary,
            local.open("rb") as source,
            temporary.open("wb") as copy,
        ):
            while block := source.read(_BLOCK):
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
            temporary.replace(target)
            sync_folder(target.parent)

    @patient
    def get(self, name: str, local: Path) -> None:
        """Copy a file from here to a local path in one step: several processes may share a cache.

        Raises:
            FileNotFoundError: there is none.
        """
        with _temporary_beside(local) as temporary:
            self.filesystem.get_file(self.path(name), str(temporary))
            temporary.replace(local)

    @patient
    def names(self, folder: str) -> list[str]:
        """List the files directly in ``folder``, without their path, sorted; none if there is no folder."""
        if self.is_local:
            path = Path(self.path(folder))
            entries = os.scandir(path) if path.is_dir() else ()
            return sorted(
                entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()
            )
        try:
            found = self.filesystem.ls(self.path(folder), detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(posixpath.basename(item["name"]) for item in found if item["type"] == "file")

    @patient
    def modified(self, name: str) -> float:
        """Return when a file was written, in seconds since 1970.

        Raises:
            FileNotFoundError: there is none.
        """
        return float(self.filesystem.modified(self.path(name)).timestamp())

    @patient
    def move(self, name: str, to: str) -> None:
        """Rename a file within this folder."""
        if self.is_local:
            self._target(to).parent.mkdir(parents=True, exist_ok=True)
            Path(self.path(name)).replace(self.path(to))
        elif _PATTERN.search(self.path(name)) and type(self.filesystem).mv is AbstractFileSystem.mv:
            self.filesystem.cp_file(self.path(name), self.path(to))  # mv would copy all that fit the pattern
            self.filesystem.rm_file(self.path(name))
        else:
            self.filesystem.mv(self.path(name), self.path(to))

    @patient
    def remove(self, name: str) -> None:
        """Remove a file or a folder with all it holds; no error if it is not there."""
        path = self.path(name)
        with contextlib.suppress(FileNotFoundError):
            if self.is_local or not _PATTERN.search(path):
                self.filesystem.rm(path, recursive=True)  # what is below is taken as it is, by S3 all at once
            else:
                for file in self.filesystem.find(path, refresh=True):
                    self.filesystem.rm_file(file)


@contextlib.contextmanager
def _temporary_beside(target: Path) -> Iterator[Path]:
    """Yield a hidden name beside the final one, on the same disk, and leave nothing behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        with naming(target):
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)
