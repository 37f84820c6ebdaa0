"""coin: how often does a coin show heads?"""

from collections.abc import Mapping
from typing import Any

from gridcell import Cell, Context, Grid, GridBuilder, Seeds, Strict, Task


class Settings(Strict):
    """What a suite can set."""

    tosses: int = 100
    seeds: Seeds = [0, 1]


def plan(settings: Settings) -> Grid:
    """Plan a cell for each seed."""
    grid = GridBuilder("coin")
    for seed in settings.seeds:
        cell = grid.add("toss", {"tosses": settings.tosses}, seed=seed, title=f"coin {seed}")
        grid.target({"seed": seed}, cell)
    return grid.build()


def toss(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Toss a coin."""
    import numpy as np

    heads = np.random.default_rng(context.seed).integers(0, 2, cell.config["tosses"]).mean()
    return {"heads": float(heads)}


task = Task(
    name="coin",
    summary="How often does a coin show heads?",
    settings=Settings,
    suites={"mini": {}},
    plan=plan,
    cells={"toss": "gridcell_example.coin:toss"},
)
