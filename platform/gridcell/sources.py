"""Which files a Python file imports, found by reading them: nothing is run."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path


def imported_files(start: Path, roots: Sequence[Path]) -> list[Path]:
    """Return a file and all that it imports within some folders, directly or through others, sorted.

    Imports inside functions count, as do the ``__init__.py`` of packages on the way to a module. What lies
    in none of the folders, such as an installed library, is left out.

    Args:
        start: a Python file.
        roots: folders that modules are looked for in, as ``sys.path`` has them; the first that has one wins.

    Raises:
        SyntaxError: one of the files is not Python.
        OSError: one can't be read.
    """
    found: set[Path] = set()
    waiting = [start.resolve()]
    folders = tuple(root.resolve() for root in roots)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += _imports_of(path, path.stat().st_mtime_ns, folders)
    return sorted(found)


@lru_cache(maxsize=4096)
def _imports_of(path: Path, changed_ns: int, roots: tuple[Path, ...]) -> tuple[Path, ...]:
    del changed_ns  # of the file: a part of the cache's key
    tree = ast.parse(path.read_bytes(), str(path))
    package = _package_of(path, roots)
    names = dict.fromkeys(_imported_names(tree, package))
    return tuple(dict.fromkeys(file for name in names for file in _files_of(name, roots)))


def _package_of(path: Path, roots: Iterable[Path]) -> str:
    """Return the dotted name of the package that a file belongs to, for its relative imports."""
    for root in roots:
        if path.is_relative_to(root):
            return ".".join(path.relative_to(root).parent.parts)
    return ""


def _imported_names(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted names of what may be modules."""
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


def _files_of(name: str, roots: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that run when a module is imported: its own, and those of the packages around it."""
    parts = name.split(".")
    for root in roots:
        if not ((root / parts[0]).is_dir() or (root / f"{parts[0]}.py").is_file()):
            continue
        folder = root
        for part in parts:
            module, folder = folder / f"{part}.py", folder / part
            if (folder / "__init__.py").is_file():
                yield folder / "__init__.py"
            elif module.is_file():
                yield module
                break
            elif not folder.is_dir():
                break
        return
