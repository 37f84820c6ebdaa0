"""The driver: takes a grid and a store and runs what is missing, by whichever executor."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gridcell.errors import UserError
from gridcell.execute.heartbeat import Heartbeat
from gridcell.execute.inline import run_inline
from gridcell.execute.listener import Listener, Listeners
from gridcell.execute.outcome import FailureClass
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.task import Task

Executor = Literal["ray", "inline"]
_LONGEST_S = 1e8  # three years: the system's clocks take no more than some centuries


def run_grid(
    task: Task,
    grid: Grid,
    store: Store,
    *,
    executor: Executor = "ray",
    address: str | None = None,
    num_cpus: int | None = None,
    max_concurrent: int | None = None,
    retry_diverged: bool = False,
    max_failures: int | None = None,
    stall_timeout_s: float | None = None,
    listeners: Sequence[Listener] = (),
) -> Schedule:
    """Run the cells that the store lacks and return the schedule, which tells how each ended.

    Nothing is started when nothing is missing. Interruption (KeyboardInterrupt) passes through after the
    listeners were told; all finished cells are kept.

    Args:
        task: the plug-in whose cells these are.
        grid: all cells and targets.
        store: prepared for writing.
        executor: ``ray``, or ``inline`` for one after another in this process.
        address: of a running Ray cluster.
        num_cpus: cores of a Ray cluster started here.
        max_concurrent: run at most so many cells at once.
        retry_diverged: run diverged cells again, which otherwise stay diverged.
        max_failures: hand out nothing more once so many cells have failed.
        stall_timeout_s: end a cell that reports nothing for so long, and try it again.
        listeners: are told what happens.

    Raises:
        UserError: the executor can't run this grid.
    """
    check_at_least_one("--max-concurrent", max_concurrent)
    check_at_least_one("--max-failures", max_failures)
    if stall_timeout_s is not None and executor == "inline":
        raise UserError("--stall-timeout needs --executor ray: inline, a cell can't be ended from outside")
    check_seconds("--stall-timeout", stall_timeout_s)
    diverged = set() if retry_diverged else diverged_cells(store.failures.read_all())
    schedule = Schedule(grid, store.results.done(), diverged, max_failures=max_failures)
    if schedule.exhausted:
        return schedule
    listener = Listeners([*listeners, Heartbeat(store)])
    listener.begun(schedule)
    stopped = True
    try:
        if executor == "inline":
            run_inline(task, grid, schedule, store, listener, num_cpus)
        else:
            from gridcell.execute.tune import run_on_ray

            run_on_ray(
                task,
                grid,
                schedule,
                store,
                listener,
                address=address,
                num_cpus=num_cpus,
                max_concurrent=max_concurrent,
                stall_timeout_s=stall_timeout_s,
            )
        stopped = False
    finally:
        listener.ended(stopped)
    return schedule


def check_at_least_one(option: str, value: int | None) -> None:
    """Make sure that a limit, where it is given, lets anything run.

    Raises:
        UserError: it doesn't.
    """
    if value is not None and value < 1:
        raise UserError(f"{option} must be at least 1, not {value}")


def check_seconds(option: str, value: float | None) -> None:
    """Make sure that a time limit, where it is given, is one that can be waited for.

    Raises:
        UserError: it isn't.
    """
    if value is not None and not 0 < value <= _LONGEST_S:
        raise UserError(f"{option} must be above 0 and at most {_LONGEST_S:g} seconds, not {value:g}")


def diverged_cells(failures: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the ids of the cells whose recorded failure is that training diverged."""
    return {
        cell_id
        for cell_id, failure in failures.items()
        if failure["failure_class"] == FailureClass.DIVERGED.value
    }


def set_damaged_aside(grid: Grid, store: Store) -> list[str]:
    """Quarantine the damaged records among the grid's cells, so that they run again; return their ids."""
    _, damaged = store.results.read_many(grid.cells)
    for cell_id in damaged:
        with contextlib.suppress(FileNotFoundError):  # another driver was here first
            store.set_aside(cell_id)
    return damaged
