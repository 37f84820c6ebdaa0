"""A task whose cells end in rounds: each waits until all of its round run at once, so all end together."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridcell import Cell, Context, Grid, GridBuilder, Task
from gridcell.report import GridResults, Report


def plan(rounds: int, width: int, markers: Path) -> Grid:
    """Plan ``rounds`` rounds of ``width`` cells, which find each other in the folder ``markers``."""
    grid = GridBuilder("rounds")
    for number in range(rounds * width):
        cell = grid.add("meet", {"number": number, "width": width}, title=str(number))
        grid.target({"number": number}, cell)
    planned = grid.build()
    planned.locations["markers"] = str(markers)
    return planned


def meet(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Wait for the others of the round; return the process."""
    number, width = cell.config["number"], cell.config["width"]
    round_ = Path(context.locations["markers"]) / str(number // width)
    round_.mkdir(parents=True, exist_ok=True)
    (round_ / str(number)).touch()
    while len(list(round_.iterdir())) < width:
        time.sleep(0.005)
    return {"process": os.getpid()}


def write(results: GridResults, out: Path) -> Report:
    """Write nothing."""
    raise NotImplementedError


task = Task(
    name="rounds",
    summary="Cells that end together.",
    settings=object,  # type: ignore[arg-type]
    suites=Path(),
    plan=plan,
    cells={"meet": "rounds_task:meet"},
    report="rounds_task:write",
)
