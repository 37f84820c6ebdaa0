"""What can be set: the JSON schema of a task's settings, for editors, listings and ``--set``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from gridcell import plugins
from gridcell.errors import UserError, did_you_mean, nearest

NAME = "NAME"
"""Stands for the name of an entry in a path, as in ``pretrainings.NAME.epochs``."""

Schema = Mapping[str, Any]

_CHANGES = "_changes"  # ends the names of definitions for files that extend another
_ASKED = {"required", "minProperties"}  # what a schema says has to be given


@dataclass(frozen=True)
class Setting:
    """One setting that can be made.

    Attributes:
        path: from the root; ``NAME`` stands for an entry's name.
        kind: of entry that has it, such as ``kind: rbf``; empty where all have.
        type: what values it takes, with their range.
        default: as JSON; None where it has none or the default is null.
        required: whether it has to be given.
        description: one or a few sentences; may be empty.
        by_name: whether the name of an entry of that kind may say which kind it is.
    """

    path: tuple[str, ...]
    kind: str
    type: str
    default: Any
    required: bool
    description: str
    by_name: bool = False


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of settings; made anew where plug-ins were loaded or unloaded since."""
    return _schema_of(model, tuple(id(plugin.module) for plugin in plugins.loaded()))


@lru_cache(maxsize=16)
def _schema_of(model: type[BaseModel], loaded: tuple[int, ...]) -> dict[str, Any]:
    del loaded
    return model.model_json_schema()


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a suite file: the settings, what it extends, and a place for anchors.

    What must be given is asked for in a file that extends nothing. In one that extends another suite, an
    entry may change a single setting of the entry of that name.
    """
    schema = model.model_json_schema()
    settings = schema.get("properties", {})
    properties = dict(_as_changes(settings))
    properties["extends"] = {
        "type": "string",
        "description": "A suite or YAML file that this one changes.",
    }
    properties["plugins"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Files of your own that define parts, as paths from this file's folder.",
    }
    properties["sweep"] = {
        "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
        "description": "Settings of entries with several values each, such as "
        "{methods.ewc.strength: [1, 10]}: each point becomes a variant of its entry.",
    }
    properties["stages"] = {
        "type": "array",
        "items": {"type": "object"},
        "minItems": 2,
        "description": "Settings that change while cells train: what each of several equal stages changes, "
        "such as [{training.lr: 0.001}, {training.lr: 0.0005}].",
    }
    properties["tune"] = {
        "type": "object",
        "description": "What 'gridcell tune' searches, such as "
        "{params: {methods.ewc.strength: 'loguniform(1, 1e4)'}, trials: 20}.",
    }
    properties["without"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Entries to leave out of what this suite extends, such as methods.lwf.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "$defs": {
            **schema.get("$defs", {}),
            **{f"{name}{_CHANGES}": _as_changes(one) for name, one in schema.get("$defs", {}).items()},
        },
        "properties": properties,
        "if": {"required": ["extends"]},
        "else": {"properties": settings, "required": schema.get("required", [])},
        "patternProperties": {"^x-": {"description": "A place for YAML anchors; it is not read."}},
        "required": [],  # what it extends may give it
    }


def _as_changes(node: Any) -> Any:
    """Return a part of a schema as it is for changes: nothing is required, and what is given is checked."""
    if isinstance(node, list):
        return [_as_changes(one) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {
        # Without its tag, an entry may fit several kinds.
        "anyOf" if key == "oneOf" else key: _as_changes(value)
        for key, value in node.items()
        if not (key in _ASKED and not isinstance(value, dict)) and key != "discriminator"
    }
    if isinstance(there := node.get("$ref"), str):
        changed["$ref"] = f"{there}{_CHANGES}"
    return changed


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """List what can be set, in the order of the models' fields."""
    schema = model.model_json_schema()
    return list(_walk(schema, schema.get("$defs", {}), (), ""))


def choices(schema: Schema, definitions: Schema) -> list[Schema]:
    """Return the alternatives of a schema, references followed, without null."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        return choices(target, definitions)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return [one for inner in schema[key] for one in choices(inner, definitions)]
    return [] if schema.get("type") == "null" else [schema]


def is_mapping_of_entries(schema: Schema) -> bool:
    """Whether the keys of a mapping are names that the user chooses, or names of parts."""
    return bool(schema.get("x-entries")) or (
        schema.get("type") == "object"
        and "properties" not in schema
        and ("additionalProperties" in schema or "patternProperties" in schema)
    )


def holds_mappings(schema: Schema) -> bool:
    """Whether each entry of a mapping is a mapping of whatever options there are."""
    entry = of_any_name(schema) or {}
    return entry.get("type") == "object" and entry.get("additionalProperties") is True


def of_any_name(schema: Schema) -> Schema | None:
    """Return the schema of a mapping's entries whatever their names; None where nothing is known of them."""
    found = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
    return found if isinstance(found, Mapping) else None


def entry_schema(schema: Schema, name: str) -> Schema | None:
    """Return the schema of one entry of a mapping; None where nothing is known of it."""
    if name in schema.get("properties", {}):
        found: Schema = schema["properties"][name]
        return found
    return of_any_name(schema)


def belongs(model: type[BaseModel], key: str, tried: Sequence[str] = ()) -> list[str]:
    """Return the paths of all settings of one name, for messages: each with the kind of entry that has it.

    What lies within the entry where the user tried it comes first, then the shortest, for what is deeper is
    often an exception from them.

    Args:
        model: of all settings.
        key: the name.
        tried: the path at which the user wrote it.
    """
    found = sorted((one for one in settings_of(model) if one.path[-1] == key), key=lambda one: len(one.path))
    within = [_named(one, tried) for one in found if _is_within(one, tried)]
    return list(
        dict.fromkeys(
            f"'{'.'.join(one.path)}'" + (f" of {one.kind}" if one.kind else "") for one in [*within, *found]
        )
    )


def _is_within(setting: Setting, tried: Sequence[str]) -> bool:
    """Whether a setting is one of the named entry in which the user tried another."""
    above = tried[:-1]
    if NAME not in setting.path[: len(above)] or not _below(setting.path, list(above)):
        return False
    entry = above[setting.path.index(NAME)]
    return setting.kind.partition(": ")[2] in ("", entry)


def _named(setting: Setting, tried: Sequence[str]) -> Setting:
    """Return a setting under the names of the entry in which the user tried another."""
    above = tuple(tried[:-1])
    return replace(setting, path=(*above, *setting.path[len(above) :]), kind="")


def find(
    model: type[BaseModel], path: str, parts_of: Callable[[str], Mapping[str, str]] = lambda section: {}
) -> list[Setting]:
    """Return the settings at and below a dotted path, in which an entry's own name may stand for ``NAME``.

    Args:
        model: of all settings.
        path: where.
        parts_of: name of a section -> its entries that are known by name, each with the part that it is of.

    Raises:
        UserError: there are none, or an entry is named that is no part where each entry is one; names the
            nearest.
    """
    wanted = path.split(".") if path else []
    everything = settings_of(model)
    found = [one for one in everything if _below(one.path, wanted)]
    if not found:
        known = {".".join(one.path[:length]) for one in everything for length in range(1, len(one.path) + 1)}
        near = nearest(path, known)
        raise UserError(f"There is no setting '{path}'" + (f": did you mean '{near}'?" if near else ""))
    for place, name in enumerate(wanted):
        entries = [one for one in found if one.path[place] == NAME]
        parts = {part for one in entries for part in _parts(one)}
        if name == NAME or not entries or "" in parts:
            continue  # no entry; or one that need be no part
        part_of = {part: part for part in parts} if name in parts else {**parts_of(wanted[0])}
        if name not in part_of:
            if not any(one.by_name for one in entries):
                return found  # the user's own name of an entry of any kind
            told = did_you_mean(name, {*parts, *part_of}, plugins.hint())
            raise UserError(f"There is no setting '{'.'.join(wanted[: place + 1])}': {told}")
        return [_under(one, place, name) for one in entries if part_of[name] in _parts(one)]
    return found


def _parts(setting: Setting) -> list[str]:
    """Return the parts whose entries have a setting; an empty name where that is no matter of parts."""
    return setting.kind.partition(": ")[2].split(" | ")


def _under(setting: Setting, place: int, name: str) -> Setting:
    """Return a setting under the name of an entry whose part is known."""
    return replace(setting, path=(*setting.path[:place], name, *setting.path[place + 1 :]), kind="")


def _below(path: tuple[str, ...], wanted: list[str]) -> bool:
    return len(path) >= len(wanted) and all(
        one in (other, NAME) or other == NAME for one, other in zip(path, wanted, strict=False)
    )


def _walk(schema: Schema, definitions: Schema, path: tuple[str, ...], kind: str) -> Iterator[Setting]:
    """Yield the settings of a model's schema."""
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        setting = Setting(
            (*path, name),
            kind,
            _type(field, definitions),
            field.get("default"),
            name in required,
            str(field.get("description", "")),
        )
        inner = [one for one in choices(field, definitions) if _has_more(one)]
        if not inner or _is_entries(inner):
            yield setting
        for one in inner:
            yield from _inside(one, definitions, (*path, name), kind)


def _inside(schema: Schema, definitions: Schema, path: tuple[str, ...], kind: str) -> Iterator[Setting]:
    if schema.get("type") == "array":
        for one in choices(schema["items"], definitions):
            if _has_more(one):
                yield from _inside(one, definitions, (*path, "0"), kind)
        return
    if not is_mapping_of_entries(schema):
        yield from _walk(schema, definitions, path, kind)
        return
    for name, part in schema.get("properties", {}).items():
        for one in choices(part, definitions):
            chosen = schema.get("x-chosen-by")
            where = (*path, NAME) if chosen else (*path, name)
            found = _walk(one, definitions, where, f"{chosen}: {name}" if chosen else "")
            yield from (replace(each, by_name=bool(chosen)) for each in found)
    other = of_any_name(schema)
    if other is not None:
        kinds = [one for one in choices(other, definitions) if _has_more(one)]
        for one in kinds:
            chosen = _kind_of(one) if len(kinds) > 1 else ""
            yield from _walk(one, definitions, (*path, NAME), chosen)


def _has_more(schema: Schema) -> bool:
    return (
        "properties" in schema
        or is_mapping_of_entries(schema)
        or (
            schema.get("type") == "array"
            and isinstance(schema.get("items"), Mapping)
            and "$ref" in schema["items"]
        )
    )


def _is_entries(inner: list[Schema]) -> bool:
    return any(is_mapping_of_entries(one) or one.get("type") == "array" for one in inner)


def _kind_of(schema: Schema) -> str:
    """Return what tells a model from its siblings: the key that can hold one thing alone."""
    for name, field in schema.get("properties", {}).items():
        if name in ("kind", "source") and ("const" in field or "enum" in field):
            values = [field["const"]] if "const" in field else field["enum"]
            return f"{name}: {' | '.join(map(str, values))}"
    return ""


def _type(field: Schema, definitions: Schema) -> str:
    """Say what values a setting takes, with their range."""
    found = [_one_type(one, definitions) for one in choices(field, definitions)]
    return " or ".join(dict.fromkeys(found)) or "nothing"


_NAMES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}


def _one_type(schema: Schema, definitions: Schema) -> str:
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items") or {}
        most = f", {schema['minItems']} or more" if schema.get("minItems") else ""
        return f"list of ({_type(items, definitions)}){most}" if items else "list"
    if kind == "object" and is_mapping_of_entries(schema):
        return "entries by name"
    if kind == "object":
        return "mapping"
    name = _NAMES.get(str(kind), "anything")
    bounds = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
    limits = [f"{sign} {schema[key]:g}" for sign, key in bounds.items() if key in schema]
    return f"{name} {', '.join(limits)}".strip()
