"""The paths in a Python file that start from where the file lies, found in its syntax tree: nothing is run.

A path holds a ``*`` in the place of what is known only when the file is run.
"""

import ast
import re
from functools import lru_cache
from pathlib import Path

from gridcell.syntax import names_of_texts, parsed, text_of, texts_in

DECLARED = "DATA_FILES"
"""Name under which a file declares the data files that it reads, relative to its folder."""

Place = tuple[str, str]
"""A name, and the path that it stands for; ``module.__file__`` is the name of a module's own path."""

_SIGNS = (
    b"__file__",
    b"files(",
    b"getfile",
    b"getsourcefile",
    b"get_data",
    b"__spec__",
    b"__path__",
    b"resources",
    b"co_filename",
    b"sys.path",
)
_LISTS = {"iterdir": "*", "glob": None, "rglob": None, "walk": "**/*"}
_LISTING_FUNCTIONS = {"walk": "**/*", "scandir": "*"}
_OF_ANOTHER = re.compile(rb"\w\.__file__")  # such as numpy.__file__
_MAY_BE_A_PATH = re.compile(r"[^\n\0]{0,200}[./][^\n\0]{0,200}")
_SAME = ("resolve", "absolute", "expanduser", "as_posix", "abspath", "realpath", "normpath", "fspath")
_RESOURCES = ("get_data", "read_text", "read_binary", "open_text", "open_binary", "path")
_GET_FILE = ("getfile", "getsourcefile", "getabsfile")


@lru_cache(maxsize=4096)
def places_in(text: bytes, path: str, imported: tuple[Place, ...] = ()) -> tuple[str, ...]:
    """Return the paths in a file that start from where it lies, or from where one lies that it imports.

    Args:
        text: of the file.
        path: of the file.
        imported: paths that other files give names to, and that this one may import.

    Raises:
        SyntaxError: it is not Python.
    """
    if not _tells_where_it_lies(text, imported):
        return ()
    tree = parsed(text, path)
    reader = _Reader(Path(path), dict(imported), names_of_texts(tree))
    reader.visit(tree)
    return tuple(dict.fromkeys(reader.found))


def _tells_where_it_lies(text: bytes, imported: tuple[Place, ...]) -> bool:
    names = [name.partition(".")[0].encode() for name, _ in imported if not name.endswith(".__file__")]
    return any(sign in text for sign in (*_SIGNS, DECLARED.encode(), *names))


@lru_cache(maxsize=4096)
def texts_of_places(text: bytes, path: str, imported: tuple[Place, ...] = ()) -> tuple[str, ...]:
    """Return the texts of a file that may be paths from where it lies, if it asks where that is.

    However it puts its paths together, such as ``open(root() / "tables" / "a.json")``. Those that
    :func:`places_in` tells are left out.

    Args:
        text: of the file.
        path: of the file.
        imported: see :func:`places_in`.

    Raises:
        SyntaxError: it is not Python.
    """
    if not _tells_where_it_lies(_OF_ANOTHER.sub(b"", text), imported):
        return ()
    tree = parsed(text, path)
    reader = _Reader(Path(path), dict(imported), names_of_texts(tree))
    reader.visit(tree)
    found = (one.lstrip("*/") for one in texts_in(tree, reader.told))
    return tuple(dict.fromkeys(one for one in found if _MAY_BE_A_PATH.fullmatch(one)))


@lru_cache(maxsize=4096)
def places_named(text: bytes, path: str) -> tuple[Place, ...]:
    """Return the names that a file gives to paths that start from where it lies.

    Raises:
        SyntaxError: it is not Python.
    """
    if not any(sign in text for sign in _SIGNS):
        return ()
    tree = parsed(text, path)
    reader = _Reader(Path(path), {}, names_of_texts(tree))
    reader.visit(tree)
    return tuple(reader.names.items())


class _Reader(ast.NodeVisitor):
    """Collects the paths in a file that start from where it lies.

    Names are not told apart by scope: an attribute ``self.here`` is the name ``here``.
    """

    def __init__(self, path: Path, imported: dict[str, str], known: dict[str, str]) -> None:
        self._path = path
        self._imported = imported
        self._known = known  # names that stand for a text
        self.names: dict[str, str] = {}
        self.found: list[str] = []
        self.told: set[ast.AST] = set()  # expressions whose path is found

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name in self._imported:
                self.names[alias.asname or alias.name] = self._imported[alias.name]

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assigned(node.targets, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assigned([node.target], node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._assigned([node.target], node.value)
        self.generic_visit(node)

    def _assigned(self, targets: list[ast.expr], value: ast.expr) -> None:
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        names += [target.attr for target in targets if isinstance(target, ast.Attribute)]
        if DECLARED in names:
            constants = (inner.value for inner in ast.walk(value) if isinstance(inner, ast.Constant))
            self.found += [str(self._path.parent / one) for one in constants if isinstance(one, str)]
        place = self._place(value)
        if place is not None:
            self.names |= dict.fromkeys(names, place)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr):
            place = self._place(node)
            if place is not None:
                self.found.append(place)
                self.told.add(node)
                if isinstance(node, ast.JoinedStr) or (
                    isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Div)
                ):  # its parts are no paths of their own
                    return
        super().generic_visit(node)

    def _place(self, node: ast.expr) -> str | None:
        """Return the path that an expression stands for, if it starts from where the file lies."""
        match node:
            case ast.Name(id="__file__"):
                return str(self._path)
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined(left, [right])
            case ast.JoinedStr() | ast.BinOp():
                return self._text(node)
            case ast.Attribute(value=value, attr=name):
                return self._attribute(value, name)
            case ast.Subscript(value=value, slice=ast.Constant(value=int(number))):
                return self._item(value, number)
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=args):
                return self._method(value, name, args)
            case ast.Call(func=ast.Name(id=name), args=[argument, *rest]):
                return self._function(name, argument, rest)
        return None

    def _text(self, node: ast.expr) -> str | None:
        """Return the path that is written together from texts, the first of which is a path."""
        match node:
            case ast.JoinedStr(values=[ast.FormattedValue(value=first), *rest]):
                place = self._place(first)
                return None if place is None else place + "".join(text_of(part, self._known) for part in rest)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                place = self._place(left)
                return None if place is None else place + text_of(right, self._known)
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
                first = right.elts[0] if isinstance(right, ast.Tuple) and right.elts else right
                return self._filled(text, "%s", first)
        return None

    def _filled(self, text: str, gap: str, first: ast.expr) -> str | None:
        """Return a text that begins with a gap, which a path fills; other gaps give a ``*``."""
        place = self._place(first) if text.startswith(gap) else None
        return None if place is None else place + text.removeprefix(gap).replace(gap, "*")

    def _attribute(self, value: ast.expr, name: str) -> str | None:
        match (value, name):
            case (_, "parent"):
                return self._above(value, 1)
            case (ast.Name(id="__spec__"), "origin") | (ast.Subscript(), "__file__"):  # sys.modules[__name__]
                return str(self._path)
            case (ast.Name(id=module) | ast.Attribute(attr=module), "__file__"):
                return self._imported.get(f"{module}.__file__")
            case (ast.Name() | ast.Attribute(), _):
                return self.names.get(name, self._imported.get(name))
        return None

    def _item(self, value: ast.expr, number: int) -> str | None:
        match value:
            case ast.Attribute(value=path, attr="parents"):
                return self._above(path, number + 1)
            case ast.Name(id="__path__"):
                return str(self._path.parent)
            case ast.Call(func=ast.Attribute(attr="split"), args=[argument]) if number == 0:
                return self._above(argument, 1)
            case ast.Call(func=ast.Attribute(attr="splitext"), args=[argument]) if number == 0:
                place = self._place(argument)
                return None if place is None else str(Path(place).with_suffix(""))
        return None

    def _method(self, value: ast.expr, name: str, args: list[ast.expr]) -> str | None:
        """Return the path that a method's call stands for, or that of a function in a module."""
        if name == "format" and isinstance(value, ast.Constant) and isinstance(value.value, str) and args:
            return self._filled(value.value, "{}", args[0])
        if args:
            if name in _LISTING_FUNCTIONS and self._place(args[0]) is not None:
                return self._joined(args[0], [ast.Constant(_LISTING_FUNCTIONS[name])])
            if name in ("dirname", "join") or name in _RESOURCES:
                return self._of_module(name, args)
            if self._place(value) is None:
                return self._function(name, args[0], args[1:])
        place = self._place(value)
        if place is None or name in _SAME:
            return place
        if name == "joinpath":
            return self._joined(value, args)
        if name in ("with_name", "with_suffix") and args:
            told = text_of(args[0], self._known)
            return str(Path(place).parent / (told if name == "with_name" else f"{Path(place).stem}{told}"))
        if name in _LISTS:
            pattern = _LISTS[name] or (text_of(args[0], self._known) if args else "*")
            return str(Path(place) / "**" / pattern) if name == "rglob" else str(Path(place) / pattern)
        return None

    def _of_module(self, name: str, args: list[ast.expr]) -> str | None:
        if name == "dirname":
            return self._above(args[0], 1)
        if name == "join":
            return self._joined(args[0], args[1:])
        folder = self._package(args[0])
        return None if folder is None else str(Path(folder, *(text_of(arg, self._known) for arg in args[1:])))

    def _function(self, name: str, argument: ast.expr, rest: list[ast.expr]) -> str | None:
        """Return the path that the call of a function stands for."""
        if name == "Path":
            return self._joined(argument, rest)
        if name == "files":
            return self._package(argument)
        if name in _GET_FILE:
            return str(self._path)
        if name == "str" or name in _SAME:
            return self._place(argument)
        if name in _RESOURCES and rest:
            return self._of_module(name, [argument, *rest])
        return None

    def _above(self, value: ast.expr, steps: int) -> str | None:
        place = self._place(value)
        if place is None:
            return None
        above = Path(place).parents
        return str(above[min(steps, len(above)) - 1])

    def _joined(self, first: ast.expr, rest: list[ast.expr]) -> str | None:
        place = self._place(first)
        return None if place is None else str(Path(place, *(text_of(part, self._known) for part in rest)))

    def _package(self, argument: ast.expr) -> str | None:
        """Return the folder of a package: the file's own, or one that lies in a folder above it."""
        match argument:
            case ast.Name(id="__package__" | "__name__"):
                return str(self._path.parent)
            case ast.Name(id=module) if f"{module}.__file__" in self._imported:
                return str(Path(self._imported[f"{module}.__file__"]).parent)
            case ast.Constant(value=str(name)):
                for folder in self._path.parents:
                    if (folder / name.replace(".", "/")).is_dir():
                        return str(folder / name.replace(".", "/"))
        return None
