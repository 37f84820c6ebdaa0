"""From settings to cells: pools of data, cells that draw hypotheses, and estimates from their errors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridcell.cell import Cell, Resources
from gridcell.errors import UserError
from gridcell.grid import Grid, GridBuilder
from inductive_bias.problems.vector_size import CARTPOLE_DIMENSIONS, DIGITS, Extent
from inductive_bias.settings import (
    Arrays,
    CartPole,
    Digits,
    Images,
    Network,
    Problem,
    Rbf,
    Settings,
    Space,
    Teacher,
)

DATA_VERSIONS = {"npz": 3, "folder": 2, "shards": 2}
"""By source. npz 2: labels may be a column; 3: uint8 is scaled, (N, H, W) and colours last are pictures.

Folder and shards 2: grey stays grey, 16 bits are scaled, EXIF and transparency are heeded.
"""
ESTIMATE_VERSION = 3
"""2: at least 20 draws for the goodness of fit. 3: ``information`` is exact where that is known."""


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
        _check_extent(name, problem, settings)
        data = {seed: _data(grid, name, problem, seed) for seed in settings.seeds}
        for space_name, space in settings.spaces.items():
            for point in points(settings, problem):
                for seed in settings.seeds:
                    labels = {
                        "problem": name,
                        "space": space_name,
                        "n_train": point.n_train,
                        "dimension": "full" if point.dimension is None else point.dimension,
                        "seed": seed,
                    }
                    reason = _impossible(problem, space, point)
                    if reason is not None:
                        grid.skip(labels, reason)
                        continue
                    _estimate(grid, settings, name, data[seed], (space_name, space), point, seed, labels)
    return grid.build()


def points(settings: Settings, problem: Problem) -> list[Point]:
    """Return the base point, then those along each axis from it, without repeats."""
    sizes = settings.training_sizes if problem.training_sizes is None else problem.training_sizes
    found = [Point(settings.training_size, None)]
    found += [Point(size, None) for size in sizes]
    found += [Point(settings.training_size, dimension) for dimension in problem.dimensions]
    return list(dict.fromkeys(found))


def _check_extent(name: str, problem: Problem, settings: Settings) -> None:
    """Raise UserError if a problem has too few points or dimensions; of files only its cells can say."""
    extent = _known_extent(problem)
    if extent is None:
        return
    for point in points(settings, problem):
        extent.check(name, n_train=point.n_train, n_test=settings.test_points, dimension=point.dimension)


def _known_extent(problem: Problem) -> Extent | None:
    match problem:
        case Digits():
            return DIGITS
        case Teacher():
            return Extent(problem.points, problem.dimension)
        case CartPole():
            return Extent(problem.points, CARTPOLE_DIMENSIONS)
        case _:
            return None


def _impossible(problem: Problem, space: Space, point: Point) -> str | None:
    if not isinstance(space, Network) or not space.channels:
        return None
    if point.dimension is not None:
        return "a convolutional network needs images, and a projection gives vectors"
    if isinstance(problem, Teacher | CartPole):
        return f"a convolutional network needs images, and '{problem.source}' gives vectors"
    return None


def _data(grid: GridBuilder, name: str, problem: Problem, seed: int) -> Cell:
    """Add the cell of a problem's points: one for all seeds, but drawn problems are drawn anew for each."""
    if isinstance(problem, Teacher | CartPole):
        drawn = problem.model_dump(mode="json", exclude={"dimensions", "training_sizes"})
        return grid.add("data", drawn, seed=seed, title=f"data {name} seed {seed}")
    config: dict[str, Any] = {"source": problem.source}
    if isinstance(problem, Arrays | Images):
        from inductive_bias.problems.sources import fingerprint, notes

        if problem.source != "shards" and not Path(problem.path).expanduser().exists():
            raise UserError(
                f"There is no data file or folder '{problem.path}': name one by 'problems.{name}.path'"
            )
        config["fingerprint"] = fingerprint(problem.path, problem.source)
        grid.locate(config["fingerprint"], problem.path)
        size = problem.size if isinstance(problem, Images) else None
        target = problem.target if isinstance(problem, Arrays) else None
        grid.note(*notes(problem.path, problem.source, size, target, f"problems.{name}.target"))
        if isinstance(problem, Images):
            config["size"] = size
        elif target is not None:
            config["target"] = target
    version = DATA_VERSIONS.get(problem.source, 1)
    return grid.add("data", config, version=version, title=f"data {name}")


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
    cut = {
        "n_train": point.n_train,
        "n_test": settings.test_points,
        "dimension": point.dimension,
        "standardise": settings.standardise,
    }
    needs: dict[str, Cell] = {}
    if isinstance(chosen, Network):
        for first in range(0, settings.hypotheses, settings.hypotheses_per_cell):
            count = min(settings.hypotheses_per_cell, settings.hypotheses - first)
            config = {
                "cut": cut,
                "widths": list(chosen.widths),
                "channels": list(chosen.channels),
                "training": settings.training.model_dump(mode="json"),
                "relative": settings.error_unit == "relative",
                "first": first,
                "count": count,
            }
            needs[f"part{first // settings.hypotheses_per_cell}"] = grid.add(
                "hypotheses",
                config,
                needs={"data": data},
                seed=seed,
                title=f"{name} {where} seed {seed}: hypotheses {first}-{first + count - 1}",
                resources=Resources(settings.resources.cpus, settings.resources.gpus),
            )
    else:
        config = {
            "cut": cut,
            "kind": chosen.kind,
            "amplitude": chosen.amplitude,
            "samples": settings.kernel_samples,
            "fit_error": settings.training.fit_error,
            "relative": settings.error_unit == "relative",
        }
        config |= {"bandwidth": chosen.bandwidth} if isinstance(chosen, Rbf) else {"depth": chosen.depth}
        needs["part0"] = grid.add(
            "kernel", config, needs={"data": data}, seed=seed, title=f"{name} {where} seed {seed}"
        )
    estimate = {
        "epsilons": list(settings.epsilons),
        "target": settings.target,
        "relative": settings.error_unit == "relative",
        "bootstrap": settings.bootstrap,
    }
    title = f"estimate {name} {where} seed {seed}"
    cell = grid.add("estimate", estimate, needs=needs, seed=seed, version=ESTIMATE_VERSION, title=title)
    grid.target(labels, cell)
