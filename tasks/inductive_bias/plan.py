"""From settings to cells: pools of data, cells that draw hypotheses, and estimates from their errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gridcell import Cell, Grid, GridBuilder, Resources, UserError, version_of
from inductive_bias.problems.kind import CUT, Labelled, Points
from inductive_bias.problems.kinds import registry as problems
from inductive_bias.problems.kinds.files import Arrays, Images
from inductive_bias.problems.vector_size import Extent
from inductive_bias.settings import Settings
from inductive_bias.spaces import registry as spaces
from inductive_bias.spaces.kind import Kernel, KernelKind, Networks, Training
from inductive_bias.spaces.networks import Module, Network

Space = Kernel | Networks
ESTIMATE_VERSION = 4
"""2: at least 20 draws for the goodness of fit. 3: ``information`` is exact where that is known.

4: profile likelihood, subset simulation, an exact tail only where rounding allows it.
"""
KERNEL_VERSION = 2
"""2: noise, high precision, and how far rounding may move the answer."""
MANY_POINTS_VERSION = 3
"""Of kernel cells of more than 10,000 training points: their matrix is factorised, too."""
SPLITTING_VERSION = 2
"""2: a level's own particle is not counted among those below it; equal errors are put in order by labels."""
KERNEL_SPLITTING = 2
"""Added to the version of kernel cells that use subset simulation, for right labels: its version 2."""


@dataclass(frozen=True)
class Point:
    """Where on the axes an estimate stands: training points, and input dimension (None: all)."""

    n_train: int
    dimension: int | None


def plan(settings: Settings) -> Grid:
    """Plan a suite's grid.

    Raises:
        UserError: a problem's file or folder isn't there, or one whose extent is known has fewer points or
            dimensions than are asked for.
    """
    grid = GridBuilder("inductive-bias")
    for name, problem in settings.problems.items():
        with grid.setting("problems", name):
            _check_extent(name, problem, settings)
            first = _data(grid, name, problem, settings, settings.seeds[0])
            drawn = problems.get(
                problem.source
            ).drawn  # else one cell serves all seeds, and a file is read once
            data = {
                seed: _data(grid, name, problem, settings, seed) if drawn else first
                for seed in settings.seeds
            }
            for space_name, space in settings.spaces.items():
                _plan_space(grid, settings, name, data, (space_name, space))
    return grid.build()


def _plan_space(
    grid: GridBuilder, settings: Settings, problem: str, data: Mapping[int, Cell], space: tuple[str, Space]
) -> None:
    """Plan one space's estimates on a problem, whose points ``data`` holds by seed."""
    for point in points(settings, settings.problems[problem]):
        for seed in settings.seeds:
            labels = {
                "problem": problem,
                "space": space[0],
                "n_train": point.n_train,
                "dimension": "full" if point.dimension is None else point.dimension,
                "seed": seed,
            }
            reason = _impossible(settings.problems[problem], space[1], point)
            if reason is not None:
                grid.skip(labels, reason)
                continue
            _estimate(grid, settings, problem, data[seed], space, point, seed, labels)


def points(settings: Settings, problem: Points) -> list[Point]:
    """Return the base point, then those along each axis from it, without repeats."""
    sizes = settings.training_sizes if problem.training_sizes is None else problem.training_sizes
    base = settings.training_size if problem.training_size is None else problem.training_size
    if isinstance(problem, Labelled) and problem.ways is not None:
        base, sizes = problem.ways * problem.shots, []
    found = [Point(base, None)]
    found += [Point(size, None) for size in sizes]
    found += [Point(base, dimension) for dimension in problem.dimensions]
    return list(dict.fromkeys(found))


def _check_extent(name: str, problem: Points, settings: Settings) -> None:
    """Raise UserError if a problem has too few points or dimensions; of files ``_data`` does."""
    known = problems.get(problem.source).extent
    if known is not None:
        _check_points(name, problem, settings, known(problem))


def _check_points(name: str, problem: Points, settings: Settings, extent: Extent) -> None:
    for point in points(settings, problem):
        extent.check(name, n_train=point.n_train, n_test=settings.test_points, dimension=point.dimension)


def _impossible(problem: Points, space: Space, point: Point) -> str | None:
    if not isinstance(space, Network) or not (space.channels or space.blocks == "attention"):
        return None
    kind = "a convolutional" if space.channels else "an attention"
    if point.dimension is not None:
        return f"{kind} network needs images, and a projection gives vectors"
    if not problems.get(problem.source).images:
        return f"{kind} network needs images, and '{problem.source}' gives vectors"
    return None


def _look_at(
    problem: Arrays | Images, setting: str, size: int | None, least: int, fits: Callable[[Extent], None]
) -> tuple[str, ...]:
    """Say how the user's data are read, and refuse what no cell could learn from; holds no point.

    Args:
        problem: with the path of the data.
        setting: what says what labels are, for messages.
        size: side in px that images are brought to.
        least: classes with fewer images are left out.
        fits: is told how many points and dimensions there are, and may refuse them; not of shards.

    Raises:
        UserError: the data can't be read, a value is not finite, or all labels are equal.
    """
    from gridcell.data import open_class_folders, read_npz
    from inductive_bias.problems.sources import notes

    if isinstance(problem, Arrays):
        read = read_npz(problem.path, target=problem.target, setting=setting, values=False)
        if (read.labels == read.labels[:1]).all():
            raise UserError(f"All labels of '{problem.path}' are equal: there is nothing to learn")
        fits(Extent.of(read.points))
        return read.said
    said = notes(problem.path, problem.source, size, None, setting, least)
    if problem.source == "folder":
        folders = open_class_folders(problem.path, min_images=least)
        if len(folders.class_names) < 2:
            raise UserError(f"All images of '{problem.path}' are of one class: there is nothing to learn")
        look = folders.images[0].facts.look
        pixels = look.width * look.height if size is None else size * size
        fits(Extent(len(folders.images), pixels * folders.form.channels))
    return said


def _data(grid: GridBuilder, name: str, problem: Points, settings: Settings, seed: int) -> Cell:
    """Add the cell of a problem's points: one for all seeds, but drawn problems are drawn anew for each."""
    kind = problems.get(problem.source)
    if not isinstance(problem, Arrays | Images):
        made = problem.model_dump(mode="json", exclude=set(CUT))
        if kind.drawn:
            return grid.add("data", made, seed=seed, version=kind.version, title=f"data {name} seed {seed}")
        return grid.add("data", made, version=kind.version, title=f"data {name}")
    config: dict[str, Any] = {"source": problem.source}
    from inductive_bias.problems.sources import fingerprint, said_of_copies

    if problem.source != "shards" and not Path(problem.path).expanduser().exists():
        raise UserError(
            f"There is no data file or folder '{problem.path}': name one by 'problems.{name}.path'"
        )
    least = problem.min_images if isinstance(problem, Images) else 1
    if least > 1 and problem.source != "folder":
        raise UserError(
            f"The setting 'problems.{name}.min_images' goes with source: folder; for shards, 'gridcell data "
            "import' takes --min-images"
        )
    config["fingerprint"] = fingerprint(problem.path, problem.source, least)
    grid.locate(config["fingerprint"], problem.path)
    size = problem.size if isinstance(problem, Images) else None
    target = problem.target if isinstance(problem, Arrays) else None
    fits = partial(_check_points, name, problem, settings)
    grid.note(*_look_at(problem, f"problems.{name}.target", size, least, fits))
    own = {"source": problem.source, "path": problem.path, "target": target, "min_images": least}
    most = max(point.n_train for point in points(settings, problem))
    cuts: dict[str, Any] = {"n_train": most, "n_test": settings.test_points, "seeds": settings.seeds}
    grid.note(*said_of_copies(name, own, **cuts, ways=problem.ways))
    if isinstance(problem, Images):
        config |= {"size": size} | ({"min_images": least} if least > 1 else {})
    elif target is not None:
        config["target"] = target
    return grid.add("data", config, version=kind.version, title=f"data {name}")


def _estimate(
    grid: GridBuilder,
    settings: Settings,
    problem: str,
    data: Cell,
    space: tuple[str, Space],
    point: Point,
    seed: int,
    labels: dict[str, Any],
) -> None:
    name, chosen = space
    where = f"{problem} n={point.n_train}" + (f" d={point.dimension}" if point.dimension else "")
    cut: dict[str, Any] = {
        "n_train": point.n_train,
        "n_test": settings.test_points,
        "dimension": point.dimension,
        "standardise": settings.standardise,
    }
    chosen_problem = settings.problems[problem]
    numbers = isinstance(chosen_problem, Arrays) and chosen_problem.target == "numbers"
    labelled = not numbers and problems.get(chosen_problem.source).labelled
    if isinstance(chosen_problem, Labelled) and chosen_problem.ways is not None:
        cut["ways"] = chosen_problem.ways
    planned = _Planned(grid, settings, cut, data, seed, f"{name} {where} seed {seed}", labelled)
    needs = planned.networks(chosen) if isinstance(chosen, Networks) else planned.kernel(chosen)
    estimate: dict[str, Any] = {
        "epsilons": list(settings.epsilons),
        "target": settings.target,
        "relative": settings.error_unit == "relative",
        "resamples": settings.bootstrap,
    }
    if settings.accuracy is not None and labelled:
        estimate["accuracy"] = settings.accuracy
    if isinstance(chosen, Networks):
        levels = (chosen.training or settings.training).fit_levels
        estimate |= {"fit_levels": list(levels)} if levels else {}
    title = f"estimate {name} {where} seed {seed}"
    cell = grid.add("estimate", estimate, needs=needs, seed=seed, version=ESTIMATE_VERSION, title=title)
    grid.target(labels, cell)


@dataclass(frozen=True)
class _Planned:
    """One space at one point of one problem: what its cells have in common."""

    grid: GridBuilder
    settings: Settings
    cut: Mapping[str, Any]
    data: Cell
    seed: int
    title: str
    labelled: bool

    def networks(self, space: Networks) -> dict[str, Cell]:
        """Add the cells that train networks at random, and the runs of subset simulation after them."""
        settings = self.settings
        common: dict[str, Any] = {
            "cut": self.cut,
            **self._architecture(space),
            "training": _training(space.training or settings.training),
            "relative": settings.error_unit == "relative",
        }
        resources = Resources(settings.resources.cpus, settings.resources.gpus)
        # Results of before mistakes were counted lack them: a cell that is asked for them is another cell.
        counted = {"mistakes": True} if settings.accuracy is not None and self.labelled else {}
        parts: dict[str, Cell] = {}
        for first in range(0, settings.hypotheses, settings.hypotheses_per_cell):
            count = min(settings.hypotheses_per_cell, settings.hypotheses - first)
            parts[f"part{first // settings.hypotheses_per_cell}"] = self.grid.add(
                "hypotheses",
                {**common, **counted, "first": first, "count": count},
                needs={"data": self.data},
                seed=self.seed,
                title=f"{self.title}: hypotheses {first}-{first + count - 1}",
                resources=resources,
            )
        if settings.tail == "fit" and settings.accuracy is None:
            return parts
        training = {key: value for key, value in common["training"].items() if key != "fit_levels"}
        splitting = settings.splitting.model_dump(mode="json", exclude={"runs"})
        asked: dict[str, dict[str, Any]] = {}
        if settings.tail == "splitting":
            asked["run"] = {"epsilons": list(settings.epsilons), "target": settings.target}
        if settings.accuracy is not None and self.labelled:
            asked["mistakes"] = {"measure": "mistakes", "epsilons": [], "target": 1 - settings.accuracy}
        runs = {
            f"{role}{number}": self.grid.add(
                "splitting",
                {**common, "training": training, **what, "splitting": splitting, "run": number},
                needs={"data": self.data, **parts},
                seed=self.seed,
                version=SPLITTING_VERSION,
                title=f"{self.title}: splitting{' of mistakes' if 'measure' in what else ''}, run {number}",
                resources=resources,
            )
            for role, what in asked.items()
            for number in range(settings.splitting.runs)
        }
        return parts | runs

    def _architecture(self, space: Networks) -> dict[str, Any]:
        """Return what decides a network's form; of a user's module its name and its file's content."""
        if isinstance(space, Module):
            from inductive_bias.network_space.fingerprint import file_fingerprint

            path, _, name = space.factory.rpartition(":")
            found = file_fingerprint(path)
            self.grid.locate(found, path)
            return {"module": name, "fingerprint": found}
        if not isinstance(space, Network):
            kind = spaces.get(space.kind)
            own = space.model_dump(mode="json", exclude={"kind", "training"})
            return {"space": space.kind, "parameters": own, **version_of(kind, "space_version")}
        form: dict[str, Any] = {"widths": list(space.widths), "channels": list(space.channels)}
        return form if space.blocks == "plain" else form | {"blocks": space.blocks}

    def kernel(self, space: Kernel) -> dict[str, Cell]:
        """Add the cell of a kernel space."""
        settings = self.settings
        config: dict[str, Any] = {
            "cut": self.cut,
            "kind": space.kind,
            "amplitude": space.amplitude,
            "noise": space.noise,
            "samples": settings.kernel_samples,
            "fit_error": settings.training.fit_error,
            "relative": settings.error_unit == "relative",
            "targets": [*settings.epsilons, settings.target],
        }
        version = KERNEL_VERSION if self.cut["n_train"] <= 10_000 else MANY_POINTS_VERSION
        if settings.accuracy is not None and self.labelled:
            version += KERNEL_SPLITTING
            config |= {"accuracy": settings.accuracy, "splitting": settings.splitting.model_dump(mode="json")}
        kind = spaces.get(space.kind)
        assert isinstance(kind, KernelKind)
        own = space.model_dump(mode="json", include=set(kind.own)) | version_of(kind, "space_version")
        if taken := sorted(own.keys() & config.keys()):
            raise UserError(
                f"The space '{space.kind}' has a setting '{taken[0]}', a word of kernel cells: rename it"
            )
        config |= own
        cell = self.grid.add(
            "kernel",
            config,
            needs={"data": self.data},
            seed=self.seed,
            version=version,
            title=self.title,
        )
        return {"part0": cell}


def _training(training: Training) -> dict[str, Any]:
    """Return the settings of training as JSON values; those that came later only where they are used.

    So networks that are trained as before are the same cells as before.
    """
    found = training.model_dump(mode="json", exclude={"optimiser", "momentum", "fit_levels"})
    if training.optimiser != "adam":
        found |= {"optimiser": training.optimiser, "momentum": training.momentum}
    if training.fit_levels:
        found["fit_levels"] = list(training.fit_levels)
    return found
