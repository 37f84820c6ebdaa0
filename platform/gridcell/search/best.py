"""``best.yaml``: the best trial as a suite, which extends the one that was searched."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridcell.search.objective import Objective
from gridcell.settings.core_yaml import read_yaml, write_yaml
from gridcell.settings.schema_place import first_key
from gridcell.settings.stages import STAGES

NAME = "best.yaml"


def best_suite(
    objective: Objective, params: Mapping[str, Any], out: Path, stages: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return a suite's text as YAML values: what it extends, and what is changed.

    Args:
        objective: the suite that was searched.
        params: setting, as ``--set`` takes it -> value.
        out: the folder that the suite will lie in, from which its paths start.
        stages: of a trial whose settings change on the way, what each stage changes, in place of ``params``.
    """
    name = objective.name
    if Path(name).suffix in {".yaml", ".yml"}:
        name = _relative(name, out)
    found: dict[str, Any] = {"extends": name}
    if objective.plugins:
        found["plugins"] = [_relative(path, out) for path in objective.plugins]
    there = objective.suite({}).settings.model_dump(mode="json")
    for override in objective.overrides:
        key, _, text = override.partition("=")
        _put(found, there, key, read_yaml(text, f"'--set {override}'", lines=False).values)
    if objective.seeds is not None:
        found["seeds"] = list(range(objective.seeds))
    if stages:
        found[STAGES] = [dict(stage) for stage in stages]
        return found
    for key, value in params.items():
        _put(found, there, key, value)
    return found


def write_best(
    objective: Objective,
    params: Mapping[str, Any],
    out: Path,
    about: str,
    name: str = NAME,
    stages: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write a trial as a suite into a folder and return its path.

    Args:
        objective: the suite that was searched.
        params: of the best trial.
        out: the folder.
        about: a line on what it is the best of.
        name: of the file.
        stages: see :func:`best_suite`.
    """
    suite = best_suite(objective, params, out, stages)
    path = out / name
    path.write_text(f"# {about}\n{write_yaml(suite)}", encoding="utf-8")
    return path


def _relative(path: str, out: Path) -> str:
    return os.path.relpath(Path(path).expanduser().absolute(), out.absolute())


def _put(found: dict[str, Any], there: Any, key: str, value: Any) -> None:
    """Put a value where a key leads; an entry's name may itself have dots."""
    rest = key.split(".")
    while rest:
        name, rest = first_key(there, rest)
        there = there.get(name) if isinstance(there, Mapping) else None
        if not rest:
            found[name] = value
        else:
            found = found.setdefault(name, {})
