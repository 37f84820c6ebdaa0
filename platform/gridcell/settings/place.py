"""A place in the settings, as their schema has it: what may stand there, and in which named entry."""

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


@dataclass(frozen=True)
class SettingPlace:
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
    def of(cls, model: type[BaseModel]) -> "SettingPlace":
        """Return the root of settings."""
        schema = schema_of(model)
        definitions = schema.get("$defs", {})
        return cls((), tuple(choices(schema, definitions)), definitions)

    def below(self, key: str, values: Any) -> "SettingPlace":
        """Return the place under a key of what stands here."""
        holds = values if isinstance(values, Mapping) else {}
        entry, found = self.entry, []
        for kind in self.kinds:
            if not fits(kind, holds):
                continue
            if not entry and self._has_named_entries(kind):
                entry = len(self.path) + 1
            one = entry_schema(kind, _part(kind, key, holds))
            found += choices(one, self.definitions) if one is not None else []
        return replace(self, path=(*self.path, key), kinds=tuple(found), entry=entry)

    def _has_named_entries(self, kind: Schema) -> bool:
        """Whether the user names what stands here: entries that have settings."""
        if not is_mapping_of_entries(kind) or holds_mappings(kind):
            return False
        other = (kind.get("additionalProperties"), *kind.get("patternProperties", {}).values())
        entries = [*kind.get("properties", {}).values(), *(one for one in other if isinstance(one, Mapping))]
        return any("properties" in one for entry in entries for one in choices(entry, self.definitions))

    def at(self, path: Sequence[str], values: Any) -> "SettingPlace":
        """Return the place at the end of a path from here."""
        where = self
        for key in path:
            where, values = where.below(key, values), values.get(key) if isinstance(values, Mapping) else None
        return where

    @property
    def in_entry(self) -> bool:
        """Whether this is a setting of a named entry."""
        return 0 < self.entry < len(self.path)


def _part(kind: Schema, key: str, values: Mapping[str, Any]) -> str:
    """Return the name of the part that an entry has the settings of."""
    chosen_by, entry = kind.get("x-chosen-by"), values.get(key)
    return str(entry.get(chosen_by, key)) if chosen_by and isinstance(entry, Mapping) else key


def fits(kind: Schema, values: Mapping[str, Any]) -> bool:
    """Whether values may be of a kind: no key that can hold one thing alone holds another."""
    fields = kind.get("properties", {})
    return all(
        values.get(name, field["const"]) == field["const"]
        for name, field in fields.items()
        if isinstance(field, Mapping) and "const" in field
    )


def can_sweep(model: type[BaseModel], values: Any, path: Path, own: Mapping[str, str] | None = None) -> bool:
    """Whether a list of values at a path would be swept: whether named entries have that setting.

    Args:
        model: of the settings.
        values: of the settings, as they were given.
        path: of one of them.
        own: see ``expand_sweeps``.
    """
    where = SettingPlace.of(model).at([str(key) for key in path], values)
    return bool(where.kinds) and (where.in_entry or where.path[0] in (own or {}))
