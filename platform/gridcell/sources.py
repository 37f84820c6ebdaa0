"""Which files a Python file imports, found by reading them: nothing is run."""

import ast
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

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

    Imports inside functions count, and ``import_module``, ``__import__`` with a name that the file tells:
    ``import_module(f"models.{name}")`` and ``from models import *`` stand for all modules of that package.
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
    wanted = None if packages is None else frozenset(packages)
    while waiting:
        path, root = waiting.pop()
        if path in found:
            continue
        found[path] = root
        for name in _told(imported_names(path, root, read), folders):
            if wanted is None or any(name == package or name.startswith(f"{package}.") for package in wanted):
                where, files = files_of_module(name, folders, whole)
                waiting += [(file, where) for file in files]
    return dict(sorted(found.items()))


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


@lru_cache(maxsize=256)
def parsed(text: bytes, path: str) -> ast.Module:
    """Return a file's syntax tree, which several readers of one file share; see :func:`forget_trees`.

    Raises:
        SyntaxError: it is not Python.
    """
    return ast.parse(text, path)


def forget_trees() -> None:
    """Give back the memory of the trees: each is a hundred times as large as its text."""
    parsed.cache_clear()


@lru_cache(maxsize=4096)
def _imports_of(text: bytes, path: str, package: str) -> tuple[str, ...]:
    own = Path(path).stem
    name = package if own == "__init__" else ".".join(filter(None, [package, own]))
    known = {"__name__": name, "__package__": package}
    return tuple(dict.fromkeys(filter(None, _names_in(parsed(text, path), package, known))))


def _names_in(tree: ast.AST, package: str, known: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = _absolute("." * node.level + base, package)
            if base:
                yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and _called(node) in ("import_module", "__import__"):
            name = text_of(node.args[0], known)
            if not name.startswith("*"):  # else the file does not tell what it imports
                yield _absolute(name, package)


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


def text_of(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return the text that an expression gives, with ``*`` for what is known only when it is run.

    Args:
        node: of a file's tree.
        known: name -> text that it stands for.

    Example:
        >>> text_of(ast.parse('f"models.{name}"', mode="eval").body, {})
        'models.*'
    """
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.FormattedValue(value=value):
            return text_of(value, known)
        case ast.JoinedStr(values=values):
            return "".join(text_of(value, known) for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left, known) + text_of(right, known)
    return "*"


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
