"""Small mistakes that can be made in a Python file, each as a piece of text put in place of another.

The kinds are those that people make: another constant, another comparison, a boundary that is off by one, a
call that is left out, and two arguments in the wrong order.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS = {
    "<": ">",
    ">": "<",
    "<=": ">=",
    ">=": "<=",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "is": "is not",
}
_BOUNDARIES = {"<": "<=", ">": ">=", "<=": "<", ">=": ">"}
_SIGNS = {
    ast.Lt: "<",
    ast.Gt: ">",
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.Is: "is",
}


@dataclass(frozen=True)
class Mutation:
    """One mistake.

    Attributes:
        kind: of mistake.
        line: where it is, from 1.
        where: qualified name of the function or class around it.
        start: first character that is replaced.
        end: the one after the last.
        old: what was there.
        new: what is put there.
    """

    kind: str
    line: int
    where: str
    start: int
    end: int
    old: str
    new: str

    def apply(self, source: str) -> str:
        """Return the source with the mistake in it."""
        return source[: self.start] + self.new + source[self.end :]

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.where}: {self.kind}: {old} -> {new}"


def mutations(source: str) -> list[Mutation]:
    """Return all mistakes of a source, in the order of their places."""
    found = list(_Finder(source).find(ast.parse(source), ""))
    return sorted(found, key=lambda mutation: (mutation.start, mutation.end, mutation.kind))


class _Finder:
    def __init__(self, source: str) -> None:
        self._source = source
        lines = source.encode().splitlines(keepends=True)
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line.decode()))
        self._lines = lines

    def find(self, node: ast.AST, where: str) -> Iterator[Mutation]:
        """Yield the mistakes at and below a node; annotations and decorators are no behaviour."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}".removeprefix(".")
        yield from self._at(node, where)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_docstring(child) and not _is_for_types(child):
                    yield from self.find(child, where)

    def _at(self, node: ast.AST, where: str) -> Iterator[Mutation]:
        if isinstance(node, ast.Constant):
            yield from self._constant(node, where)
        elif isinstance(node, ast.Compare):
            yield from self._comparison(node, where)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield self._made("dropped call", node, "pass", where)
        elif isinstance(node, ast.Call):
            yield from self._swapped(node, where)

    def _constant(self, node: ast.Constant, where: str) -> Iterator[Mutation]:
        if isinstance(node.value, bool):
            yield self._made("constant", node, str(not node.value), where)
        elif isinstance(node.value, int):
            yield self._made("constant", node, str(node.value + 1), where)
        elif isinstance(node.value, float):
            yield self._made("constant", node, repr(node.value * 2 or 1.0), where)

    def _comparison(self, node: ast.Compare, where: str) -> Iterator[Mutation]:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            sign = _SIGNS.get(type(operator))
            if sign is None:
                continue
            begin, stop = self._end(left), self._start(right)
            between = self._source[begin:stop]
            if between.count(sign) != 1:
                continue
            for kind, table in (("comparison", _COMPARISONS), ("boundary", _BOUNDARIES)):
                if sign in table:
                    yield Mutation(
                        kind, node.lineno, where, begin, stop, between, between.replace(sign, table[sign])
                    )

    def _swapped(self, node: ast.Call, where: str) -> Iterator[Mutation]:
        if len(node.args) < 2 or any(isinstance(argument, ast.Starred) for argument in node.args[:2]):
            return
        first, second = (self._text(argument) for argument in node.args[:2])
        if first == second:
            return
        start, end = self._start(node.args[0]), self._end(node.args[1])
        between = self._source[self._end(node.args[0]) : self._start(node.args[1])]
        old = self._source[start:end]
        yield Mutation("swapped arguments", node.lineno, where, start, end, old, second + between + first)

    def _made(self, kind: str, node: ast.expr | ast.stmt, new: str, where: str) -> Mutation:
        return Mutation(kind, node.lineno, where, self._start(node), self._end(node), self._text(node), new)

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self._source[self._start(node) : self._end(node)]

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._position(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._position(node.end_lineno, node.end_col_offset)

    def _position(self, line: int, column: int) -> int:
        """Return the index of a character; the syntax tree counts bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1][:column].decode())


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
