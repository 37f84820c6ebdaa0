"""The inline executor: one cell after another in this process, for debugging and for small grids."""

from collections.abc import Mapping

from gridcell.execute.listener import Listener
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.execute.settle import settle
from gridcell.execute.work import run_cell
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.task import Task


def run_inline(task: Task, grid: Grid, schedule: Schedule, store: Store, listener: Listener) -> None:
    """Run what ``schedule`` hands out until nothing is left."""
    while cell := schedule.take():
        listener.started(cell)

        def report(step: int, metrics: Mapping[str, float], cell: object = cell) -> None:
            listener.reported(grid.cells[cell.id], step, metrics)  # type: ignore[attr-defined]

        outcome: Outcome = run_cell(
            cell,
            task,
            store,
            locations=grid.locations,
            reporter=report,
            oom_halvings=schedule.oom_halvings(cell.id),
        )
        settle(cell, outcome, schedule, store, listener)
