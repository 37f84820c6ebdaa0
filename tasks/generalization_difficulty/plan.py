"""From settings to cells: one per given task, union, environment, and data set and seed."""

from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from generalization_difficulty.formula.tasks import (
    AnyTask,
    Classification,
    parse_task,
    support_sets,
    union_difficulty,
)
from generalization_difficulty.settings import Data, Dataset, Settings
from gridcell.errors import UserError, unknown
from gridcell.grid import Grid, GridBuilder

_GROUPS = ("tasks", "environments", "datasets")


def plan(settings: Settings) -> Grid:
    """Plan a suite's grid.

    Raises:
        UserError: a given task has no difficulty, a union names what is no classification, a name is given
            twice, or there are no data at ``data.path``.
    """
    _check_names(settings)
    grid = GridBuilder("generalization-difficulty")
    given = {name: _task(name, chosen.model_dump(mode="json")) for name, chosen in settings.tasks.items()}
    for name, chosen in settings.tasks.items():
        config = {"kind": chosen.kind, "ingredients": _ingredients(chosen.model_dump(mode="json"))}
        grid.target({"task": name}, grid.add("formula", config, title=name))
    _plan_unions(grid, settings.unions, given)
    for name, environment in settings.environments.items():
        cell = grid.add("environment", environment.model_dump(mode="json"), title=name)
        grid.target({"task": name}, cell)
    _plan_measurements(grid, settings)
    planned = grid.build()
    if not planned.cells:
        raise UserError(
            "There is nothing to measure: set data.path to your data, or name tasks, datasets or environments"
        )
    _check_orders(settings, {str(target.labels["task"]) for target in planned.targets})
    return planned


def _ingredients(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the ingredients by the formula's names, the training points of meta-learning counted."""
    values = {name: value for name, value in chosen.items() if name != "kind"}
    if chosen["kind"] == "meta-learning":
        values["n"] = support_sets(values.pop("alphabets"), values["ways"], values.pop("drawings"))
    return values


def _task(name: str, chosen: dict[str, Any]) -> AnyTask:
    task = parse_task(chosen["kind"], _ingredients(chosen))
    try:
        task.difficulty()
    except UserError as error:
        raise UserError(f"Task '{name}': {error}") from error
    return task


def _plan_unions(grid: GridBuilder, names: list[str], given: dict[str, AnyTask]) -> None:
    tasks: dict[str, Classification] = {}
    for name in names:
        if name not in given:
            raise unknown("task in 'unions'", name, given)
        task = given[name]
        if not isinstance(task, Classification):
            raise UserError(f"The task '{name}' in 'unions' is no classification, so it can't be united")
        tasks[name] = task
    for (first, one), (second, other) in product(tasks.items(), tasks.items()):
        title = f"{first}+{second}"
        try:
            union_difficulty(one, other)
        except UserError as error:
            grid.skip({"task": title}, str(error))
            continue
        config = {"first": asdict(one), "second": asdict(other)}
        grid.target({"task": title}, grid.add("union", config, title=title))


def _plan_measurements(grid: GridBuilder, settings: Settings) -> None:
    estimation = settings.estimation.model_dump(mode="json")
    for name, dataset in settings.datasets.items():
        config = {"data": _dataset(dataset), "eps": dataset.eps, "estimation": estimation}
        _measure(grid, name, config, settings.seeds)
    data = settings.data
    if data.path is not None:
        config = {"data": _own(data, data.path), "eps": data.eps, "estimation": estimation}
        grid.locate("data", data.path)
        if data.labels is not None:
            grid.locate("labels", data.labels)
        _measure(grid, _own_name(data, data.path), config, settings.seeds)


def _own_name(data: Data, path: str) -> str:
    return data.name or Path(path.rstrip("/")).stem


def _check_names(settings: Settings) -> None:
    """Raise UserError for a name given twice: the report would take both for one task."""
    places = {f"{group}.{name}": name for group in _GROUPS for name in getattr(settings, group)}
    places |= {f"the union {one}+{two}": f"{one}+{two}" for one, two in product(settings.unions, repeat=2)}
    if settings.data.path is not None:
        places["data"] = _own_name(settings.data, settings.data.path)
    taken: dict[str, str] = {}
    for place, name in places.items():
        if name in taken:
            change = "set data.name to another" if place == "data" else "rename one of them"
            raise UserError(f"The name '{name}' is given to both {taken[name]} and {place}: {change}")
        taken[name] = place


def _dataset(dataset: Dataset) -> dict[str, Any]:
    return dataset.model_dump(mode="json", exclude={"eps"})


def _own(data: Data, path: str) -> dict[str, Any]:
    from generalization_difficulty.data.files import fingerprint

    return {"source": "own", "fingerprint": fingerprint(path, data.labels), "image_size": data.image_size}


def _measure(grid: GridBuilder, name: str, config: dict[str, Any], seeds: list[int]) -> None:
    for seed in seeds:
        # version 2: delta by extreme values is capped by the sample's least distance
        cell = grid.add("measure", config, seed=seed, version=2, title=f"{name} seed {seed}")
        grid.target({"task": name, "seed": seed}, cell)


def _check_orders(settings: Settings, names: set[str]) -> None:
    for title, order in settings.orders.items():
        for name in order:
            if name not in names:
                raise unknown(f"task in the order '{title}'", name, names)
