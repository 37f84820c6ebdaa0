"""Which files a Python file reads that lie beside it, found by reading the file: nothing is run.

It sees paths that start from ``__file__`` or from ``importlib.resources.files``, with a ``*`` in the place of
what is known only later: ``Path(__file__).with_name("table.json")``, ``HERE / "maps" / f"{name}.txt"``, where
``HERE`` may be imported from another file, ``files(__package__).joinpath("words.tsv")``,
``os.path.join(os.path.dirname(__file__), "x.csv")``, ``f"{HERE}/x.csv"`` or
``pkgutil.get_data("maps", "a.txt")``.
A file that reads data in another way declares them, relative to its folder: ``DATA_FILES = ("maps/*.txt",)``.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gridcell.paths_in_code import Place, places_in, places_named, texts_of_places
from gridcell.sources import Read, files_of_module, imported_files, imported_names, plain

_CODE = (".py", ".pyi", ".pyc", ".so")


@dataclass(frozen=True)
class Files:
    """What code consists of.

    Attributes:
        code: Python file -> the folder in which it was found.
        data: data file that these read beside them -> the folder of the Python file.
    """

    code: Mapping[Path, Path]
    data: Mapping[Path, Path]


def files_of(
    start: Path,
    roots: Sequence[Path],
    packages: Collection[str] | None = None,
    *,
    around: Collection[Path] | None = None,
    read: Read = Path.read_bytes,
) -> Files:
    """Return a Python file, all that it imports, and what these read beside them, each sorted.

    A Python file that is named by its path, as for ``runpy``, counts as one that is imported.

    Args:
        start: a Python file, in the first of the folders.
        roots: folders that modules are looked for in; files outside of them do not count.
        packages: see :func:`~gridcell.sources.imported_files`.
        around: see there.
        read: returns a file's text.

    Raises:
        SyntaxError: one of the files is not Python.
        OSError: one can't be read.
    """
    code: dict[Path, Path] = {}
    data: dict[Path, Path] = {}
    waiting = [(start, list(roots))]
    while waiting:
        one, folders = waiting.pop()
        for path, root in imported_files(one, folders, packages, around=around, read=read).items():
            if path in code:
                continue
            code[path] = root
            for file in named_files(path, root, read):
                if file.suffix == ".py":
                    waiting.append((file, [root, *(other for other in roots if other != root)]))
                else:
                    data[file] = root
    return Files(dict(sorted(code.items())), dict(sorted(data.items())))


def data_files(path: Path, root: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> tuple[Path, ...]:
    """Return the data files that a Python file reads, sorted: those that are there, below a folder.

    Args:
        path: of the Python file.
        root: the folder that its package lies in; files outside of it do not count.
        read: returns the file's text.

    Raises:
        SyntaxError: it is not Python.
    """
    return tuple(file for file in named_files(path, root, read) if file.suffix != ".py")


def named_files(path: Path, root: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> tuple[Path, ...]:
    """Return the files that a Python file names by their paths, sorted: those that are there, below a folder.

    Code counts where it is named exactly, and not where a pattern or a folder takes it in.

    Args:
        path: of the Python file.
        root: the folder that its package lies in.
        read: returns the file's text.

    Raises:
        SyntaxError: it is not Python.
    """
    if path.suffix != ".py":
        return ()
    path, root = plain(path, root), root.resolve()
    return tuple(sorted(file for file in _named(path, root, read) if file.is_relative_to(root)))


def files_outside(
    path: Path, root: Path, read: Callable[[Path], bytes] = Path.read_bytes
) -> tuple[Path, ...]:
    """Return the data files that a Python file names by their paths, and that lie outside of its folder.

    Their edits are not noticed, and they do not travel with the code.

    Args:
        path: of the Python file.
        root: the folder that its package lies in.
        read: returns the file's text.

    Raises:
        SyntaxError: it is not Python.
    """
    if path.suffix != ".py":
        return ()
    path, root = plain(path, root), root.resolve()
    found = (file for file in _named(path, root, read) if not file.is_relative_to(root))
    return tuple(sorted(file for file in found if file.suffix != ".py"))


def _named(path: Path, root: Path, read: Read) -> set[Path]:
    text, imported = read(path), _imported(path, root, read)
    patterns = [*places_in(text, str(path), imported)]
    folders = [folder for folder in path.parents if folder.is_relative_to(root)]
    for told in texts_of_places(text, str(path), imported):
        patterns += [str(folder / told) for folder in folders if _leads_somewhere(folder, told)]
    return {file for pattern in patterns for file in _matching(pattern)} - {path}


def _leads_somewhere(folder: Path, told: str) -> bool:
    """Return whether a text may be a path from a folder: a pattern must begin with what is there."""
    first, _, rest = told.partition("/")
    return "*" not in told or (bool(rest) and "*" not in first and (folder / first).is_dir())


def _imported(path: Path, root: Path, read: Callable[[Path], bytes]) -> tuple[Place, ...]:
    """Return the paths that other files of a folder give names to, and that a file imports."""
    found: dict[str, str] = {}
    if not path.is_relative_to(root):
        return ()
    for name in imported_names(path, root, read):
        _, files = files_of_module(name, (root,))
        for file in files:
            found[f"{name.rpartition('.')[2]}.__file__"] = str(file)
            if file.suffix == ".py":
                with contextlib.suppress(SyntaxError):  # told where that file itself is read
                    found |= dict(places_named(read(file), str(file)))
    return tuple(sorted(found.items()))


def _matching(pattern: str) -> Iterator[Path]:
    """Yield the files that a path with ``*`` in it stands for; hidden ones and code are none."""
    place = Path(os.path.normpath(pattern))
    if "*" not in pattern:
        if place.is_file() and place.suffix not in _CODE[1:]:
            yield place
        return
    fixed = Path(*place.parts[: next(k for k, part in enumerate(place.parts) if "*" in part)])
    with contextlib.suppress(ValueError, NotImplementedError):  # a pattern that Python refuses
        for file in fixed.glob(str(place.relative_to(fixed))):
            parts = file.relative_to(fixed).parts
            hidden = any(part.startswith((".", "__pycache__")) for part in parts)
            if file.is_file() and not hidden and file.suffix not in _CODE:
                yield file
