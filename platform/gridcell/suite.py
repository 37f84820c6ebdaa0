"""Suites: named settings of a task, from YAML and the command line, checked before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from gridcell.cell import check_json
from gridcell.errors import UserError, did_you_mean, unknown
from gridcell.grid import Grid
from gridcell.task import Task


@dataclass(frozen=True)
class Suite:
    """A task's settings under a name; ``grid`` are the cells they ask for."""

    task: Task
    name: str
    settings: BaseModel

    def grid(self) -> Grid:
        """Plan the suite's grid."""
        return self.task.plan(self.settings)


def suite_names(task: Task) -> list[str]:
    """Return the names of the suites that come with a task."""
    return sorted(path.stem for path in task.suites.glob("*.yaml"))


def load_suite(task: Task, name: str, overrides: Sequence[str] = (), seeds: int | None = None) -> Suite:
    """Read a suite by name or from the user's own YAML file and apply overrides.

    Args:
        task: whose suite it is.
        name: a suite of the task, or a path to a YAML file.
        overrides: ``dotted.key=value`` each, the value in YAML.
        seeds: where given, replaces the settings' seeds by 0 .. seeds-1.

    Raises:
        UserError: no such suite, unreadable YAML, unknown key, or a value outside its range.
    """
    path = task.suites / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
        if path.suffix not in {".yaml", ".yml"}:
            raise unknown(f"suite of {task.name}", name, suite_names(task))
        if not path.is_file():
            raise UserError(f"There is no suite file '{name}'")
    values = _parsed(path.read_bytes(), f"'{path}'") or {}
    if not isinstance(values, dict):
        raise UserError(f"'{path}' must hold settings as 'key: value' lines")
    for override in overrides:
        _apply(values, override)
    if seeds is not None:
        if seeds < 1:
            raise UserError(f"--seeds must be at least 1, not {seeds}")
        values["seeds"] = list(range(seeds))
    settings = parse_settings(task.settings, values)
    try:  # what a setting that may be anything was given
        for key, value in values.items():
            check_json(value, str(key))
    except TypeError as error:
        raise UserError(f"A setting is wrong: {error}") from error
    return Suite(task, path.stem, settings)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but a key that stands twice is an error: the first would silently be lost."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                raise yaml.MarkedYAMLError(None, None, f"the key '{key.value}' stands twice", key.start_mark)
            seen.add((key.tag, str(key.value)))
        return node


def _parsed(text: str | bytes, where: str) -> Any:
    """Read YAML, of UTF-8 where it comes as bytes.

    Raises:
        UserError: it isn't YAML, or a key stands twice; the sentence begins with ``where``.
    """
    try:
        return _Loader(text if isinstance(text, str) else text.decode()).get_single_data()
    except (yaml.YAMLError, ValueError) as error:  # values such as the date 2020-13-45 are ValueErrors
        raise UserError(f"{where} is not valid YAML: {' '.join(str(error).split())}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"'--set {override}' must look like --set key=value")
    *parents, last = key.split(".")
    for parent in parents:
        inner = values.setdefault(parent, {})
        if inner is None:  # 'ft:' in YAML: a key whose settings are all left at their defaults
            inner = values[parent] = {}
        if not isinstance(inner, dict):
            raise UserError(f"'--set {override}': '{parent}' holds a value, not further keys")
        values = inner
    values[last] = _parsed(text, f"'--set {override}': the value")


def parse_settings(model: type[BaseModel], values: Mapping[str, Any], where: str = "") -> BaseModel:
    """Check settings against their model.

    Args:
        model: says which settings there are.
        values: by name, as read from YAML.
        where: dotted path of these settings within the suite, for messages.

    Raises:
        UserError: naming the first offending key and, where it is unknown, the nearest valid one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        shown = _without_tags(first["loc"], values)
        where = ".".join([where, *shown] if where else shown)
        if first["type"] == "extra_forbidden":
            known = _fields_at(model, path[:-1])
            raise UserError(f"Unknown setting '{where}': {did_you_mean(path[-1], known)}") from error
        if first["type"] == "missing":
            raise UserError(f"The setting '{where}' is missing") from error
        if first["type"] == "union_tag_invalid":  # pydantic quotes the names in what it knows
            key, tag, tags = (str(first["ctx"][k]) for k in ("discriminator", "tag", "expected_tags"))
            key, tags = key.replace("'", ""), tags.replace("'", "")
            raise unknown(f"'{where}.{key}'", tag, tags.split(", ")) from error
        given = "" if isinstance(first["input"], dict) else f" (it is {first['input']!r})"
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"The setting '{where}' is wrong: {message}{given}") from error


def _without_tags(path: Sequence[str | int], values: Any) -> list[str]:
    """Return a path as the user would write it: without the kinds that pydantic chose between."""
    shown = []
    for part in path:
        if isinstance(values, Mapping) and part not in values and part != path[-1]:
            continue
        shown.append(str(part))
        try:
            values = values[part]
        except (TypeError, LookupError):  # the end, or what is missing
            values = None
    return shown


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
    return any(get_args(field.annotation) == (name,) for field in model.model_fields.values())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models_in(inner)]
