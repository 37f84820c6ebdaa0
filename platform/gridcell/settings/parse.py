"""Settings are checked against their model, and all mistakes are found at once."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError

from gridcell.errors import UserError, did_you_mean
from gridcell.settings.base import Strict
from gridcell.settings.core_yaml import Path
from gridcell.settings.mistakes import Mistake, SettingsError, mistakes_of
from gridcell.settings.plain_words import in_plain_words, written
from gridcell.settings.strictness import checked

Model = TypeVar("Model", bound=BaseModel)

_MEANT = re.compile(r"did you mean '([^']*)'")


def parse_settings(
    model: type[Model], values: Mapping[str, Any] | None, where: str | Sequence[str] = ()
) -> Model:
    """Check settings against their model.

    Numbers are numbers, not true or false, and not text that looks like one. A whole number may be written as
    a decimal (``1e3``), and a number as a whole one.

    Args:
        model: says which settings there are.
        values: by name, as read from YAML; None stands for none.
        where: the key, or keys, that lead here from the settings that are being checked, for messages.

    Raises:
        SettingsError: a UserError that names every offending key and, where one is unknown, the nearest valid
            one.

    Example:
        >>> from pydantic import BaseModel
        >>> class Training(BaseModel):
        ...     epochs: int = 10
        >>> parse_settings(Training, {"epochs": 1e1}).epochs
        10
    """
    path = (where,) if isinstance(where, str) and where else tuple(where)
    given = {} if values is None else values
    try:
        if not issubclass(model, Strict):
            _checked(model).model_validate(given)
        return model.model_validate(given)
    except ValidationError as error:
        found = _mistakes(model, error, given)
        raise SettingsError([mistake.within(path) for mistake in found]) from error


@cache
def _checked(model: type[BaseModel]) -> type[BaseModel]:
    """Return a model that takes nothing for a number but numbers, though it doesn't derive from Strict."""

    def hook(cls: type, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return checked(handler(source))

    return type(model.__name__, (model,), {"__get_pydantic_core_schema__": classmethod(hook)})


def _mistakes(model: type[BaseModel], error: ValidationError, values: Mapping[str, Any]) -> list[Mistake]:
    """Turn pydantic's errors into mistakes: one for each setting, whatever kinds were tried on it."""
    found: list[Mistake] = []
    wrong: dict[Path, list[str]] = {}
    given: dict[Path, Any] = {}
    for one in error.errors(include_url=False):
        path = _shown(one["loc"], values, one["type"] in ("extra_forbidden", "missing"))
        inner = one.get("ctx", {}).get("error")
        if isinstance(inner, UserError):
            found += (mistake.within(path) for mistake in mistakes_of(inner))
        elif one["type"] == "extra_forbidden":
            found.append(_unknown(model, path, [str(part) for part in one["loc"]]))
        elif one["type"] == "missing":
            found.append(Mistake(path, "The setting '{where}' is missing", missing=True))
        elif one["type"] in ("union_tag_invalid", "union_tag_not_found"):
            found.append(_kind(path, one))
        else:
            message = in_plain_words(one)
            if one["loc"] and one["loc"][-1] == "[key]":
                message = f"the name does not fit: {message}"
            wrong.setdefault(path, []).append(message)
            given[path] = one["input"]
    for path, messages in wrong.items():
        shown = "" if isinstance(given[path], dict) else f" (it is {written(given[path])})"
        sentence = f"The setting '{{where}}' is wrong: {' or '.join(dict.fromkeys(messages))}{shown}"
        found.append(Mistake(path, sentence))
    return _without_consequences(found)


def _without_consequences(found: Sequence[Mistake]) -> list[Mistake]:
    """Leave out what is missing because its name was mistyped."""
    meant = {
        (*mistake.path[:-1], near.group(1))
        for mistake in found
        if mistake.unknown and (near := _MEANT.search(mistake.template))
    }
    return [mistake for mistake in found if not (mistake.missing and mistake.path in meant)]


def _unknown(model: type[BaseModel], path: Path, location: Sequence[str]) -> Mistake:
    key = str(path[-1])
    hint = did_you_mean(key, _fields_at(model, location[:-1]))
    return Mistake(path, f"Unknown setting '{{where}}': {hint}", unknown=key)


def _kind(path: Path, one: Any) -> Mistake:
    """Say which kinds there are, where a key that names the kind is wrong or missing."""
    key = str(one["ctx"]["discriminator"]).replace("'", "")
    if one["type"] == "union_tag_not_found":
        return Mistake((*path, key), "The setting '{where}' is missing", missing=True)
    tags = str(one["ctx"]["expected_tags"]).replace("'", "").split(", ")
    hint = did_you_mean(one["ctx"]["tag"], tags)
    return Mistake((*path, key), f"Unknown '{{where}}' '{one['ctx']['tag']}': {hint}")


def _shown(location: Sequence[str | int], values: Any, absent: bool) -> Path:
    """Return a location as the user would write it: without the kinds that pydantic chose between.

    Args:
        location: pydantic's.
        values: that were checked.
        absent: whether the last part names what is not among the values.
    """
    shown: list[str | int] = []
    for index, part in enumerate(location):
        if _holds(values, part):
            values = values[part]
        elif not (absent and index == len(location) - 1):
            continue
        shown.append(part)
    return tuple(shown)


def _holds(values: Any, part: str | int) -> bool:
    if isinstance(values, Mapping):
        return part in values
    return isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)


def _fields_at(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Return the names of the settings at ``path``, following models nested in fields, lists and mappings.

    Where there are several models to choose between, the one that a later part of the path names counts.
    """
    candidates = [model]
    for part in path:
        field = model.model_fields.get(part)
        if field is not None:
            candidates = _models_in(field.annotation) or candidates
        model = next((one for one in candidates if _is_kind(one, part)), candidates[0])
    return list(model.model_fields)


def _is_kind(model: type[BaseModel], name: str) -> bool:
    """Whether some field of a model can hold nothing but ``name``, which then tells it from its siblings."""
    return any(name in get_args(field.annotation) for field in model.model_fields.values())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models_in(inner)]
