"""The inline executor: one cell after another, for debugging and for small grids.

Cells run in this process, but for those that ask for several workers.
"""

from collections.abc import Mapping

from gridcell.execute.attempt import run_cell
from gridcell.execute.listener import Listener
from gridcell.execute.outcome import Outcome
from gridcell.execute.processes import workers_for
from gridcell.execute.schedule import Schedule
from gridcell.execute.settle import settle
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.task import Task


def run_inline(
    task: Task,
    grid: Grid,
    schedule: Schedule,
    store: Store,
    listener: Listener,
    num_cpus: int | None = None,
) -> None:
    """Run what ``schedule`` hands out until nothing is left.

    Args:
        task: the plug-in whose cells these are.
        grid: all cells.
        schedule: order and retries.
        store: where results go.
        listener: is told what happens.
        num_cpus: cores of the cluster that is started here where cells run on several workers.

    Raises:
        UserError: a cell runs on several workers, and this machine hasn't got what they ask for.
    """
    with workers_for(schedule.queued(), num_cpus):
        _run(task, grid, schedule, store, listener)


def _run(task: Task, grid: Grid, schedule: Schedule, store: Store, listener: Listener) -> None:
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
