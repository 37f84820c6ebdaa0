"""The files that a Python file reads by a path of the working folder or an absolute one: nothing is run.

Their edits are not noticed: the working folder is another for each who runs the code, and a worker on a
cluster may have none of these files. So they are told.
"""

import ast
import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from gridcell.syntax import opens_to_write, parsed, text_of

_READERS = r"open|Path|PurePath|File|connect|memmap|fromfile|genfromtxt|parse|\w*(?:load|read)\w*"
_READS = re.compile(_READERS)
_SIGNS = re.compile(rf"\b(?:{_READERS})\(".encode())
_SAME = ("abspath", "realpath", "normpath", "fspath", "expanduser", "str", "resolve", "absolute", "as_posix")
_FOLDERS = {"cwd": ".", "getcwd": ".", "home": "~"}
_KEYWORDS = {"file", "filename", "filepath", "fname", "path", "uri"}


@lru_cache(maxsize=4096)
def read_elsewhere(text: bytes, path: str) -> tuple[str, ...]:
    """Return the paths by which a file reads that do not start from where it lies, as they stand there.

    A path holds a ``*`` in the place of what is known only when the file is run.

    Args:
        text: of the file.
        path: of the file.

    Raises:
        SyntaxError: it is not Python.

    Example:
        >>> read_elsewhere(b'rows = json.load(open("tables/a.json"))', "part.py")
        ('tables/a.json',)
    """
    if not _SIGNS.search(text):
        return ()
    tree = parsed(text, path)
    known = _named(tree)
    found = (_told(node, known) for node in ast.walk(tree))
    return tuple(dict.fromkeys(one for one in found if one and not one.startswith("*")))


def present(paths: Iterable[str], folder: Path) -> list[str]:
    """Return those of the paths that lead from a folder to data files, or are patterns of some."""
    return [path for path in paths if any(map(_is_data, _matching(path, folder)))]


def _matching(path: str, folder: Path) -> Iterator[Path]:
    whole = folder / os.path.expanduser(path)  # noqa: PTH111 - Path's raises where nobody has a home
    if "*" not in path:
        yield whole
        return
    fixed = Path(*whole.parts[: next(k for k, part in enumerate(whole.parts) if "*" in part)])
    with contextlib.suppress(ValueError, NotImplementedError, OSError):  # a pattern that Python refuses
        yield from fixed.glob(str(whole.relative_to(fixed)))


def _is_data(path: Path) -> bool:
    try:
        return path.suffix != ".py" and path.is_file()
    except (OSError, ValueError):  # a text that can't be a path
        return False


def _named(tree: ast.AST) -> dict[str, str]:
    """Return the names that are given a text or a path that starts with one -> that.

    Names of attributes and of arguments with a default count as names.
    """
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        for name, value in _given(node):
            if path := _path(value, found):
                found[name] = path
    return found


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), value=ast.expr() as value)
        ):
            yield name, value
        case ast.arguments(args=args, defaults=defaults, kwonlyargs=others, kw_defaults=values):
            yield from ((arg.arg, value) for arg, value in zip(args[::-1], defaults[::-1], strict=False))
            yield from ((arg.arg, value) for arg, value in zip(others, values, strict=True) if value)


def _told(node: ast.AST, known: Mapping[str, str]) -> str:
    """Return the path by which an expression reads; empty where it reads by none that it tells."""
    match node:
        case ast.BinOp(op=ast.Div()) | ast.Call(func=ast.Attribute(attr="glob" | "rglob" | "joinpath")):
            return _path(node, known)
        case ast.Call(func=ast.Name(id="Path") | ast.Attribute(attr="Path")):
            return _path(node, known)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
            if not _READS.fullmatch(name) or opens_to_write(args[1:2], keywords):
                return ""
            named = [keyword.value for keyword in keywords if keyword.arg in _KEYWORDS]
            return next((_path(each, known) for each in [*args[:1], *named]), "")
    return ""


def _path(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return the path that an expression gives, if it starts with a text; else nothing."""
    match node:
        case ast.Call(func=ast.Name(id="Path") | ast.Attribute(attr="Path" | "join"), args=[first, *rest]):
            return _joined(first, rest, known)
        case ast.Call(func=ast.Attribute(value=first, attr="joinpath" | "glob" | "rglob"), args=rest):
            return _joined(first, rest, known)
        case ast.BinOp(left=first, op=ast.Div(), right=last):
            return _joined(first, [last], known)
        case ast.Call(func=ast.Attribute(attr=name)) if name in _FOLDERS:
            return _FOLDERS[name]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first]) if name in _SAME:
            return _path(first, known)
        case ast.Call(func=ast.Attribute(value=first, attr=name), args=[]) if name in _SAME:
            return _path(first, known)
        case ast.Attribute(attr=name):
            return known.get(name, "")
        case ast.Constant() | ast.JoinedStr() | ast.BinOp() | ast.Name() | ast.Call():
            told = text_of(node, known)
            return "" if told.startswith("*") else told
    return ""


def _joined(first: ast.expr, rest: list[ast.expr], known: Mapping[str, str]) -> str:
    start = _path(first, known)
    if not start:
        return ""
    parts = [text_of(part, known) for part in rest]
    return "/".join([start, *parts] if start != "." else parts or [start])
