"""What a Python file's syntax tree tells of the texts in it: nothing is run."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

_GAPS = {"format": re.compile(r"\{[^{}]*\}"), "%": re.compile(r"%[-+ #0-9.]*[a-zA-Z]")}
_OF_OS = {"sep": "/", "pardir": "..", "curdir": "."}
_JOINS = ("join", "joinpath", "Path", "PurePath")
_WRITING_METHODS = ("write_text", "write_bytes", "touch", "unlink", "mkdir")
_WRITERS = re.compile(r"save\w*|dump|to_[a-z]+|mkdir|makedirs|remove")


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


def text_of(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return the text that an expression gives, with ``*`` for what is known only when it is run.

    Args:
        node: of a file's tree.
        known: name -> text that it stands for.

    Example:
        >>> text_of(ast.parse('f"models.{name}"', mode="eval").body, {})
        'models.*'
        >>> text_of(ast.parse('"models.{}".format(name)', mode="eval").body, {})
        'models.*'
    """
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Attribute(value=ast.Name(id="os") | ast.Attribute(attr="path"), attr=name):
            return _OF_OS.get(name, "*")
        case ast.FormattedValue(value=value):
            return text_of(value, known)
        case ast.JoinedStr(values=values):
            return "".join(text_of(value, known) for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left, known) + text_of(right, known)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _GAPS["%"].sub("*", text)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _GAPS["format"].sub("*", text)
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join"),
            args=[ast.List(elts=parts) | ast.Tuple(elts=parts)],
        ):
            return text.join(text_of(part, known) for part in parts)
    return "*"


def names_of_texts(tree: ast.Module) -> dict[str, str]:
    r"""Return the names that a file gives to one text each, and never to anything else -> the text.

    Example:
        >>> names_of_texts(ast.parse("NAME = 'models.a'\nx = 'b'\nx = 'c'"))
        {'NAME': 'models.a'}
    """
    bound: dict[str, int] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound[name] = bound.get(name, 0) + 1
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if bound[name] == 1 and not (text := text_of(value, found)).startswith("*"):
                found[name] = text
    return found


def texts_in(tree: ast.Module, told: Collection[ast.AST] = ()) -> Iterator[str]:
    """Yield the texts that a file holds or writes together, with ``*`` for what is known only at run time.

    Parts of a path that are joined are one text, too: ``os.path.join(here, "maps", name)`` gives
    ``*/maps/*``. Docstrings are left out, and the paths of files that are written.

    Args:
        tree: of the file.
        told: expressions whose texts are left out.
    """
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.expr) and (text := _joined(node)).strip("*/"):
            if node not in told:
                yield text
            waiting += _unread(node)  # its parts are no texts of their own
            continue
        left_out = _written(node) if isinstance(node, ast.Call) else ()
        waiting += (child for child in ast.iter_child_nodes(node) if child not in left_out)


def _unread(node: ast.AST) -> Iterator[ast.AST]:
    """Yield those parts of an expression that its text says nothing of, such as calls within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.BinOp | ast.JoinedStr | ast.FormattedValue | ast.List | ast.Tuple):
            yield from _unread(child)
        elif isinstance(child, ast.expr) and not isinstance(child, ast.Constant):
            yield child


def _joined(node: ast.expr) -> str:
    """Return the text of an expression, where a path's parts may be joined."""
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"{_joined(left)}/{_joined(right)}"
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[first, _, *_] as args) if (
            name in _JOINS and not isinstance(first, ast.List | ast.Tuple)
        ):
            return "/".join(map(_joined, args))
    return text_of(node, {})


def _written(node: ast.Call) -> tuple[ast.AST, ...]:
    """Return those children of a call that are the path of a file which it writes."""
    match node.func:
        case ast.Attribute(attr="open") if opens_to_write(node.args[:1], node.keywords):
            return (node.func,)
        case ast.Attribute(attr=name) if name in _WRITING_METHODS:
            return (node.func,)
        case ast.Name(id=name) | ast.Attribute(attr=name) if _WRITERS.fullmatch(name) or (
            name == "open" and opens_to_write(node.args[1:2], node.keywords)
        ):
            return tuple(arg for arg in node.args if _joined(arg).strip("*/"))
    return ()


def opens_to_write(modes: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> bool:
    """Return whether a call opens a file to write it: ``"wb"`` is among the modes or the keywords."""
    asked = [*modes, *(keyword.value for keyword in keywords if keyword.arg == "mode")]
    texts = [mode.value for mode in asked if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
    return any(set(text) & set("wax") and set(text) <= set("wax+bt") for text in texts)
