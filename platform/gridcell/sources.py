"""Which files a Python file imports, found by reading them: nothing is run."""

import ast
import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from gridcell.paths_in_code import places_in, texts_of_places
from gridcell.syntax import names_of_texts, parsed, text_of, texts_in

Read = Callable[[Path], bytes]
"""Returns a file's text: as it is now, or as a process first read it."""


def imported_files(
    start: Path,
    roots: Sequence[Path],
    packages: Collection[str] | None = None,
    *,
    around: Collection[Path] | None = None,
    read: Read = Path.read_bytes,
) -> dict[Path, Path]:
    """Return a file and all that it imports within some folders, directly or through others, sorted.

    Imports inside functions count, those for type checkers do not. ``import_module(f"models.{name}")`` and
    ``from models import *`` stand for all modules of that package. In a file that imports by name, each text
    may be the name: ``for name in ("one", "two"): import_module(name)``. Folders that a file adds to
    ``sys.path`` count from there on, where they lie in one of the folders.
    What lies in none of the folders, such as an installed library, is left out. Links are not resolved,
    so a linked file belongs to the folder in which the link lies.

    Args:
        start: a Python file, in the first of the folders.
        roots: folders that modules are looked for in, as ``sys.path`` has them; the first that has one wins.
        packages: of these folders, the packages that count; all by default.
        around: those of the folders where the ``__init__.py`` of packages on the way to a module count, which
            Python runs, too; all by default.
        read: returns a file's text.

    Returns:
        File -> the one of the folders in which it was found.

    Raises:
        SyntaxError: one of the files is not Python.
        OSError: one can't be read.
    """
    folders = tuple(root.resolve() for root in roots)
    whole = folders if around is None else tuple(root.resolve() for root in around)
    found: dict[Path, Path] = {}
    waiting = [(plain(start, folders[0]), folders[0])]
    wanted = None if packages is None else set(packages)
    while waiting:
        path, root = waiting.pop()
        if path in found:
            continue
        found[path] = root
        for folder in _added_to_path(path, folders, read):
            folders, whole = (*folders, folder), (*whole, folder)
            if wanted is not None:
                wanted |= importable(folder)
        names = (*imported_names(path, root, read), *_may_import(path, root, read))
        for name in _told(names, folders):
            if wanted is None or any(name == package or name.startswith(f"{package}.") for package in wanted):
                where, files = files_of_module(name, folders, whole)
                waiting += [(file, where) for file in files]
    return dict(sorted(found.items()))


def importable(folder: Path) -> set[str]:
    """Return the names of what can be imported from a folder."""
    return {entry.stem if entry.suffix == ".py" else entry.name for entry in folder.iterdir()}


def _added_to_path(path: Path, folders: Sequence[Path], read: Read) -> list[Path]:
    """Return the folders below some that a file adds to ``sys.path``, as far as it tells."""
    if path.suffix != ".py" or b"sys.path" not in (text := read(path)):
        return []
    told = [*places_in(text, str(path)), *texts_of_places(text, str(path))]
    found = {Path(os.path.normpath(path.parent / one)) for one in told if "*" not in one}
    return sorted(
        one
        for one in found - set(folders)
        if one.is_dir() and any(one.is_relative_to(folder) for folder in folders)
    )


def imported_names(path: Path, root: Path, read: Read = Path.read_bytes) -> tuple[str, ...]:
    """Return the dotted names that a file imports, of what may be modules.

    A ``*`` in a name stands for what is known only when the file is run. A compiled module tells nothing.

    Args:
        path: a Python file.
        root: the folder that its package lies in, for its relative imports.
        read: returns the file's text.
    """
    if path.suffix != ".py":
        return ()
    return _imports_of(read(path), str(path), _package_of(path, root))


def _may_import(path: Path, root: Path, read: Read) -> tuple[str, ...]:
    if path.suffix != ".py":
        return ()
    return _texts_that_may_name_modules(read(path), str(path), _package_of(path, root))


@lru_cache(maxsize=4096)
def _package_of(path: Path, root: Path) -> str:
    return ".".join(inside(path, root).parent.parts)


def plain(path: Path, root: Path) -> Path:
    """Return a file's absolute path without ``..``, below a folder: links in it stay as they are.

    Where a link leads into the folder from outside, it is resolved.
    """
    path = Path(os.path.normpath(path.absolute()))
    return path if path.is_relative_to(root.resolve()) else path.resolve()


def inside(path: Path, root: Path) -> Path:
    """Return a file's path from a folder that holds it.

    Raises:
        ValueError: the folder does not hold it.
    """
    return plain(path, root).relative_to(root.resolve())


def look_again() -> None:
    """Forget which modules there are: files may have come or gone since."""
    files_of_module.cache_clear()
    _package_of.cache_clear()


def _told(names: Sequence[str], roots: Sequence[Path]) -> Iterator[str]:
    """Yield names, and for each with a ``*`` the modules that it may stand for."""
    for name in names:
        yield from _expanded(name, roots) if "*" in name else (name,)


def _expanded(name: str, roots: Sequence[Path]) -> Iterator[str]:
    parts = name.split(".")
    place = next(index for index, part in enumerate(parts) if "*" in part)
    for root in roots:
        folder = root.joinpath(*parts[:place])
        if not folder.is_dir():
            continue
        for entry in sorted(folder.iterdir()):
            module = entry.name.split(".")[0]
            code = entry.suffix == ".py" or entry.name.endswith(tuple(EXTENSION_SUFFIXES)) or entry.is_dir()
            if code and module.isidentifier() and fnmatchcase(module, parts[place]):
                rest = ".".join([*parts[:place], module, *parts[place + 1 :]])
                yield from _expanded(rest, roots) if "*" in rest else (rest,)


@lru_cache(maxsize=4096)
def _imports_of(text: bytes, path: str, package: str) -> tuple[str, ...]:
    tree = parsed(text, path)
    known = {**names_of_texts(tree), **_own_names(path, package)}
    return tuple(dict.fromkeys(filter(None, _names_in(tree, package, known))))


def _own_names(path: str, package: str) -> dict[str, str]:
    own = Path(path).stem
    name = package if own == "__init__" else ".".join(filter(None, [package, own]))
    return {"__name__": name, "__package__": package}


def _names_in(tree: ast.AST, package: str, known: Mapping[str, str]) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_for_types(node.test):
            waiting += node.orelse  # the rest is never run
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = _absolute("." * node.level + base, package)
            if base:
                yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from _imported_by(node, package, known)


def _imported_by(node: ast.Call, package: str, known: Mapping[str, str]) -> Iterator[str]:
    """Yield what a call of ``import_module(name, package)`` imports, where the file tells it."""
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    name, around = (named.get(key, _item(node.args, at)) for at, key in enumerate(("name", "package")))
    if name is None or (told := text_of(name, known)).startswith("*"):
        return
    start = text_of(around, known) if around is not None and _called(node) == "import_module" else "*"
    yield _absolute(told, package if start.startswith("*") else start)


def _item(nodes: Sequence[ast.expr], at: int) -> ast.expr | None:
    return nodes[at] if at < len(nodes) else None


def _is_for_types(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


_BY_NAME = re.compile(
    rb"import_module|__import__|importlib\.(util|machinery)|run_module|resolve_name|pydoc|_target_"
    rb"|(?<![\w.])(exec|eval)\("
)
"""Signs of a file that may import by a name which is no more than a text."""
_MODULE = re.compile(r"\.*[A-Za-z_]\w*(\.[\w*]+)*(:[\w.]+)?")


@lru_cache(maxsize=4096)
def _texts_that_may_name_modules(text: bytes, path: str, package: str) -> tuple[str, ...]:
    """Return what a file's texts may import, if it imports by name: any of them may be such a name."""
    if not _BY_NAME.search(text):
        return ()
    found: dict[str, None] = {}
    for one in texts_in(parsed(text, path)):
        if _MODULE.fullmatch(one):
            found[_absolute(one.partition(":")[0], package)] = None
        elif "import" in one:
            with contextlib.suppress(SyntaxError, ValueError):  # code in a text, as for exec
                found |= dict.fromkeys(_names_in(ast.parse(one), package, _own_names(path, package)))
    return tuple(filter(None, found))


def _called(node: ast.Call) -> str:
    """Return the last name of a called function."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _absolute(name: str, package: str) -> str:
    """Return a dotted name that may begin with dots, as relative imports do, from the root on."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    above = package.split(".")
    return ".".join(filter(None, [*above[: len(above) - level + 1], name[level:]]))


@lru_cache(maxsize=65536)
def files_of_module(
    name: str, roots: tuple[Path, ...], around: tuple[Path, ...] = ()
) -> tuple[Path, tuple[Path, ...]]:
    """Return the files that run when a module is imported: its own, and those of the packages around it.

    Args:
        name: dotted.
        roots: folders that it is looked for in.
        around: those of them where packages around it count.

    Returns:
        The folder in which they lie, and the files.
    """
    parts = name.split(".")
    for root in roots:
        if not ((root / parts[0]).is_dir() or _module_at(root / parts[0])):
            continue
        files: list[Path] = []
        folder = root
        for part in parts:
            module, folder = _module_at(folder / part), folder / part
            if (folder / "__init__.py").is_file():
                files.append(folder / "__init__.py")
            elif module:
                files.append(module)
                break
            elif not folder.is_dir():  # a name that a module defines, not a module
                if not files:
                    break
                return root, tuple(files) if root in around else ()
        if files:  # else it is a folder that happens to be called so, which Python passes over, too
            return root, tuple(files if root in around else files[-1:])
    return roots[0], ()


def _module_at(place: Path) -> Path | None:
    """Return the file of a module: Python looks for a compiled one first."""
    for suffix in (*EXTENSION_SUFFIXES, ".py"):
        file = place.with_name(f"{place.name}{suffix}")
        if file.is_file():
            return file
    return None
