"""Which files a Python file imports, found by reading them: nothing is run."""

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path


def imported_files(
    start: Path, roots: Sequence[Path], packages: Collection[str] | None = None, *, around: bool = True
) -> list[Path]:
    """Return a file and all that it imports within some folders, directly or through others, sorted.

    Imports inside functions count. What lies in none of the folders, such as an installed library, is left
    out.

    Args:
        start: a Python file.
        roots: folders that modules are looked for in, as ``sys.path`` has them; the first that has one wins.
        packages: of these folders, the packages that count; all by default.
        around: whether the ``__init__.py`` of packages on the way to a module count, which Python runs, too.

    Raises:
        SyntaxError: one of the files is not Python.
        OSError: one can't be read.
    """
    found: set[Path] = set()
    waiting = [start.resolve()]
    folders = tuple(root.resolve() for root in roots)
    wanted = None if packages is None else frozenset(packages)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in _imports_of(path, path.stat().st_mtime_ns, folders):
            if wanted is None or any(name == package or name.startswith(f"{package}.") for package in wanted):
                waiting += _files_of(name, folders, around)
    return sorted(found)


def imported_names(path: Path, roots: Sequence[Path] = ()) -> tuple[str, ...]:
    """Return the dotted names that a file imports, of what may be modules."""
    return _imports_of(path.resolve(), path.stat().st_mtime_ns, tuple(root.resolve() for root in roots))


@lru_cache(maxsize=4096)
def _imports_of(path: Path, changed_ns: int, roots: tuple[Path, ...]) -> tuple[str, ...]:
    del changed_ns  # of the file: a part of the cache's key
    tree = ast.parse(path.read_bytes(), str(path))
    return tuple(dict.fromkeys(_names_in(tree, _package_of(path, roots))))


def _package_of(path: Path, roots: Iterable[Path]) -> str:
    """Return the dotted name of the package that a file belongs to, for its relative imports."""
    for root in roots:
        if path.is_relative_to(root):
            return ".".join(path.relative_to(root).parent.parts)
    return ""


def _names_in(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(filter(None, [*above, base]))
            if base:
                yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


@lru_cache(maxsize=65536)
def _files_of(name: str, roots: tuple[Path, ...], around: bool) -> tuple[Path, ...]:
    """Return the files that run when a module is imported: its own, and those of the packages around it."""
    parts = name.split(".")
    for root in roots:
        if not ((root / parts[0]).is_dir() or (root / f"{parts[0]}.py").is_file()):
            continue
        files: list[Path] = []
        folder = root
        for part in parts:
            module, folder = folder / f"{part}.py", folder / part
            if (folder / "__init__.py").is_file():
                files.append(folder / "__init__.py")
            elif module.is_file():
                files.append(module)
                break
            elif not folder.is_dir():  # a name that a module defines, not a module
                return tuple(files) if around else ()
        return tuple(files if around else files[-1:])
    return ()
