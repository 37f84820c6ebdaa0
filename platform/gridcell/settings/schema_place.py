"""Places in the settings: what their schema allows there, and what stands there.

A place knows which kinds of settings fit the values above it, so that a part's own settings are found below
the entry that names the part.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from gridcell.settings.core_yaml import Path
from gridcell.settings.schema import (
    Schema,
    choices,
    entry_schema,
    holds_mappings,
    is_mapping_of_entries,
    schema_of,
)

ABSENT = object()
"""What ``value_of`` returns where nothing stands."""


@dataclass(frozen=True)
class SchemaPlace:
    """A place in the settings, as their schema has it.

    Attributes:
        path: that leads here.
        kinds: what may stand here; empty where the schema doesn't say.
        definitions: of the whole schema.
        entry: how many keys lead to the named entry in which we are; 0 outside.
    """

    path: Path
    kinds: tuple[Schema, ...]
    definitions: Schema
    entry: int = 0

    @classmethod
    def of(cls, model: type[BaseModel]) -> "SchemaPlace":
        """Return the place of all settings of a task."""
        schema = schema_of(model)
        definitions = schema.get("$defs", {})
        return cls((), tuple(choices(schema, definitions)), definitions)

    def below(self, key: str, values: Any) -> "SchemaPlace":
        """Return the place under a key of what stands here."""
        holds = values if isinstance(values, Mapping) else {}
        entry, found = self.entry, []
        for kind in self.fitting(values):
            if not entry and self._has_named_entries(kind):
                entry = len(self.path) + 1
            one = entry_schema(kind, _part(kind, key, holds))
            found += choices(one, self.definitions) if one is not None else []
        return replace(self, path=(*self.path, key), kinds=tuple(found), entry=entry)

    def item(self, index: int) -> "SchemaPlace":
        """Return the place of an item of the list that stands here."""
        found = [
            one for kind in self.kinds if "items" in kind for one in choices(kind["items"], self.definitions)
        ]
        return replace(self, path=(*self.path, index), kinds=tuple(found))

    def _has_named_entries(self, kind: Schema) -> bool:
        """Whether the user names what stands here: entries that have settings."""
        if not is_mapping_of_entries(kind) or holds_mappings(kind):
            return False
        other = (kind.get("additionalProperties"), *kind.get("patternProperties", {}).values())
        entries = [*kind.get("properties", {}).values(), *(one for one in other if isinstance(one, Mapping))]
        return any("properties" in one for entry in entries for one in choices(entry, self.definitions))

    def at(self, path: Sequence[str], values: Any) -> "SchemaPlace":
        """Return the place at the end of a path from here."""
        where = self
        for key in path:
            where, values = where.below(key, values), value_of(values, [key], None)
        return where

    @property
    def in_entry(self) -> bool:
        """Whether this is a setting of a named entry."""
        return 0 < self.entry < len(self.path)

    @property
    def takes_new_entries(self) -> bool:
        """Whether a new key here is an entry that the user names, and not an option of what is there."""
        return any(is_mapping_of_entries(kind) and not holds_mappings(kind) for kind in self.kinds)

    @property
    def takes_lists(self) -> bool:
        """Whether a list is a value here."""
        return any(
            kind.get("type") == "array" or not {"type", "enum", "const"} & kind.keys() for kind in self.kinds
        )

    @property
    def takes_text(self) -> bool:
        """Whether free text is a value here."""
        return any(
            not {"enum", "const"} & kind.keys() and kind.get("type") in ("string", None)
            for kind in self.kinds
        )

    @property
    def chosen_by(self) -> str:
        """The key by which an entry here names its part; empty where there is none."""
        return next((str(kind["x-chosen-by"]) for kind in self.kinds if "x-chosen-by" in kind), "")

    @property
    def separator(self) -> str:
        """What may stand between the parts of an entry's name."""
        patterns = [one for kind in self.kinds for one in kind.get("patternProperties", {})]
        return "-" if all(re.search(pattern, "a-1") for pattern in patterns) else "_"

    def fitting(self, values: Any) -> list[Schema]:
        """Return the kinds that the values here may be of."""
        holds = values if isinstance(values, Mapping) else {}
        return [kind for kind in self.kinds if _fits(kind, holds)]


def _part(kind: Schema, key: str, values: Mapping[str, Any]) -> str:
    """Return the name of the part that an entry has the settings of."""
    chosen_by, entry = kind.get("x-chosen-by"), values.get(key)
    return str(entry.get(chosen_by, key)) if chosen_by and isinstance(entry, Mapping) else key


def _fits(kind: Schema, values: Mapping[str, Any]) -> bool:
    """Whether values may be of a kind: no key that can hold one thing alone holds another."""
    fields = kind.get("properties", {})
    return all(
        values.get(name, field["const"]) == field["const"]
        for name, field in fields.items()
        if isinstance(field, Mapping) and "const" in field
    )


def value_of(values: Any, path: Sequence[str | int], default: Any = ABSENT) -> Any:
    """Return what stands at a path, or the default where nothing does."""
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return default
        values = values[key]
    return values


def put(values: dict[str, Any], path: Sequence[str | int], value: Any) -> None:
    """Put a value at a path; mappings on the way that aren't there are made."""
    *above, key = path
    for name in above:
        if not isinstance(values.get(str(name)), dict):
            values[str(name)] = {}
        values = values[str(name)]
    values[str(key)] = value


def first_key(held: Any, keys: Sequence[str]) -> tuple[str, list[str]]:
    """Return the first key and the others; a name that is there may itself have dots."""
    for length in range(len(keys), 1, -1):
        if isinstance(held, Mapping) and ".".join(keys[:length]) in held:
            return ".".join(keys[:length]), list(keys[length:])
    return keys[0], list(keys[1:])


def value_at(values: Mapping[str, Any], key: str) -> Any:
    """Return the value of a setting, as ``--set`` takes it; None where there is none."""
    held: Any = values
    rest = key.split(".")
    while rest:
        name, rest = first_key(held, rest)
        held = held.get(name) if isinstance(held, Mapping) else None
    return held


def can_sweep(model: type[BaseModel], values: Any, path: Path, own: Mapping[str, str] | None = None) -> bool:
    """Whether a list of values at a path would be swept: whether named entries have that setting.

    Args:
        model: of the settings.
        values: of the settings, as they were given.
        path: of one of them.
        own: section -> where each entry may have it of its own.
    """
    where = SchemaPlace.of(model).at([str(key) for key in path], values)
    return bool(where.kinds) and (where.in_entry or where.path[0] in (own or {}))
