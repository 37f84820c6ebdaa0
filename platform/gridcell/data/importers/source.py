"""What a published data set comes as: folders, tar or zip archives, read in place, not unpacked by name."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, Protocol

from gridcell.data.folders.walk import Inventory, is_hidden, walk
from gridcell.errors import UserError

_ARCHIVES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip")
# By the first bytes of the file, since names of downloads can't be relied on.
_UNPACKERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}

# What zipfile lets through where the directory or a file in it is damaged, or of a kind that it doesn't know.
_UNREADABLE_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a source.

    Attributes:
        name: Its path inside the source, with forward slashes, e.g. ``imagenet-a/n01498041/x.jpg``.
        size: In bytes.
        part: Which of the source's parts it lies in.
        place: Where in that part; means something to the part alone.
    """

    name: str
    size: int
    part: int
    place: Any


class Part(Protocol):
    """A folder or an archive.

    Attributes:
        inventory: What it holds, of which only the visible files are members; known once these were listed.
    """

    inventory: Inventory

    def members(self) -> Iterator[tuple[str, int, Any]]:
        """Yield (name, size in bytes, place) of every regular file."""

    def read(self, place: Any, size: int) -> bytes:
        """Return the content of one; safe to call from several threads."""

    def head(self, place: Any, size: int) -> bytes:
        """Return the first ``size`` bytes of one, fewer where it is shorter."""

    def close(self) -> None:
        """Let go of open files."""


class Source:
    """The files below one or more folders and archives, as one list sorted by name.

    A folder that holds archives and no folders, as ImageNet-C is downloaded, stands for what they hold (its
    plain files count too). Use it as a context manager: compressed archives lie unpacked as a whole in a
    temporary file meanwhile, so that any image can be read at once.

    Args:
        paths: Folders and archives (tar, also compressed, or zip).

    Raises:
        UserError: One doesn't exist, isn't an archive, is encrypted, or names a file outside its folder.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.paths = tuple(Path(path).expanduser() for path in paths)
        self._files = [file for path in self.paths for file in _parts_of(path)]
        self._parts: list[Part] = []

    def __enter__(self) -> "Source":
        try:
            for file in self._files:
                self._parts.append(_open_part(file, archives_apart=len(self._files) > len(self.paths)))
            members = [
                Member(name, size, number, place)
                for number, part in enumerate(self._parts)
                for name, size, place in part.members()
            ]
        except BaseException:
            self.close()
            raise
        self.members = sorted(members, key=lambda member: member.name)
        for one, next_one in pairwise(self.members):
            if one.name == next_one.name:
                self.close()
                raise UserError(f"{one.name} occurs twice in {', '.join(map(str, self.paths))}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open and remove temporary files."""
        for part in self._parts:
            part.close()
        self._parts = []

    def read(self, member: Member) -> bytes:
        """Return a file's content; safe to call from several threads."""
        return self._parts[member.part].read(member.place, member.size)

    def head(self, member: Member, size: int) -> bytes:
        """Return a file's first ``size`` bytes, fewer where it is shorter."""
        return self._parts[member.part].head(member.place, min(size, member.size))

    @property
    def inventories(self) -> "list[Inventory]":
        """What each part holds, hidden files and empty folders too; see :class:`Part`."""
        return [part.inventory for part in self._parts]

    def is_folder(self, part: int) -> bool:
        """Tell whether a part is a folder, whose members' names begin with its own."""
        return isinstance(self._parts[part], _Folder)

    def find(self, *names: str) -> Member | None:
        """Return the first file, in the order of ``names``, that has one of them without its folders."""
        for name in names:
            for member in self.members:
                if PurePosixPath(member.name).name == name:
                    return member
        return None

    def stamp(self) -> str:
        """Return a hash of the names and sizes of all files: tells sources apart without reading images."""
        digest = hashlib.sha256()
        for member in self.members:
            digest.update(json.dumps([member.name, member.size]).encode())
        return digest.hexdigest()


def _parts_of(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"There is no folder or archive {path}")
    if not path.is_dir():
        return [path]
    visible = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    archives = sorted(entry for entry in visible if entry.is_file() and entry.name.endswith(_ARCHIVES))
    if archives and not any(entry.is_dir() for entry in visible):
        return [*archives, path]
    return [path]


def _open_part(path: Path, *, archives_apart: bool) -> Part:
    if path.is_dir():
        return _Folder(path, archives_apart=archives_apart)
    if zipfile.is_zipfile(path):
        return _Zip(path)
    with path.open("rb") as file:
        start = file.read(8)
    for magic, unpacker in _UNPACKERS.items():
        if start.startswith(magic):
            return _Tar(path, unpacker)
    return _Tar(path, None)


def _checked(name: str, archive: Path) -> str:
    """Return a member's name, cleaned of ``./``.

    Raises:
        UserError: It is absolute or leads out of its folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise UserError(f"Archive {archive} names a file outside its folder: {name!r}; it is not imported")
    return path.as_posix()


def _hidden(name: str) -> bool:
    """Tell whether a file or one of its folders is hidden, as ``.DS_Store`` and ``__MACOSX/._x.jpg`` are."""
    return any(map(is_hidden, PurePosixPath(name).parts))


class _Folder:
    def __init__(self, root: Path, *, archives_apart: bool) -> None:
        self._root = root
        self._archives_apart = archives_apart
        self.inventory = Inventory((), ())

    def members(self) -> Iterator[tuple[str, int, Any]]:
        # The root's own name belongs to the path, as it does in an archive of the folder.
        top = self._root.resolve().name
        tree = walk(self._root)
        there = tree.inventory
        self.inventory = replace(
            there,
            files=tuple(f"{top}/{n}" for n in there.files if not (self._archives_apart and _is_archive(n))),
            folders=tuple(f"{top}/{name}" for name in there.folders),
        )
        for file in tree.files:
            if not _is_archive(file.name):
                yield f"{top}/{file.name}", file.stat.st_size, file.path

    def read(self, place: Any, size: int) -> bytes:
        return Path(place).read_bytes()

    def head(self, place: Any, size: int) -> bytes:
        with Path(place).open("rb") as file:
            return file.read(size)

    def close(self) -> None:
        pass


def _is_archive(name: str) -> bool:
    return name.endswith(_ARCHIVES)


class _Listed:
    """Sorts the entries of an archive into files, folders and what is hidden or special."""

    def __init__(self) -> None:
        self._files: list[str] = []
        self._folders: dict[str, None] = {}
        self._hidden = self._special = 0

    def note(self, name: str, *, folder: bool, special: bool) -> bool:
        """Note an entry; tell whether it is no visible file."""
        if _hidden(name):
            self._hidden += 1
            return True
        above = (
            PurePosixPath(name).parents if not folder else (PurePosixPath(name), *PurePosixPath(name).parents)
        )
        self._folders.update((path.as_posix(), None) for path in above if path != PurePosixPath("."))
        if folder or special:
            self._special += special and not folder
            return True
        self._files.append(name)
        return False

    def inventory(self) -> Inventory:
        """Return what was noted."""
        return Inventory(
            tuple(self._files), tuple(sorted(self._folders)), hidden=self._hidden, broken=self._special
        )


def _is_plain(entry: tarfile.TarInfo) -> bool:
    """Tell whether a tar holds a file's content in one piece."""
    return entry.isreg() and not entry.issparse()


class _Tar:
    def __init__(self, path: Path, unpacker: Callable[[Path], Any] | None) -> None:
        self._path = path
        self.inventory = Inventory((), ())
        try:
            if unpacker is None:
                self._file: IO[bytes] = path.open("rb")
            else:
                # Only this one stream is written, to a file without a name: no member's name reaches a disk.
                self._file = tempfile.TemporaryFile(prefix="gridcell-")  # noqa: SIM115 - see close()
                with unpacker(path) as packed:
                    shutil.copyfileobj(packed, self._file, 1 << 20)
                self._file.flush()
                self._file.seek(0)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            self.close()
            raise UserError(f"Archive {path} can't be unpacked: {error}") from error

    def members(self) -> Iterator[tuple[str, int, Any]]:
        links: list[tuple[str, str]] = []  # name, name of the file it is the same as
        listed = _Listed()
        for entry in self._entries():
            name = _checked(entry.name, self._path)
            if listed.note(name, folder=entry.isdir(), special=not (entry.islnk() or _is_plain(entry))):
                continue
            if entry.islnk():
                links.append((name, _checked(entry.linkname, self._path)))
            else:
                yield name, entry.size, entry.offset_data
        self.inventory = listed.inventory()
        if links:
            yield from self._linked(links)

    def _linked(self, links: list[tuple[str, str]]) -> Iterator[tuple[str, int, Any]]:
        """Yield hard links as the files that they are: a second pass, since few archives have any.

        Raises:
            UserError: A link's file isn't in the archive.
        """
        wanted = {target for _, target in links}
        found = {
            name: (entry.size, entry.offset_data)
            for entry in self._entries()
            if _is_plain(entry) and (name := _checked(entry.name, self._path)) in wanted
        }
        for name, target in links:
            if target not in found:
                raise UserError(f"{name} in {self._path} is a hard link to {target}, which is no file in it")
            yield name, *found[target]

    def _entries(self) -> Iterator[tarfile.TarInfo]:
        self._file.seek(0)
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as archive:
                for entry in archive:
                    yield entry
                    archive.members = []  # type: ignore[attr-defined]  # of millions of entries, only ours are kept
        except tarfile.TarError as error:
            raise UserError(f"{self._path} is no archive that can be read: {error}") from error

    def read(self, place: Any, size: int) -> bytes:
        content = os.pread(self._file.fileno(), size, place)
        if len(content) != size:
            raise OSError(f"{self._path} ends early")
        return content

    def head(self, place: Any, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, place)

    def close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


class _Zip:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.inventory = Inventory((), ())
        try:
            self._archive = zipfile.ZipFile(path)
        except _UNREADABLE_ZIP as error:
            raise UserError(f"{path} is no archive that can be read: {error}") from error

    def members(self) -> Iterator[tuple[str, int, Any]]:
        listed = _Listed()
        for entry in self._archive.infolist():
            name = _checked(entry.filename, self._path)
            if listed.note(name, folder=entry.is_dir(), special=False):
                continue
            if entry.flag_bits & 1:
                raise UserError(f"Archive {self._path} is encrypted: unpack it first, then import the folder")
            yield name, entry.file_size, entry.filename
        self.inventory = listed.inventory()

    def read(self, place: Any, size: int) -> bytes:
        try:
            return self._archive.read(place)
        except _UNREADABLE_ZIP as error:
            raise OSError(f"{place} in {self._path}: {error}") from error

    def head(self, place: Any, size: int) -> bytes:
        try:
            with self._archive.open(place) as file:
                return file.read(size)
        except _UNREADABLE_ZIP as error:
            raise OSError(f"{place} in {self._path}: {error}") from error

    def close(self) -> None:
        self._archive.close()
