"""``--set``: one setting changed from the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from gridcell.errors import UserError, did_you_mean
from gridcell.settings.core_yaml import Document, Path, Place, read_yaml
from gridcell.settings.mistakes import dotted
from gridcell.settings.schema_place import SchemaPlace, first_key


def apply_overrides(
    document: Document, model: type[BaseModel], overrides: Sequence[str], said: str = "--set "
) -> Document:
    """Return settings with some of them replaced.

    Below a mapping of named entries (models, methods, problems, ...) an override changes an entry that is
    there, or gives a whole new one: ``pretrainings.rihc.epochs=1`` never adds a pre-training. A mapping that
    is given for a section or an entry changes what it names alone, as in a suite that extends another:
    ``training={epochs: 3}`` is ``training.epochs=3``. One of another kind replaces what is there, and so
    does one that is given for all named entries. An empty one, ``training={}``, gives all defaults.

    Args:
        document: the suite's.
        model: its settings.
        overrides: ``dotted.key=value`` each, the value in YAML.
        said: what messages say before each.

    Raises:
        UserError: one doesn't look like that, names an entry that isn't there, leads below what holds no
            keys, or sets what another sets.
    """
    root = SchemaPlace.of(model)
    seen: dict[Path, str] = {}
    values, places = document.values, dict(document.places)
    for override in overrides:
        key, equals, text = override.partition("=")
        option = f"{said}{override}"
        if not equals or not key or not all(key.split(".")):
            raise UserError(f"'{option}' must look like --set key=value")
        given = read_yaml(text, f"'{option}': the value", lines=False)
        try:
            values, path, changed = _with(values, key.split("."), given.values, root)
        except UserError as error:
            raise UserError(f"'{option}': {error}") from error
        for other, earlier in seen.items():
            if other[: len(path)] == path:  # the later one may refine the earlier one, and not undo it
                raise UserError(f"'{option}' and '{said}{earlier}' set the same: leave one of them out")
        seen[path] = override
        for one in changed:
            places = {other: place for other, place in places.items() if other[: len(one)] != one}
            places[one] = Place(option)
    return Document(values, places)


def _with(
    values: Any, keys: Sequence[str], given: Any, where: SchemaPlace
) -> tuple[Any, Path, tuple[Path, ...]]:
    """Return ``values`` with one of them replaced, its path, and the paths of what is other than before.

    Nothing is changed in place.

    Args:
        values: that stand at ``where``.
        keys: that lead from there to what is replaced.
        given: the new value.
        where: the place in the settings.
    """
    if not keys:
        return _set(values, given, where)
    if isinstance(values, list):
        return _with_item(values, keys, given, where)
    if values is not None and not isinstance(values, Mapping):
        raise UserError(f"'{dotted(where.path)}' holds a value, not further keys")
    holds = dict(values or {})
    key, rest = first_key(holds, keys)
    if rest and key not in holds and where.takes_new_entries:
        raise UserError(
            f"there is no '{key}' in '{dotted(where.path)}': {did_you_mean(key, holds)}. "
            f"A new entry is given whole: --set '{dotted((*where.path, key))}={{...}}'"
        )
    holds[key], found, other = _with(holds.get(key), rest, given, where.below(key, values))
    return holds, found, other


def _set(values: Any, given: Any, where: SchemaPlace) -> tuple[Any, Path, tuple[Path, ...]]:
    """Return what stands at a place that ``given`` is given for, and the paths as ``_with`` does."""
    if not _changes(values, given, where):
        return given, where.path, (where.path,)
    holds, changed = dict(values), list[Path]()
    for key, inner in given.items():
        holds[key], _, paths = _set(values.get(key), inner, where.below(str(key), values))
        changed += paths
    return holds, where.path, tuple(changed)


def _changes(values: Any, given: Any, where: SchemaPlace) -> bool:
    """Whether a mapping names some of a place's options, of the kind that is there."""
    if not isinstance(values, Mapping) or not isinstance(given, Mapping) or not given:
        return False
    if where.takes_new_entries or not where.fitting({**values, **given}):
        return False
    by = where.chosen_by
    if by in given and given[by] != values.get(by, where.path[-1]):
        return False
    is_entry = where.entry == len(where.path)
    return not (is_entry and any(_is_choice(key, where) and values.get(key) != given[key] for key in given))


def _is_choice(key: str, where: SchemaPlace) -> bool:
    """Whether an option takes one of a few words, such as the source of an entry, which decides on others."""
    return any("enum" in kind or "const" in kind for kind in where.below(key, {}).kinds)


def _with_item(
    values: list[Any], keys: Sequence[str], given: Any, where: SchemaPlace
) -> tuple[Any, Path, tuple[Path, ...]]:
    if not keys[0].isdecimal() or int(keys[0]) >= len(values):
        raise UserError(
            f"'{dotted(where.path)}' is a list: a key below it is a number from 0 to {len(values) - 1}"
        )
    index = int(keys[0])
    changed, found, other = _with(values[index], keys[1:], given, where.item(index))
    return [*values[:index], changed, *values[index + 1 :]], found, other
