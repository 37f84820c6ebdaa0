"""The driver: takes a grid and a store and runs what is missing, by whichever executor."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gridcell.cell import Cell
from gridcell.execute.growth import grow
from gridcell.execute.heartbeat import Heartbeat
from gridcell.execute.inline import run_inline
from gridcell.execute.listener import Listener, Listeners
from gridcell.execute.options import GridRun, RunOptions
from gridcell.execute.outcome import FailureClass
from gridcell.execute.pruned import pruned_cells, replace_pruned
from gridcell.execute.running_code import remember
from gridcell.execute.schedule import Schedule
from gridcell.execute.source import Source
from gridcell.fingerprint import Codes
from gridcell.grid import Grid
from gridcell.notice import NOTICE
from gridcell.staleness import failures_of
from gridcell.store import Result, Store
from gridcell.store.scratch import sweep
from gridcell.task import Task


def run_grid(
    task: Task,
    grid: Grid,
    store: Store,
    options: RunOptions | None = None,
    *,
    listeners: Sequence[Listener] = (),
    source: Source | None = None,
) -> Schedule:
    """Run the cells that the store lacks and return the schedule, which tells how each ended.

    Nothing is started when nothing is missing. Interruption (KeyboardInterrupt) passes through after the
    listeners were told; all finished cells are kept.

    Args:
        task: the plug-in whose cells these are.
        grid: all cells and targets.
        store: prepared for writing.
        options: how to run; the defaults of :class:`RunOptions` if left out.
        listeners: are told what happens.
        source: gives the run more cells while it goes on; see there.

    Raises:
        UserError: the executor can't run this grid.
        Exception: whatever the source raised, once the cells that ran then have ended.

    Example:
        >>> from gridcell.suite import load_suite
        >>> from gridcell.task import find_task
        >>> task = find_task("generalization-difficulty")
        >>> grid = load_suite(task, "published").grid()
        >>> options = RunOptions(executor="inline")
        >>> run_grid(task, grid, Store("runs").prepare(), options).failed  # doctest: +SKIP
        {}
    """
    options = options or RunOptions()
    store.hold()
    sweep()
    codes = remember(task)
    diverged = set() if options.retry_diverged else diverged_cells(failures_of(task, grid, store))
    done = store.results.done_among(grid.cells) - options.rerun.keys()
    pruned = pruned_cells(task, grid, done, store)
    limit = options.max_failures
    schedule = Schedule(grid, done, diverged, pruned=pruned, max_failures=limit, group_of=task.group_of)
    run = GridRun(task, grid, schedule, store, Listeners([]), options, source)
    replace_pruned(run)
    added = grow(run)
    if run.trouble:
        raise run.trouble[0]
    if schedule.exhausted:
        return schedule
    code = _files_of(codes, schedule.queued())
    run.listener = listener = Listeners([*listeners, Heartbeat(store, task.name, code)])
    listener.begun(schedule)
    for more in added:
        listener.grown(more)
    stopped = True
    try:
        if options.executor == "inline":
            run_inline(run)
        else:
            from gridcell.execute.tune import run_on_ray

            run_on_ray(run)
        stopped = False
    finally:
        NOTICE.withdraw()
        listener.ended(stopped)
    if run.trouble:
        raise run.trouble[0]
    return schedule


def _files_of(codes: Codes, cells: Iterable[Cell]) -> dict[str, str]:
    """Return module -> digest of all code of some cells that is here."""
    files: dict[str, str] = {}
    for cell in cells:
        with contextlib.suppress(ImportError):  # the cell says so itself, when it is run
            files |= {**codes.of(cell).files, **codes.of(cell).data}
    return files


def diverged_cells(failures: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the ids of the cells whose recorded failure is that training diverged."""
    return {
        cell_id
        for cell_id, failure in failures.items()
        if failure["failure_class"] == FailureClass.DIVERGED.value
    }


def read_whole(grid: Grid, store: Store) -> tuple[dict[str, Result], list[str]]:
    """Read the results of a grid, and set damaged records aside, so that their cells run again.

    Returns:
        The results, and the ids of those that were damaged.
    """
    results, damaged = store.results.read_many(grid.cells)
    for cell_id in damaged:
        with contextlib.suppress(FileNotFoundError):  # another driver was here first
            store.set_aside(cell_id)
    return results, damaged
