"""YAML 1.2's core schema, with the line of every value.

PyYAML reads YAML 1.1, in which ``010`` is 8, ``yes`` is true, ``1:30`` is 90, ``1_000`` is a number, ``1e-5``
is text, and ``2020-12-24`` is a date. Here a plain scalar is what section 10.3.2 of the specification (YAML
1.2.2) says, and everything else is text. Merge keys (``<<``), of which 1.2 says nothing, are read as before.
"""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from gridcell.errors import UserError

Path = tuple[str | int, ...]
"""Keys and indices that lead from a document's root to a value."""

_UNNAMED = "<unicode string>"  # what PyYAML calls a text in its messages; ours begin with the source

MOST_VALUES = 1_000_000
"""In a document, each use of an anchor counted anew: a few lines of nested aliases can stand for billions."""

_TAG = "tag:yaml.org,2002:"
_CORE = {
    "null": (re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    "int": (re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")),
    "float": (
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        list("-+0123456789."),
    ),
    "merge": (re.compile(r"^<<$"), ["<"]),
}


@dataclass(frozen=True)
class Place:
    """Where a value was written.

    Attributes:
        source: the file or option, as the user knows it.
        line: in the file, from 1; None of an option.
    """

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}, line {self.line}"


@dataclass(frozen=True)
class Document:
    """What a YAML text holds, and where: ``places`` has every key of a mapping and item of a list."""

    values: Any
    places: dict[Path, Place]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the core schema's plain scalars. It composes nodes; values are made below."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - PyYAML's own form


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper; text that either version would read as something else is quoted."""


for _name, (_pattern, _first) in _CORE.items():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)
    _Dumper.add_implicit_resolver(_TAG + _name, _pattern, _first)


def _text_node(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Quote text with rare line breaks so that they are escaped: PyYAML reads them as blanks otherwise."""
    style = '"' if any(one in text for one in "\x85\u2028\u2029") else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


_Dumper.add_representer(str, _text_node)


def write_yaml(values: Any) -> str:
    r"""Write values that JSON can hold so that :func:`read_yaml` reads the same.

    Example:
        >>> write_yaml({"epochs": 1000, "name": "1e3"})
        "{epochs: 1000, name: '1e3'}\n"
    """
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None)


def read_yaml(text: str | bytes, source: str, *, lines: bool = True) -> Document:
    """Read one YAML document by the core schema.

    Args:
        text: the document, in UTF-8 where it is bytes.
        source: the file or option, with which messages begin.
        lines: whether places have line numbers.

    Raises:
        UserError: it isn't YAML, or isn't UTF-8; a key stands twice or is a list or mapping; a tag is none of
            the core schema's; an anchor holds itself; or there are more than ``MOST_VALUES`` values.
    """
    try:
        loader = _Loader(text if isinstance(text, str) else text.decode())
        node = loader.get_single_node()
        if node is not None:
            _check_size(node, {})
        builder = _Builder(source, lines)
        return Document(None if node is None else builder.value(node, ()), builder.places)
    except (yaml.YAMLError, ValueError) as error:  # of bytes that are not UTF-8, and of endless digits
        why = " ".join(str(error).split()).replace(f' in "{_UNNAMED}",', ",")
        raise UserError(f"{source} is not valid YAML: {why}") from error
    except RecursionError:
        raise UserError(f"{source} is not valid YAML: it is nested too deeply") from None


def _check_size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return for how many values a node stands, without what it merges; refuse too many before any is built.

    Args:
        node: to count.
        sizes: of nodes that were counted: a node that aliases repeat is counted once. An open one has 0.
    """
    if id(node) not in sizes:
        sizes[id(node)] = 0
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            inner = node.value
        elif isinstance(node, yaml.MappingNode):
            inner = [value for key, value in node.value if key.tag != _TAG + "merge"]
        sizes[id(node)] = 1 + sum(_check_size(one, sizes) for one in inner)
        if sizes[id(node)] > MOST_VALUES:
            raise _mistake(f"it stands for more than {MOST_VALUES:,} values", node)
    return sizes[id(node)]


class _Builder:
    """Makes values of nodes, and remembers where each stood."""

    def __init__(self, source: str, lines: bool) -> None:
        self.places: dict[Path, Place] = {}
        self._source = source
        self._lines = lines
        self._open: set[int] = set()  # nodes that hold what is being built
        self._built = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._built += 1
        if self._built > MOST_VALUES:
            raise _mistake(f"it stands for more than {MOST_VALUES:,} values", node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._open:
            raise _mistake("an anchor holds itself", node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, path)
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[Any]:
        _check_tag(node, "seq")
        values = []
        for index, item in enumerate(node.value):
            self._remember((*path, index), item)
            values.append(self.value(item, (*path, index)))
        return values

    def _mapping(self, node: yaml.Node, path: Path) -> dict[Any, Any]:
        _check_tag(node, "map")
        found: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        for key, pair in self._pairs(node):
            found.setdefault(key, pair)
        values = {}
        for key, (key_node, value_node) in found.items():
            self._remember((*path, key), key_node)
            values[key] = self.value(value_node, (*path, key))
        return values

    def _pairs(self, node: yaml.Node) -> Iterator[tuple[Hashable, tuple[yaml.Node, yaml.Node]]]:
        """Yield a mapping's own keys, then those that it merges: the first of a key counts."""
        own = set()
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise _mistake("unhashable key: a key is one value, no list and no mapping", key_node)
            key = _scalar(key_node)
            if key in own:
                raise _mistake(f"the key '{key}' stands twice", key_node)
            own.add(key)
            yield key, (key_node, value_node)
        for other in merged:
            if not isinstance(other, yaml.MappingNode):
                raise _mistake("'<<' merges mappings alone", other)
            if id(other) in self._open:
                raise _mistake("an anchor holds itself", other)
            self._open.add(id(other))
            try:
                yield from self._pairs(other)
            finally:
                self._open.discard(id(other))

    def _remember(self, path: Path, node: yaml.Node) -> None:
        self.places[path] = Place(self._source, node.start_mark.line + 1 if self._lines else None)


def _scalar(node: yaml.ScalarNode) -> Any:
    """Return a scalar by its tag, which the resolver found or the user wrote."""
    text = node.value
    kind = node.tag.removeprefix(_TAG)
    if kind == "str":
        return text
    if kind in ("null", "bool", "int", "float"):
        fits = _CORE[kind][0].match(text) or (kind == "float" and _CORE["int"][0].match(text))
        if not fits:
            raise _mistake(f"'{text}' is no {kind}", node)
        return _MADE[kind](text)
    if kind == "merge" and node.style is None:
        raise _mistake("'<<' has no place here", node)
    raise _mistake(f"the tag '{_shown(node.tag)}' is none of YAML's core schema", node)


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_MADE: dict[str, Any] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _float,
}


def _check_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise _mistake(f"the tag '{_shown(node.tag)}' is none of YAML's core schema", node)


def _shown(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag


def _mistake(what: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, what, node.start_mark)
