"""A cell on two workers against the same cell on one core, and what a group of workers costs to start."""

import os
import sys
import tempfile
import time
from pathlib import Path

from gridcell.cell import Cell, Resources
from gridcell.execute.attempt import Attempt
from gridcell.execute.processes import processes_for
from gridcell.execute.run_cell import run_cell
from gridcell.store import Store

AIMS = {"one worker / two workers (speed-up, at most 2)": ">= 1.5"}
REPEATS = 3


def measure() -> dict[str, float]:
    """Return the speed-up by a second worker, and how much longer the first cell of a group takes."""
    here = Path(__file__).parents[1]
    plugins = [str(here / "plugins"), str(here)]
    sys.path[:0] = plugins
    os.environ["PYTHONPATH"] = os.pathsep.join([*plugins, os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder, processes_for([_cell(2, 0)], num_cpus=2):
        store = Store(folder).prepare()
        started, *two = [_seconds(_cell(2, seed), store) for seed in range(REPEATS + 1)]
        _, *one = [_seconds(_cell(1, seed), store) for seed in range(10, 11 + REPEATS)]
    return {
        "one worker (s)": min(one),
        "two workers (s)": min(two),
        "one worker / two workers (speed-up, at most 2)": min(one) / min(two),
        "start of two workers, once for many cells (s)": started - min(two),
    }


def _cell(workers: int, seed: int) -> Cell:
    return Cell("crew", "vit", {}, seed=seed, resources=Resources(workers=workers))


def _seconds(cell: Cell, store: Store) -> float:
    import crew_task

    begun = time.perf_counter()
    outcome = run_cell(Attempt(cell, crew_task.task, store))
    assert outcome.done, outcome.failure
    return time.perf_counter() - begun
