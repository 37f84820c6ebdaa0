"""The state of each cell of a grid, as ``plan``, ``status`` and ``cell list`` show it."""

from collections.abc import Mapping
from typing import Any

from gridcell.answers.request import Request
from gridcell.execute.driver import diverged_cells
from gridcell.execute.heartbeat import RunningCell, running_cells
from gridcell.execute.pruned import pruned_cells
from gridcell.execute.schedule import Schedule, missing_cells
from gridcell.store import Store

STATES = ("done", "running", "queued", "failed", "diverged", "blocked", "not needed")
TO_RUN = ("running", "queued", "failed")  # states of the cells that 'run' runs


def states_of(
    asked: Request,
    store: Store,
    failures: Mapping[str, Mapping[str, Any]],
    running: Mapping[str, RunningCell] | None = None,
) -> dict[str, str]:
    """Return id -> state of each cell, one of ``STATES``.

    A need whose users are all done need not run, though it may be gone. What needs a diverged cell is
    blocked.

    Args:
        asked: the grid.
        store: what is done and running.
        failures: id -> failure record, of the whole store.
        running: id -> what runs; looked up where it isn't given.
    """
    done = store.results.done_among(asked.grid.cells)
    pruned = pruned_cells(asked.suite.task, asked.grid, done, store)
    missing = missing_cells(asked.grid, done, pruned)
    running = running_cells(store.folder) if running is None else running
    diverged = diverged_cells(failures)
    blocked = Schedule(asked.grid, done, diverged - running.keys(), pruned=pruned).blocked

    def state(cell_id: str) -> str:
        if cell_id in done and cell_id not in missing:
            return "done"
        if cell_id not in missing:
            return "not needed"
        if cell_id in running:
            return "running"
        if cell_id in diverged:
            return "diverged"
        if cell_id in blocked:
            return "blocked"
        if cell_id in failures:
            return "failed"
        return "queued"

    return {cell_id: state(cell_id) for cell_id in asked.grid.cells}
