"""``--set``: one setting changed from the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from gridcell.errors import UserError, did_you_mean
from gridcell.settings.core_yaml import Document, Path, Place, read_yaml
from gridcell.settings.schema import (
    Schema,
    choices,
    entry_schema,
    holds_mappings,
    is_mapping_of_entries,
    schema_of,
)


def apply_overrides(document: Document, model: type[BaseModel], overrides: Sequence[str]) -> Document:
    """Return settings with some of them replaced.

    Below a mapping of named entries (models, methods, problems, ...) an override changes an entry that is
    there, or gives a whole new one: ``pretrainings.rihc.epochs=1`` never adds a pre-training.

    Args:
        document: the suite's.
        model: its settings.
        overrides: ``dotted.key=value`` each, the value in YAML.

    Raises:
        UserError: one doesn't look like that, names an entry that isn't there, leads below what holds no
            keys, or sets what another sets.
    """
    schema = schema_of(model)
    seen: dict[Path, str] = {}
    values, places = document.values, dict(document.places)
    for override in overrides:
        key, equals, text = override.partition("=")
        option = f"--set {override}"
        if not equals or not key or not all(key.split(".")):
            raise UserError(f"'{option}' must look like --set key=value")
        given = read_yaml(text, f"'{option}': the value", lines=False)
        try:
            values, path = _with(values, key.split("."), given.values, (schema, schema.get("$defs", {})))
        except UserError as error:
            raise UserError(f"'{option}': {error}") from error
        for other, earlier in seen.items():
            if other[: len(path)] == path:  # the later one may refine the earlier one, and not undo it
                raise UserError(f"'{option}' and '--set {earlier}' set the same: leave one of them out")
        seen[path] = override
        places = {other: place for other, place in places.items() if other[: len(path)] != path}
        places[path] = Place(option)
    return Document(values, places)


def _with(
    values: Any, keys: Sequence[str], given: Any, schema: tuple[Schema, Schema], path: Path = ()
) -> tuple[Any, Path]:
    """Return ``values`` with one of them replaced, and its path. Nothing is changed in place.

    Args:
        values: at ``path``.
        keys: that lead from there to what is replaced.
        given: the new value.
        schema: of ``values``, and its definitions.
        path: that led here.
    """
    if not keys:
        return given, path
    if isinstance(values, list):
        return _with_item(values, keys, given, schema, path)
    if values is not None and not isinstance(values, Mapping):
        raise UserError(f"'{'.'.join(map(str, path))}' holds a value, not further keys")
    holds = dict(values or {})
    key, rest = _split(holds, keys)
    kinds = choices(schema[0], schema[1])
    if rest and key not in holds and _adds_an_entry(kinds):
        where = ".".join(map(str, path))
        raise UserError(
            f"there is no '{key}' in '{where}': {did_you_mean(key, holds)}. "
            f"A new entry is given whole: --set '{where}.{key}={{...}}'"
        )
    inner: Schema = {"anyOf": [one for kind in kinds if (one := entry_schema(kind, key)) is not None]}
    holds[key], found = _with(holds.get(key), rest, given, (inner, schema[1]), (*path, key))
    return holds, found


def _with_item(
    values: list[Any], keys: Sequence[str], given: Any, schema: tuple[Schema, Schema], path: Path
) -> tuple[Any, Path]:
    where = ".".join(map(str, path))
    if not keys[0].isdecimal() or int(keys[0]) >= len(values):
        raise UserError(f"'{where}' is a list: a key below it is a number from 0 to {len(values) - 1}")
    index = int(keys[0])
    inner: Schema = {"anyOf": [one["items"] for one in choices(*schema) if "items" in one]}
    changed, found = _with(values[index], keys[1:], given, (inner, schema[1]), (*path, index))
    return [*values[:index], changed, *values[index + 1 :]], found


def _split(holds: Mapping[str, Any], keys: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the first key and the others; a name that is there may itself have dots."""
    for length in range(len(keys), 1, -1):
        if ".".join(keys[:length]) in holds:
            return ".".join(keys[:length]), keys[length:]
    return keys[0], keys[1:]


def _adds_an_entry(kinds: Sequence[Schema]) -> bool:
    """Whether a new key here would be a new entry, and not just options of a part that is always there."""
    return any(is_mapping_of_entries(kind) and not holds_mappings(kind) for kind in kinds)
