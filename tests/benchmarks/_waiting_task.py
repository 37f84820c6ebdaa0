"""A task whose cells wait: what a grid of them takes longer than they wait is the platform's overhead."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.grid import Grid, GridBuilder
from gridcell.report import GridResults, Report
from gridcell.task import Task


class Settings(BaseModel):
    """So many cells, each of which waits so long and answers so many metrics beside."""

    model_config = ConfigDict(extra="forbid")
    cells: int = Field(1000, ge=1)
    seconds: float = Field(1.0, ge=0)
    metrics: int = Field(0, ge=0)


def plan(settings: Settings) -> Grid:
    """Plan cells that need nothing of each other."""
    grid = GridBuilder("waiting")
    for number in range(settings.cells):
        config = {"number": number, "seconds": settings.seconds, "metrics": settings.metrics}
        cell = grid.add("wait", config, title=f"wait {number}")
        grid.target({"number": number}, cell)
    return grid.build()


def wait(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Wait, and say which process did, when it began, and whether it holds torch."""
    del context
    began = time.time()
    time.sleep(cell.config["seconds"])
    more = {f"metric{number}": 0.5 + cell.config["number"] for number in range(cell.config["metrics"])}
    return {"process": os.getpid(), "began": began, "torch": "torch" in sys.modules, **more}


def write_report(results: GridResults, out: Path) -> Report:
    """Write how many are done."""
    out.mkdir(parents=True, exist_ok=True)
    page = out / "report.html"
    page.write_text(str(len(results.results)))
    return Report(page, [])


_HERE = "tests.benchmarks._waiting_task"
task = Task(
    name="waiting",
    summary="Cells that wait.",
    settings=Settings,
    suites=Path(__file__).parent,
    plan=plan,
    cells={"wait": f"{_HERE}:wait"},
    report=f"{_HERE}:write_report",
)
