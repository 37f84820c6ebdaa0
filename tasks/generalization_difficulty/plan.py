"""From settings to cells: one per given task, union, environment, and data set and seed."""

from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generalization_difficulty.data.errors import read_errors
from generalization_difficulty.data.kind import Parameters
from generalization_difficulty.data.sets import VERSION_OF_SET, registry
from generalization_difficulty.formula.spaces import check_environment
from generalization_difficulty.formula.tasks import (
    AnyTask,
    Classification,
    parse_task,
    support_sets,
    union_difficulty,
)
from generalization_difficulty.settings import Data, Estimation, FewShot, Settings, Sweep
from gridcell import Grid, GridBuilder, UserError, unknown, version_of

if TYPE_CHECKING:
    from generalization_difficulty.data.files import OwnData

VERSION = 3
"""Of a measurement. 2: delta by extreme values is capped by the sample's least distance. 3: delta from all
pairs, copies of a neighbour are one neighbour, a range of the bits."""
IMAGES_VERSION = 4
"""Of folders and shards. 3: grey stays grey, 16 bits are scaled, EXIF and alpha are heeded. 4: as 3 of
others."""
_GROUPS = ("tasks", "environments", "datasets", "few_shot", "sweeps", "models")


def plan(settings: Settings) -> Grid:
    """Plan a suite's grid.

    Raises:
        UserError: a given task has no difficulty, a union names what is no classification, a name is given
            twice, or there are no data at ``data.path``.
    """
    grid = GridBuilder("generalization-difficulty")
    _check_names(grid, settings)
    given: dict[str, AnyTask] = {}
    for name, chosen in settings.tasks.items():
        with grid.setting("tasks", name):
            given[name] = _task(name, chosen.model_dump(mode="json"))
        config = {"kind": chosen.kind, "ingredients": _ingredients(chosen.model_dump(mode="json"))}
        # version 2: curves reach a target error of 1
        grid.target({"task": name}, grid.add("formula", config, version=2, title=name))
    grid.check()
    _plan_unions(grid, settings.unions, given)
    for name, environment in settings.environments.items():
        with grid.setting("environments", name):
            check_environment(environment.id)
        cell = grid.add("environment", environment.model_dump(mode="json"), version=2, title=name)
        grid.target({"task": name}, cell)
    _plan_few_shot(grid, settings)
    _plan_curves(grid, settings)
    _plan_measurements(grid, settings)
    planned = grid.build()
    if not planned.cells:
        raise UserError(
            "There is nothing to measure: set data.path to your data, or name tasks, datasets or environments"
        )
    _check_names_in_use(grid, settings, {str(target.labels["task"]) for target in planned.targets})
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
    for index, name in enumerate(names):
        with grid.setting("unions", index):
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


def _plan_curves(grid: GridBuilder, settings: Settings) -> None:
    for name, sweep in settings.sweeps.items():
        with grid.setting("sweeps", name):
            config = _given(settings, sweep.task, f"sweeps.{name}")
            config |= {"variable": sweep.vary, "values": sweep_values(sweep)}
            if sweep.vary not in config["ingredients"]:
                raise unknown(f"ingredient of task '{sweep.task}'", sweep.vary, config["ingredients"])
            grid.target({"task": name}, grid.add("sweep", config, title=name))
    for name, models in settings.models.items():
        with grid.setting("models", name):
            config = _given(settings, models.task, f"models.{name}")
            if "eps" not in config["ingredients"]:
                raise UserError(f"The task '{models.task}' of models.{name} has no target error")
            found = read_errors(models.table, models.task, models.evaluated)
            config |= {
                "models": [model.to_record() for model in found],
                "eps_per_error": models.eps_per_error,
            }
            grid.target({"task": name}, grid.add("models", config, title=name))


def _plan_few_shot(grid: GridBuilder, settings: Settings) -> None:
    for name, chosen in settings.few_shot.items():
        with grid.setting("few_shot", name):
            config = _few_shot(grid, name, chosen)
            for seed in settings.seeds:
                cell = grid.add("few-shot", config, seed=seed, title=f"{name} seed {seed}")
                grid.target({"task": name, "seed": seed}, cell)


def _few_shot(grid: GridBuilder, name: str, chosen: FewShot) -> dict[str, Any]:
    from generalization_difficulty.data.alphabets import alphabets_fingerprint

    config: dict[str, Any] = chosen.model_dump(mode="json", include={"ways", "neighbours", "eps"})
    if chosen.path is None:
        drawn = {"alphabets", "characters", "drawings", "side"}
        config["data"] = {"source": "strokes", **chosen.model_dump(mode="json", include=drawn)}
        return config
    place = f"few_shot.{name}"
    grid.locate(place, chosen.path)
    config["data"] = {
        "source": "own",
        "name": place,
        "fingerprint": alphabets_fingerprint(chosen.path),
        **chosen.model_dump(mode="json", include={"image_size", "ink"}),
    }
    return config


def _given(settings: Settings, name: str, place: str) -> dict[str, Any]:
    if name not in settings.tasks:
        raise unknown(f"task in '{place}'", name, settings.tasks)
    chosen = settings.tasks[name]
    return {"kind": chosen.kind, "ingredients": _ingredients(chosen.model_dump(mode="json"))}


def sweep_values(sweep: Sweep) -> list[float]:
    """Return the values that a sweep's ingredient takes, its ends among them; counts are whole numbers."""
    values = []
    for step in range(sweep.points):
        share = step / (sweep.points - 1)
        if sweep.spacing == "log":
            value = sweep.start ** (1 - share) * sweep.stop**share
        else:
            value = sweep.start + (sweep.stop - sweep.start) * share
        values.append(value)
    values[0], values[-1] = sweep.start, sweep.stop
    if sweep.vary in ("n", "classes"):
        return list(dict.fromkeys(round(value) for value in values))
    return values


def _plan_measurements(grid: GridBuilder, settings: Settings) -> None:
    estimation = settings.estimation.model_dump(mode="json")
    for name, dataset in settings.datasets.items():
        config = {"data": _dataset(dataset), "eps": dataset.eps, "estimation": estimation}
        _measure(grid, name, config, settings.seeds)
    data = settings.data
    if data.path is None:
        return
    with grid.setting("data"):
        own = _open(data, data.path)
        _check_measurable(own, data.path, settings.estimation)
        grid.note(*own.said, *_equal_seeds(settings, own, _own_name(data, data.path)))
        config = {"data": _own(data, own.fingerprint), "eps": data.eps, "estimation": estimation}
        grid.locate("data", data.path)
        if data.labels is not None:
            grid.locate("labels", data.labels)
        is_file = Path(data.path).expanduser().is_file()
        version = VERSION if is_file else IMAGES_VERSION
        _measure(grid, _own_name(data, data.path), config, settings.seeds, version)


def _own_name(data: Data, path: str) -> str:
    return data.name or Path(path.rstrip("/")).stem


def _check_names(grid: GridBuilder, settings: Settings) -> None:
    """Refuse a name given twice: the report would take both for one task."""
    places = {f"{group}.{name}": name for group in _GROUPS for name in getattr(settings, group)}
    places |= {f"the union {one}+{two}": f"{one}+{two}" for one, two in product(settings.unions, repeat=2)}
    if settings.data.path is not None:
        places["data"] = _own_name(settings.data, settings.data.path)
    taken: dict[str, str] = {}
    for place, name in places.items():
        with grid.setting(*place.split(".", 1)):
            if name in taken:
                change = "set data.name to another" if place == "data" else "rename one of them"
                raise UserError(f"The name '{name}' is given to both {taken[name]} and {place}: {change}")
            taken[name] = place
    grid.check()


def _dataset(dataset: Parameters) -> dict[str, Any]:
    return dataset.model_dump(mode="json", exclude={"eps"}) | version_of(
        registry.get(dataset.source), VERSION_OF_SET
    )


def _open(data: Data, path: str) -> "OwnData":
    """Open the user's data, and refuse values that are not finite and a single class; holds no point."""
    from generalization_difficulty.data.batches import ArrayBatches
    from generalization_difficulty.data.files import FolderBatches, open_own
    from generalization_difficulty.data.tables import refuse_table
    from gridcell.data import check_finite

    refuse_table(path)
    least = data.min_images
    own = open_own(path, data.labels, data.image_size, data.target, min_images=least, values=False)
    classes = 2
    if isinstance(own.batches, ArrayBatches):
        classes = len({*own.batches.labels.tolist()})
        if Path(path).suffix.lower() == ".npy":  # an .npz was looked at as it was opened
            check_finite(own.batches.points, f"'{path}'")
    elif isinstance(own.batches, FolderBatches):
        classes = len(own.batches.folders.class_names)
    if classes < 2:
        raise UserError(f"All points of '{path}' are of one class: there is nothing to tell apart")
    return own


def _check_measurable(own: "OwnData", path: str, how: Estimation) -> None:
    """Refuse arrays of fewer points than the neighbours that are asked for.

    Raises:
        UserError: so it is, and the dimension is not given either.
    """
    labels = getattr(own.batches, "labels", None)
    if labels is not None and how.m is None and len(labels) <= how.neighbours:
        raise UserError(
            f"The {len(labels)} points of '{path}' are too few: estimation.neighbours={how.neighbours} needs "
            f"at least {how.neighbours + 1}. Set fewer neighbours, or the dimension by estimation.m"
        )


def _equal_seeds(settings: Settings, own: "OwnData", name: str) -> list[str]:
    """Say that seeds give one number: where all points are taken, nothing is left to chance."""
    points, how = getattr(own.batches, "points", None), settings.estimation
    if points is None or len(settings.seeds) < 2 or how.resolution in ("evt", "sample"):
        return []
    n = len(points)
    fits = 2 * n * points[0].size * 8 <= how.memory_mb * 2**20
    if n > how.queries or n * (n - 1) // 2 > how.exact_pairs or not fits:
        return []
    return [
        f"The {len(settings.seeds)} seeds of {name} give one and the same number, for all {n:,} points are "
        "taken: '--seeds 1' is enough"
    ]


def _own(data: Data, fingerprint: str) -> dict[str, Any]:
    least = data.min_images
    config: dict[str, Any] = {
        "source": "own",
        "fingerprint": fingerprint,
        "image_size": data.image_size,
    }
    config |= {"min_images": least} if least > 1 else {}
    return config | ({"target": data.target} if data.target is not None else {})


def _measure(
    grid: GridBuilder, name: str, config: dict[str, Any], seeds: list[int], version: int = VERSION
) -> None:
    for seed in seeds:
        cell = grid.add("measure", config, seed=seed, version=version, title=f"{name} seed {seed}")
        grid.target({"task": name, "seed": seed}, cell)


def _check_names_in_use(grid: GridBuilder, settings: Settings, names: set[str]) -> None:
    """Refuse orders of tasks, and published bits, that no task of the suite has."""
    for name in settings.published:
        with grid.setting("published", name):
            if name not in names:
                raise unknown("task in 'published'", name, names)
    for title, order in settings.orders.items():
        for index, name in enumerate(order):
            with grid.setting("orders", title, index):
                if name not in names:
                    raise unknown(f"task in the order '{title}'", name, names)
                if name in order[:index]:
                    raise UserError(f"The task '{name}' is listed twice in the order '{title}'")
    grid.check()
