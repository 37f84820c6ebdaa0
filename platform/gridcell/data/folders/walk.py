"""The walker: every file below a folder, links followed, in one order, and what was not entered."""

import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from gridcell.data.folders.formats import has_image_ending
from gridcell.errors import UserError

_SYSTEM = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"})
"""What systems leave in folders, in lower case; names that begin with a dot are hidden, too."""


@dataclass(frozen=True, slots=True)
class File:
    """One regular file.

    Attributes:
        name: Its path inside the folder, with forward slashes.
        place: Where to open it.
        stat: Of the file itself, not of a link to it.
    """

    name: str
    place: str
    stat: os.stat_result

    @property
    def path(self) -> Path:
        """Where to open it; made when it is asked for, since planning opens few files."""
        return Path(self.place)


@dataclass(frozen=True)
class Inventory:
    """What lies below a folder, by names alone: of an archive too.

    Attributes:
        files: Names of the files, with forward slashes.
        folders: Names of the folders.
        hidden: How many hidden and system files and folders are not entered.
        loops: How many links to a folder that they lie in.
        broken: How many links that lead nowhere, and files that are neither regular nor folders.
    """

    files: tuple[str, ...]
    folders: tuple[str, ...]
    hidden: int = 0
    loops: int = 0
    broken: int = 0


@dataclass
class Tree:
    """What lies below a folder.

    Attributes:
        files: Every regular file, sorted by its path's parts.
        folders: Names of all folders below, linked ones too, sorted likewise.
        hidden: Hidden and system files and folders, which are not entered.
        loops: Links to a folder that they lie in, which are not entered.
        broken: Links that lead nowhere, and files that are neither regular nor folders.
    """

    files: list[File] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def inventory(self) -> Inventory:
        """The same by names and numbers."""
        return Inventory(
            files=tuple(file.name for file in self.files),
            folders=tuple(self.folders),
            hidden=len(self.hidden),
            loops=len(self.loops),
            broken=len(self.broken),
        )


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden or the system's own, as ``.DS_Store`` and ``__MACOSX`` are.

    Example:
        >>> is_hidden(".DS_Store"), is_hidden("cat.jpg")
        (True, False)
    """
    return name.startswith(".") or name.lower() in _SYSTEM


def require_outside(out: str | Path, base: str | Path) -> None:
    """Make sure that what is written to ``out`` is not read as a part of ``base`` by the next reader.

    Args:
        out: A folder, which need not be there; links in its path are followed.
        base: A folder, whose class folders may be links.

    Raises:
        UserError: ``out`` is ``base``, or lies in it.

    Example:
        >>> require_outside("photographs/sets", "photographs")
        Traceback (most recent call last):
        ...
        gridcell.errors.UserError: photographs/sets lies in photographs, which is read: choose a folder ...
    """
    place, top = Path(out).expanduser().resolve(), Path(base).expanduser()
    real = top.resolve()
    links = [one for one in top.iterdir() if one.is_symlink() and one.is_dir()] if top.is_dir() else []
    # A link to a folder that it lies in is not entered.
    entered = [one.resolve() for one in links if not real.is_relative_to(one.resolve())]
    if any(place.is_relative_to(one) for one in (real, *entered)):
        raise UserError(f"{out} lies in {base}, which is read: choose a folder outside it")


def walk(root: str | Path) -> Tree:
    """List the files below ``root``.

    Links to files and folders are followed. A link to a folder that holds the link ends there.

    Raises:
        UserError: A folder can't be listed, two names lead to one folder, or a link with the name of an image
            leads nowhere.
    """
    tree = Tree()
    top = Path(root)
    try:
        at = top.stat()
    except OSError as error:
        raise UserError(f"The folder {top} can't be read: {error.strerror}") from error
    here = (at.st_dev, at.st_ino)
    _visit(tree, top, "", {here: "."}, _around(top) | {here})
    return tree


def _around(top: Path) -> frozenset[tuple[int, int]]:
    """Return what identifies the folders that a folder lies in, also where it is itself a link."""
    found = set()
    for folder in {*top.absolute().parents, *top.resolve().parents}:
        with contextlib.suppress(OSError):  # one that can't be looked into can't be entered either
            at = folder.stat()
            found.add((at.st_dev, at.st_ino))
    return frozenset(found)


def _visit(
    tree: Tree, folder: Path, inside: str, seen: dict[tuple[int, int], str], above: frozenset[tuple[int, int]]
) -> None:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"The folder {folder} can't be read: {error.strerror}") from error
    for entry in entries:
        name = f"{inside}{entry.name}"
        if is_hidden(entry.name):
            tree.hidden.append(name)
            continue
        try:
            found = entry.stat()
        except OSError as error:
            if has_image_ending(entry.name):
                raise UserError(f"The link {entry.path} leads to no file: {error.strerror}") from error
            tree.broken.append(name)
            continue
        if stat.S_ISREG(found.st_mode):
            tree.files.append(File(name, entry.path, found))
        elif not stat.S_ISDIR(found.st_mode):
            tree.broken.append(name)
        elif (identity := (found.st_dev, found.st_ino)) in above:
            tree.loops.append(name)
        elif identity in seen:
            raise UserError(
                f"{folder / entry.name} and {_top(folder, inside) / seen[identity]} are one folder "
                "under two names, so its images would be read twice: remove one of the links"
            )
        else:
            seen[identity] = name
            tree.folders.append(name)
            _visit(tree, Path(entry.path), f"{name}/", seen, above | {identity})


def _top(folder: Path, inside: str) -> Path:
    """Return the folder that a walk began in, from one that it came to."""
    return folder.parents[inside.count("/") - 1] if inside else folder
