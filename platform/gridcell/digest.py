"""What a Python file says, whatever its layout: a digest without comments, docstrings and layout."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from gridcell.sources import Read
from gridcell.syntax import parsed

DIGITS = 16  # hexadecimal: 64 bits, among some hundred versions of some hundred files


def digest_of(path: Path, read: Read = Path.read_bytes) -> str:
    """Return a digest of what a Python file says: without comments, docstrings and layout.

    A text that stands alone as a statement is a docstring, too, such as one below an attribute. Of a compiled
    module it is the digest of its bytes.

    Raises:
        SyntaxError: it is not Python.
    """
    return _digests(read(path), str(path))[0] if path.suffix == ".py" else digest_of_bytes(read(path))


def earlier_digest_of(path: Path, read: Read = Path.read_bytes) -> str:
    """Return the digest by the rule of before, by which only the first text of a block was a docstring.

    Raises:
        SyntaxError: it is not Python.
    """
    return _digests(read(path), str(path))[1] if path.suffix == ".py" else digest_of_bytes(read(path))


def digest_of_bytes(content: bytes) -> str:
    """Return a digest of a file's bytes."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def combined(digests: Iterable[str]) -> str:
    """Return one digest for several, in whatever order they come; of one it is that one."""
    ordered = sorted(digests)
    return ordered[0] if len(ordered) == 1 else digest_of_bytes(" ".join(ordered).encode())


@lru_cache(maxsize=4096)
def _digests(text: bytes, path: str) -> tuple[str, str]:
    tree = parsed(text, path)
    loose: list[ast.stmt] = []
    now = _hashed(_said(tree, loose))
    return now, _hashed(_said(tree, None)) if loose else now


def _hashed(words: Iterable[str]) -> str:
    return digest_of_bytes("\0".join(words).encode())


_LAYOUT = {"ctx", "type_comment", "kind", "type_ignores"}
"""Fields that say nothing of what a file does."""


def _said(node: ast.AST, loose: list[ast.stmt] | None) -> Iterator[str]:
    """Yield a tree as text that is the same for every version of Python, without docstrings.

    Args:
        node: of the tree.
        loose: is given the texts that are left out beside the first of a block; None to keep these.
    """
    yield f"({type(node).__name__}"
    for name, value in ast.iter_fields(node):
        if name in _LAYOUT or value is None or value == []:
            continue
        if name == "body" and isinstance(node, _WITH_DOCSTRING) and _is_text(value[0]):
            value = value[1:]
        if loose is not None and isinstance(value, list):
            found = [item for item in value if _is_text(item)]
            loose += found
            value = [item for item in value if item not in found] if found else value
        yield name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                yield from _said(item, loose)
            else:
                yield f"{type(item).__name__}:{item!r}"
    yield ")"


_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _is_text(node: object) -> bool:
    """Return whether a statement is a text alone, which does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
