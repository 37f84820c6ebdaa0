"""Which files a Python file imports, found by reading them: nothing is run."""

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

Read = Callable[[Path], bytes]
"""Returns a file's text: as it is now, or as a process first read it."""


def imported_files(
    start: Path,
    roots: Sequence[Path],
    packages: Collection[str] | None = None,
    *,
    around: bool = True,
    read: Read = Path.read_bytes,
) -> dict[Path, Path]:
    """Return a file and all that it imports within some folders, directly or through others, sorted.

    Imports inside functions count. What lies in none of the folders, such as an installed library, is left
    out.

    Args:
        start: a Python file, in the first of the folders.
        roots: folders that modules are looked for in, as ``sys.path`` has them; the first that has one wins.
        packages: of these folders, the packages that count; all by default.
        around: whether the ``__init__.py`` of packages on the way to a module count, which Python runs, too.
        read: returns a file's text.

    Returns:
        File -> the one of the folders in which it was found.

    Raises:
        SyntaxError: one of the files is not Python.
        OSError: one can't be read.
    """
    folders = tuple(root.resolve() for root in roots)
    found: dict[Path, Path] = {}
    waiting = [(start.resolve(), folders[0])]
    wanted = None if packages is None else frozenset(packages)
    while waiting:
        path, root = waiting.pop()
        if path in found:
            continue
        found[path] = root
        for name in imported_names(path, root, read):
            if wanted is None or any(name == package or name.startswith(f"{package}.") for package in wanted):
                where, files = _files_of(name, folders, around)
                waiting += [(file, where) for file in files]
    return dict(sorted(found.items()))


def imported_names(path: Path, root: Path, read: Read = Path.read_bytes) -> tuple[str, ...]:
    """Return the dotted names that a file imports, of what may be modules.

    Args:
        path: a Python file.
        root: the folder that its package lies in, for its relative imports.
        read: returns the file's text.
    """
    path = path.resolve()
    return _imports_of(read(path), str(path), ".".join(path.relative_to(root.resolve()).parent.parts))


@lru_cache(maxsize=4096)
def _imports_of(text: bytes, path: str, package: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_names_in(ast.parse(text, path), package)))


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
def _files_of(name: str, roots: tuple[Path, ...], around: bool) -> tuple[Path, tuple[Path, ...]]:
    """Return the files that run when a module is imported: its own, and those of the packages around it.

    The folder in which they lie comes first.
    """
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
                if not files:
                    break
                return root, tuple(files) if around else ()
        if files:  # else it is a folder that happens to be called so, which Python passes over, too
            return root, tuple(files if around else files[-1:])
    return roots[0], ()
