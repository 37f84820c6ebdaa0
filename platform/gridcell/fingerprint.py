"""The fingerprint of a cell's code: which files it runs, and what they say, whatever their layout.

A cell's code is the module of its function, the parts that its configuration names, all that these import,
inside functions too, within the task's packages or a plug-in's folder, and the data files that these read
beside them. Parts that lie in gridcell, such as shifts, count as parts; the rest of gridcell counts by the
version of the cell's kind.
"""

import base64
import contextlib
import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gridcell import plugins
from gridcell.cell import Cell
from gridcell.digest import DIGITS, combined, digest_of, digest_of_bytes, earlier_digest_of
from gridcell.errors import UserError
from gridcell.package_data import files_of, files_outside
from gridcell.paths_elsewhere import present, read_elsewhere
from gridcell.sources import Read, importable, imported_names, inside, look_again
from gridcell.syntax import forget_trees
from gridcell.task import Task

RULE = 3
"""Raised where other files count than before, or other words in them.

What was not counted before does not make results stale: a record of an earlier rule is compared by the files
that both rules count, and by the digests of its own rule.
"""


@dataclass(frozen=True)
class Code:
    """What a cell runs.

    Attributes:
        fingerprint: of all files together.
        files: dotted name of a module, or name of a plug-in's file -> digest of what it says.
        data: path of a data file that these read beside them, from the folder that holds their package
            -> digest of its bytes.
        release: name and version of the distribution, where every file is as it was released.
        imports: names of the other packages that the files import.
        elsewhere: paths of the working folder, or absolute ones, by which the user's own files read: what
            these hold is not in the fingerprint.
        outside: data files that the user's own files read by a path which starts from the code and leads out
            of its folder, likewise.
        earlier: name of a file -> its digest by the rules of before, where that is another.
    """

    fingerprint: str
    files: Mapping[str, str]
    release: str | None = None
    imports: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    earlier: Mapping[str, str] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"files": dict(self.files), "data": dict(self.data), "release": self.release, "rule": RULE}


class Codes:
    """The code of a task's cells, each file read once.

    Args:
        task: whose cells they are.
        read: returns a file's text; by default as it is now.
    """

    def __init__(self, task: Task, read: Read = Path.read_bytes) -> None:
        look_again()
        self._task = task
        self._read = cache(read)
        self._own = {kind: _modules_of(task, kind) for kind in task.cells}
        self._known: dict[tuple[str, ...], Code] = {}

    def of(self, cell: Cell) -> Code:
        """Return the code of a cell.

        Raises:
            UserError: a file of it is not Python.
        """
        modules = (*self._own[cell.kind], *self._task.parts_of(cell))
        if modules not in self._known:
            try:
                self._known[modules] = _code(modules, packages_of(self._task), self._read)
            except SyntaxError as error:
                raise UserError(
                    f"'{error.filename}' is not valid Python: {error.msg} (line {error.lineno})"
                ) from error
            finally:
                forget_trees()
        return self._known[modules]


def _modules_of(task: Task, kind: str) -> tuple[str, ...]:
    """Return the modules of the functions that run a kind of cell: one alone, and several in a pass."""
    batch = task.batches.get(kind)
    functions = [task.cells[kind], *([batch.run] if batch is not None else [])]
    return tuple(dict.fromkeys(function.partition(":")[0] for function in functions))


def unwatched(code: Code) -> list[str]:
    """Return the packages that a cell's code imports from sources of the user's own, which may be edited.

    Installed packages are known by their version; these are not, and their files are not in the fingerprint.

    Example:
        >>> unwatched(Code("", {}, imports=("numpy", "gridcell")))
        []
    """
    return [name for name in code.imports if name != "gridcell" and plugins.is_own(name)]


def unwatched_data(code: Code) -> list[str]:
    """Return the data files that a cell's code reads by a path which does not start from where the code lies.

    Those that are there, seen from the working folder: their edits are not noticed.

    Example:
        >>> unwatched_data(Code("", {}, elsewhere=("no/such.json",)))
        []
    """
    return present(code.elsewhere, Path.cwd())


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of the files that differ between two codes, sorted."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def packages_of(task: Task) -> set[str]:
    """Return the top-level names of the packages that hold a task's code."""
    return {*task.packages, *(where.partition(":")[0].partition(".")[0] for where in task.cells.values())}


def _code(modules: Iterable[str], packages: Iterable[str], read: Read) -> Code:
    paths: dict[Path, str] = {}
    beside: dict[Path, str] = {}
    imports: set[str] = set()
    elsewhere: dict[str, None] = {}
    outside: set[str] = set()
    roots = roots_of(packages)
    for module in modules:
        start, root, own = _place(module)
        if own.startswith("gridcell."):
            where, wanted = [root], {own}
        else:  # a file of the user's own, or an installed part, may import the task's packages
            where = [root, *sorted(set(roots.values()) - {root})]
            wanted = {*roots, *((own,) if own else importable(root))}
        around = [] if own else [root]  # in the user's own folder, all that Python runs counts
        found = files_of(start, where, wanted, around=around, read=read)
        for path, found_in in found.code.items():
            paths[path] = _name(path, found_in)
            imports |= {name.partition(".")[0] for name in imported_names(path, found_in, read)}
            if not own and path.suffix == ".py":
                elsewhere |= dict.fromkeys(read_elsewhere(read(path), str(path)))
            if not own and found_in == root.resolve():
                outside |= {str(file) for file in files_outside(path, found_in, read)}
        beside |= {file: file.relative_to(folder.resolve()).as_posix() for file, folder in found.data.items()}
    files = _by_name(paths, lambda path: digest_of(path, read))
    before = _by_name(paths, lambda path: earlier_digest_of(path, read))
    data = _by_name(beside, lambda path: digest_of_bytes(read(path)))
    text = "\n".join(f"{name} {digest}" for name, digest in {**files, **data}.items())
    ours = {name.partition(".")[0] for name in files}
    return Code(
        fingerprint=hashlib.sha256(text.encode()).hexdigest()[:DIGITS],
        files=files,
        release=_release({**paths, **beside}),
        imports=tuple(sorted(name for name in imports - ours if name not in sys.stdlib_module_names)),
        data=data,
        elsewhere=tuple(elsewhere),
        outside=tuple(sorted(outside)),
        earlier={name: digest for name, digest in before.items() if digest != files[name]},
    )


def _by_name(names: Mapping[Path, str], digest: Callable[[Path], str]) -> dict[str, str]:
    """Return name -> digest, sorted; files of one name, such as parts of two folders, have one together."""
    digests: dict[str, list[str]] = {}
    for path, name in sorted(names.items(), key=lambda item: item[1]):
        digests.setdefault(name, []).append(digest(path))
    return {name: combined(each) for name, each in digests.items()}


def _place(module: str) -> tuple[Path, Path, str]:
    """Return a module's file, the folder that its imports start from, and the package that counts.

    The package is empty where the whole folder counts: for a file of the user's own.
    """
    if module.endswith(".py"):
        path = plugins.here(Path(module))
        return path, path.parent, ""
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        spec = find_spec(module)
        origin = spec.origin if spec is not None else None
    if origin is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    path = Path(origin).resolve()
    parts = module.split(".")
    if module.startswith("gridcell_plugin_"):  # a file of the user's own, or a package
        return path, path.parent, ""
    if len(parts) == 1 and path.name != "__init__.py":  # a single file, of the user's own or installed
        ours = {plugin.path.parent for plugin in plugins.loaded()}
        return path, path.parent, "" if path.parent in ours else module
    depth = len(parts) if path.name == "__init__.py" else len(parts) - 1
    root = path.parent
    for _ in range(depth):
        root = root.parent
    own = ".".join(parts[:-1]) if parts[0] == "gridcell" else parts[0]
    return path, root, own


def roots_of(packages: Iterable[str]) -> dict[str, Path]:
    """Return each package, of those that are here, and the folder that it lies in."""
    found = {}
    for package in sorted(packages):
        with contextlib.suppress(ModuleNotFoundError):
            _, root, own = _place(package)
            if own == package:
                found[package] = root
    return found


def _name(path: Path, root: Path) -> str:
    place = inside(path, root)
    parts = (*place.parts[:-1], place.name.partition(".")[0])
    return ".".join(part for part in parts if part != "__init__") or "__init__"


def _release(paths: Mapping[Path, str]) -> str | None:
    """Return the release that all files are of, unmodified, or None."""
    found = {_released(path, re.split(r"[./]", name)[0]) for path, name in paths.items()}
    return found.pop() if len(found) == 1 else None


@cache
def _released(path: Path, package: str) -> str | None:
    for name in filter(None, (package, package.replace("_", "-"), "gridcell")):
        try:
            owner = distribution(name)
        except PackageNotFoundError:
            continue
        hashes = _hashes(name)
        if path in hashes:
            digest = hashlib.sha256(path.read_bytes()).digest()
            same = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == hashes[path]
            return f"{owner.metadata['Name']} {owner.version}" if same else None
    return None


@cache
def _hashes(name: str) -> Mapping[Path, str]:
    """Return the SHA-256 of each file of a distribution, as its record has them."""
    files = distribution(name).files or []
    return {Path(str(file.locate())).resolve(): file.hash.value for file in files if file.hash is not None}
