"""Which data files a Python file reads that lie beside it, found by reading the file: nothing is run.

It sees paths that start from ``__file__`` or from ``importlib.resources.files``, with a ``*`` in the place of
what is known only later: ``Path(__file__).with_name("table.json")``, ``HERE / "maps" / f"{name}.txt"``,
``files(__package__).joinpath("words.tsv")``, ``os.path.join(os.path.dirname(__file__), "x.csv")``. A
file that reads data in another way declares them, relative to its folder: ``DATA_FILES = ("maps/*.txt",)``.
"""

import ast
import contextlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

DECLARED = "DATA_FILES"
_SIGNS = (b"__file__", b"files(", DECLARED.encode())
_LISTS = {"iterdir": "*", "glob": None, "rglob": None}
_SAME = ("resolve", "absolute", "expanduser")
_CODE = (".py", ".pyi", ".pyc", ".so")


def data_files(path: Path, root: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> tuple[Path, ...]:
    """Return the data files that a Python file reads, sorted: those that are there, below a folder.

    Args:
        path: of the Python file.
        root: the folder that its package lies in; files outside of it do not count.
        read: returns the file's text.

    Raises:
        SyntaxError: it is not Python.
    """
    text, path, root = read(path), path.resolve(), root.resolve()
    if not any(sign in text for sign in _SIGNS):
        return ()
    found = {file.resolve() for pattern in _patterns(text, str(path)) for file in _matching(pattern)}
    return tuple(sorted(file for file in found if file.is_relative_to(root) and file.suffix not in _CODE))


def _matching(pattern: str) -> Iterator[Path]:
    """Yield the files that a path with ``*`` in it stands for; hidden ones are none."""
    place = Path(pattern)
    if "*" not in pattern:
        if place.is_file():
            yield place
        return
    fixed = Path(*place.parts[: next(k for k, part in enumerate(place.parts) if "*" in part)])
    with contextlib.suppress(ValueError, NotImplementedError):  # a pattern that Python refuses
        for file in fixed.glob(str(place.relative_to(fixed))):
            inside = file.relative_to(fixed).parts
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in inside):
                yield file


@lru_cache(maxsize=4096)
def _patterns(text: bytes, path: str) -> tuple[str, ...]:
    reader = _Reader(Path(path))
    reader.visit(ast.parse(text, path))
    return tuple(dict.fromkeys(reader.found))


class _Reader(ast.NodeVisitor):
    """Collects the paths in a file that start from where it lies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[str, str] = {}
        self.found: list[str] = []

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assigned(node.targets, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assigned([node.target], node.value)
        self.generic_visit(node)

    def _assigned(self, targets: list[ast.expr], value: ast.expr) -> None:
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if DECLARED in names:
            constants = (inner.value for inner in ast.walk(value) if isinstance(inner, ast.Constant))
            self.found += [str(self._path.parent / one) for one in constants if isinstance(one, str)]
        place = self._place(value)
        if place is not None:
            self._names |= dict.fromkeys(names, place)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr):
            place = self._place(node)
            if place is not None:
                self.found.append(place)
        super().generic_visit(node)

    def _place(self, node: ast.expr) -> str | None:
        """Return the path that an expression stands for, if it starts from where the file lies."""
        match node:
            case ast.Name(id="__file__"):
                return str(self._path)
            case ast.Name(id=name):
                return self._names.get(name)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined(left, [right])
            case ast.Attribute(value=value, attr="parent"):
                return self._above(value, 1)
            case ast.Subscript(
                value=ast.Attribute(value=value, attr="parents"), slice=ast.Constant(value=int(number))
            ):
                return self._above(value, number + 1)
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=args):
                return self._called(value, name, args)
            case ast.Call(func=ast.Name(id=name), args=[argument, *rest]):
                if name == "Path":
                    return self._joined(argument, rest)
                return self._package(argument) if name == "files" else None
        return None

    def _called(self, value: ast.expr, name: str, args: list[ast.expr]) -> str | None:
        """Return the path that a method's call stands for."""
        if name == "Path" and args:
            return self._joined(args[0], args[1:])
        if name == "files" and args:
            return self._package(args[0])
        if name == "dirname" and args:
            return self._above(args[0], 1)
        if name == "join" and args:
            return self._joined(args[0], args[1:])
        if name in ("abspath", "realpath") and args:
            return self._place(args[0])
        place = self._place(value)
        if place is None or name in _SAME:
            return place
        if name == "joinpath":
            return self._joined(value, args)
        if name in ("with_name", "with_suffix") and args:
            told = _constant(args[0])
            return str(Path(place).parent / (told if name == "with_name" else f"{Path(place).stem}{told}"))
        if name in _LISTS:
            pattern = _LISTS[name] or (_constant(args[0]) if args else "*")
            return str(Path(place) / "**" / pattern) if name == "rglob" else str(Path(place) / pattern)
        return None

    def _above(self, value: ast.expr, steps: int) -> str | None:
        place = self._place(value)
        if place is None or steps > len(Path(place).parents):
            return None
        return str(Path(place).parents[steps - 1])

    def _joined(self, first: ast.expr, rest: list[ast.expr]) -> str | None:
        place = self._place(first)
        return None if place is None else str(Path(place, *map(_constant, rest)))

    def _package(self, argument: ast.expr) -> str | None:
        """Return the folder of a package: the file's own, or one that lies in a folder above it."""
        match argument:
            case ast.Name(id="__package__" | "__name__"):
                return str(self._path.parent)
            case ast.Constant(value=str(name)):
                for folder in self._path.parents:
                    if (folder / name.replace(".", "/")).is_dir():
                        return str(folder / name.replace(".", "/"))
        return None


def _constant(node: ast.expr) -> str:
    """Return a part of a path, with ``*`` for what is known only when it is run."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_constant(value) for value in values)
    return "*"
