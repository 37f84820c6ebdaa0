"""What the scheduler costs a cell: where cells overtake others that have no machine, and where many run.

Ray is not started: the searcher that feeds Tune is asked as Tune asks it, on a cluster that says what it has.
"""

import json
import math
import tempfile
import time
from typing import Any
from unittest import mock

from tests.benchmarks._waiting_task import task

from gridcell.cell import Resources
from gridcell.execute.options import GridRun
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid, GridBuilder
from gridcell.store import Store

AIMS = {
    "overtaking 8,000 (ms a cell)": "<= 0.25",
    "2,048 slots: a finished cell (ms)": "<= 0.5",
}
WAITING = (1_000, 8_000)
SLOTS = (64, 2_048)
SHAPES = (Resources(cpus=1), Resources(cpus=2))


def measure() -> dict[str, float]:
    """Return milliseconds a cell, with more and more cells that wait, and with more and more that run."""
    figures = {f"overtaking {waiting:,} (ms a cell)": _overtaking(waiting) for waiting in WAITING}
    return figures | {f"{slots:,} slots: a finished cell (ms)": _finishing(slots) for slots in SLOTS}


def _grid(*asked: tuple[Resources, int]) -> Grid:
    builder = GridBuilder("waiting")
    for resources, count in asked:
        for number in range(count):
            cell = builder.add("wait", {"of": resources.gpus, "n": number}, resources=resources)
            builder.target({}, cell)
    return builder.build()


def _overtaking(waiting: int) -> float:
    """Hand out as many cells as wait for a GPU that no machine has."""
    schedule = Schedule(_grid((Resources(gpus=1), waiting), (Resources(cpus=2), waiting)), set())
    begun = time.perf_counter()
    for _ in range(waiting):
        cell = schedule.take(lambda each: not each.resources.gpus, lambda each: bool(each.resources.gpus))
        assert cell is not None
        schedule.finish(Outcome(cell.id, 0.0))
    return 1000 * (time.perf_counter() - begun) / waiting


class _Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def _finishing(slots: int, cells: int = 512) -> float:
    """Fill so many slots, then end one cell after another and ask for the next."""
    from gridcell.execute.searcher import CellSearcher

    grid = _grid(*((shape, slots + cells) for shape in SHAPES))
    done = {"outcome": json.dumps({"seconds": 0.0, "metrics": {}, "failure": None, "step": None})}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("ray.cluster_resources", return_value={"CPU": float(slots)}),
    ):
        run = GridRun(task, grid, Schedule(grid, set()), Store(folder).prepare(), _Silent())
        searcher = CellSearcher(run, max_concurrent=math.inf, ask_beyond=True, processors=math.inf)
        for number in range(slots):
            assert searcher.suggest(str(number))
            searcher.on_trial_result(str(number), {"begun": True})
        begun = time.perf_counter()
        for number in range(cells):
            searcher.on_trial_complete(str(number), done)
            assert searcher.suggest(str(slots + number))
            searcher.on_trial_result(str(slots + number), {"begun": True})
        return 1000 * (time.perf_counter() - begun) / cells
