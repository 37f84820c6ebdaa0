"""A task whose answer is known: cells measure the height of a hill, some of which diverge or fail."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from gridcell import Cell, Context, Diverged, Grid, GridBuilder, Seeds, Strict, Task, UserError

UNMEASURED: Mapping[str, Mapping[str, Any]] = {
    "fog": {"height": float("nan")},
    "cloud": {"height": None},
    "pit": {"height": -float("inf")},
    "cave": {},
}
"""Shapes of the ground on which a height is no number, or is not answered."""


class Walker(Strict):
    """Where a walker stands; the top is at x = 0.3, y = 10."""

    x: float = Field(0.9, ge=0, le=1)
    y: float = Field(1.0, gt=0)
    k: int = Field(1, ge=0, le=5)
    shape: str = "round"


class Settings(Strict):
    """Walkers x seeds."""

    walkers: dict[str, Walker] = Field(min_length=1)
    seeds: Seeds = Field([0])


def plan(settings: Settings) -> Grid:
    grid = GridBuilder("hill")
    base = grid.add("base", {}, title="base")
    for name, walker in settings.walkers.items():
        if walker.shape == "split" and walker.k == 3:
            raise UserError(f"{name}: k must not be 3")
        for seed in settings.seeds:
            config = walker.model_dump(mode="json")
            cell = grid.add("height", config, needs={"base": base}, seed=seed, title=f"{name} {seed}")
            grid.target({"walker": name, "seed": seed}, cell)
    return grid.build()


def base(cell: Cell, context: Context) -> Mapping[str, Any]:
    return {"sea": 0.0}


def height(cell: Cell, context: Context) -> Mapping[str, Any]:
    if log := os.environ.get("HILL_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{cell.id}\n")
    config = cell.config
    if config["shape"] == "cliff" and config["x"] > 0.5:
        raise Diverged("the walker fell")
    if config["shape"] == "bog":
        raise ZeroDivisionError("the walker sank")
    if config["shape"] in UNMEASURED:
        return UNMEASURED[config["shape"]]
    value = -((config["x"] - 0.3) ** 2) - 0.01 * (config["y"] - 10) ** 2 - 0.1 * config["k"]
    return {"height": value + 1e-3 * (cell.seed or 0), "depth": -value, "east": config["x"]}


def error_of(first: Any, second: Any, metric: str) -> float:
    """Return a standard error by which nothing is told apart."""
    return 1e6


task = Task(
    name="hill",
    summary="Heights of a hill.",
    settings=Settings,
    suites={"mini": {"walkers": {"one": {}, "two": {"x": 0.1}}}},
    plan=plan,
    cells={"base": "hill_task:base", "height": "hill_task:height"},
    progress_metric="height",
)
