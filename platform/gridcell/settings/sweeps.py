"""Sweeps: several values of one setting become named variants of the entry that has it.

``methods.ewc.strength: [1, 10]`` adds the entries ``ewc-strength-1`` and ``ewc-strength-10`` beside ``ewc``.
The entry itself stays, so that whatever names it (a merge, a comparison, a film) keeps its meaning.
"""

import copy
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gridcell.errors import UserError, did_you_mean
from gridcell.settings.core_yaml import Document, Path, Place
from gridcell.settings.mistakes import dotted, place_of
from gridcell.settings.ranges import check_distinct, looks_like_range, parse_range
from gridcell.settings.schema import NAME
from gridcell.settings.schema_place import ABSENT, SchemaPlace, first_key, put, value_of

SWEEP = "sweep"
"""Key of a suite file: setting -> values, or a list of such mappings."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Sweep:
    """One entry whose settings take several values.

    Attributes:
        entry: path of the entry, e.g. ``("methods", "ewc")``.
        values: setting below the entry -> its values; several settings are combined, each with each.
    """

    entry: Path
    values: Mapping[Path, Sequence[Any]]

    @property
    def keys(self) -> tuple[str, ...]:
        """The swept settings as ``--set`` takes them."""
        return tuple(dotted((*self.entry, *rest)) for rest in self.values)

    def points(self, separator: str = "-") -> dict[str, dict[Path, Any]]:
        """Return name of the variant -> the values that it takes, in the order of the values given.

        Args:
            separator: of the name's parts; stands in place of the minus signs of values, too.

        Raises:
            UserError: two points would have one name.
        """
        last = [rest[-1] for rest in self.values]
        shown = [rest[-1] if last.count(rest[-1]) == 1 else dotted(rest) for rest in self.values]
        found: dict[str, dict[Path, Any]] = {}
        for chosen in itertools.product(*self.values.values()):
            parts = [f"{key}-{_written(value)}" for key, value in zip(shown, chosen, strict=True)]
            name = separator.join([str(self.entry[-1]), *(part.replace("-", separator) for part in parts)])
            if name in found:
                raise UserError(f"Two points of the sweep of '{self.keys[0]}' would be called '{name}'")
            found[name] = dict(zip(self.values, chosen, strict=True))
        return found


@dataclass(frozen=True)
class Swept:
    """What a sweep added to a suite.

    Attributes:
        entry: name of the entry.
        keys: the swept settings, as ``--set`` takes them.
        names: of the variants.
    """

    entry: str
    keys: tuple[str, ...]
    names: tuple[str, ...]


def expand_sweeps(
    document: Document,
    model: type[BaseModel],
    before: Any,
    own: Mapping[str, str] | None = None,
    below: Any = None,
) -> tuple[Document, Document, tuple[Swept, ...]]:
    """Replace sweeps by named variants.

    Args:
        document: settings, with lists where a setting takes none, ranges, and the key ``sweep``.
        model: of the settings.
        before: the values before ``--set`` changed them. An entry whose setting ``--set`` sweeps keeps the
            value that it has there.
        own: section -> where each entry may have it of its own: ``{"training": "methods.NAME.training"}``. A
            sweep of the section's settings varies them in each entry.
        below: the values of what the suite extends. An entry whose setting the suite sweeps keeps the value
            that it has there; an entry that is the suite's own takes the first of the sweep.

    Returns:
        The settings with the variants, those without, and what was added.

    Raises:
        UserError: a sweep names no setting of an entry, or its values or names can't be used.
    """
    values = copy.deepcopy(document.values)
    written = values.pop(SWEEP, None)
    root = SchemaPlace.of(model)
    shared = {section: place.split(".") for section, place in (own or {}).items()}
    listed = list(_listed(values, root, shared))
    for where, points in listed:
        _keep_own(values, where, points, before, below)
    found = [one for where, points in listed for one in _of_entries(where, points, values, root, shared)]
    sweeps = _by_entry(found)
    for block in _blocks(written, document.places):
        asked = [_asked(key, given, values, root, shared) for key, given in block]
        sweeps += _by_entry([one for each in asked for one in _of_entries(*each, values, root, shared)])
    if not sweeps:
        plain = Document(values, document.places)
        return plain, plain, ()
    plain = Document(copy.deepcopy(values), document.places)
    places = dict(document.places)
    swept = [_add_variants(values, plain, sweep, root, places) for sweep in sweeps]
    return Document(values, places), plain, tuple(swept)


def _add_variants(
    values: dict[str, Any], plain: Document, sweep: Sweep, root: SchemaPlace, places: dict[Path, Place]
) -> Swept:
    """Add a sweep's points beside its entry, in place."""
    section = value_of(values, sweep.entry[:-1])
    around = root.at([str(key) for key in sweep.entry[:-1]], values)
    points = sweep.points(around.separator)
    for name, chosen in points.items():
        variant = copy.deepcopy(dict(value_of(plain.values, sweep.entry) or {}))
        for rest, value in chosen.items():
            put(variant, rest, value)
        if around.chosen_by:
            variant.setdefault(around.chosen_by, sweep.entry[-1])
        if section.setdefault(name, variant) != variant:
            raise UserError(f"A sweep adds '{name}', and there is another entry of that name: rename it")
        where = (*sweep.entry, *next(iter(chosen)))
        if place := place_of(where, places) or place_of((SWEEP,), places):
            places[(*sweep.entry[:-1], name)] = place
    return Swept(str(sweep.entry[-1]), sweep.keys, tuple(points))


def _blocks(written: Any, places: Mapping[Path, Place]) -> list[list[tuple[str, Any]]]:
    """Return what ``sweep`` says: blocks of settings that are combined with each other."""
    if written is None:
        return []
    blocks = written if isinstance(written, list) else [written]
    if not all(isinstance(block, Mapping) for block in blocks):
        raise UserError(
            f"{places.get((SWEEP,), 'The suite')}: 'sweep' must hold settings with their values, "
            "such as {methods.ewc.strength: [1, 10]}, or a list of such mappings"
        )
    return [[(str(key), given) for key, given in block.items()] for block in blocks]


def _by_entry(found: Sequence[tuple[Path, int, Sequence[Any]]]) -> list[Sweep]:
    """Join the swept settings of one entry: their values are combined."""
    entries: dict[Path, dict[Path, Sequence[Any]]] = {}
    for path, entry, points in found:
        entries.setdefault(path[:entry], {})[path[entry:]] = points
    return [Sweep(entry, points) for entry, points in entries.items()]


def _listed(
    values: Any, where: SchemaPlace, shared: Mapping[str, Sequence[str]]
) -> Iterator[tuple[SchemaPlace, Sequence[Any]]]:
    """Find lists and ranges of settings that take neither, and that named entries have."""
    if isinstance(values, Mapping):
        for key, inner in values.items():
            yield from _listed(inner, where.below(str(key), values), shared)
    elif not where.kinds or not (where.in_entry or where.path[0] in shared):
        return
    elif isinstance(values, list) and values and not where.takes_lists:
        check_distinct(values, f"The sweep of '{dotted(where.path)}'")
        yield where, values
    elif looks_like_range(values) and not where.takes_text:
        yield where, _of_range(values, where.path)


def _of_entries(
    where: SchemaPlace,
    points: Sequence[Any],
    values: Any,
    root: SchemaPlace,
    shared: Mapping[str, Sequence[str]],
) -> Iterator[tuple[Path, int, Sequence[Any]]]:
    """Yield the setting of the entry that a sweep varies, or of each entry that may have it of its own."""
    if where.in_entry:
        yield where.path, where.entry, points
        return
    pattern = shared[str(where.path[0])]
    place = pattern.index(NAME)
    for name in value_of(values, pattern[:place], {}):
        path = [*pattern[:place], str(name), *pattern[place + 1 :], *map(str, where.path[1:])]
        own = root.at(path, values)
        if own.kinds:
            yield own.path, own.entry, points


def _of_range(text: str, path: Path) -> list[Any]:
    try:
        return parse_range(text).values()
    except UserError as error:
        raise UserError(f"The sweep of '{dotted(path)}' is wrong: {error}") from error


def _keep_own(values: Any, where: SchemaPlace, points: Sequence[Any], before: Any, below: Any) -> None:
    """Give the entry itself one value in place of the list, or none, for its default."""
    *above, key = where.path
    holder = value_of(values, above)
    by_option = value_of(before, where.path, ABSENT) != holder[key]
    earlier = before if by_option else below
    own = value_of(earlier, where.path, ABSENT)
    if own is ABSENT and isinstance(value_of(earlier, where.path[: where.entry], None), Mapping):
        del holder[key]  # what is changed leaves the setting at its default
    else:
        swept = own is ABSENT or isinstance(own, list) or looks_like_range(own)
        holder[key] = points[0] if swept else own


def _asked(
    key: str, given: Any, values: Any, root: SchemaPlace, shared: Mapping[str, Sequence[str]]
) -> tuple[SchemaPlace, Sequence[Any]]:
    """Resolve one line of ``sweep``."""
    where, held, rest = root, values, key.split(".")
    while rest:
        name, rest = first_key(held, rest)
        if isinstance(held, Mapping) and name not in held and where.entry == 0 and rest:
            raise UserError(f"'sweep' names '{key}': there is no '{name}': {did_you_mean(name, held)}")
        known = {one for kind in where.fitting(held) for one in kind.get("properties", {})}
        where = where.below(name, held)
        if not where.kinds and known:
            raise UserError(f"'sweep' names the unknown setting '{key}': {did_you_mean(name, known)}")
        held = held.get(name) if isinstance(held, Mapping) else None
    if not where.in_entry and where.path[0] not in shared:
        raise UserError(f"'sweep' names '{key}', and only settings of named entries can be swept")
    if looks_like_range(given):
        return where, _of_range(given, where.path)
    if not isinstance(given, list) or not given:
        raise UserError(f"'sweep' must give '{key}' a list of values, or a range such as linspace(0, 1, 5)")
    check_distinct(given, f"The sweep of '{key}'")
    return where, given


def _written(value: Any) -> str:
    """Write a value as a part of a name."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        value = (short if float(short) == value else repr(value)).replace("e+", "e")
    if isinstance(value, Mapping):
        value = "-".join(f"{key}-{_written(one)}" for key, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = "-".join(map(_written, value))
    return _NOT_IN_NAMES.sub("-", str(value))
