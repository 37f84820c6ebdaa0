"""What the driver does when an attempt at a cell ends, the same for every executor."""

import contextlib
import time

from gridcell.cell import Cell
from gridcell.execute.growth import grow
from gridcell.execute.options import GridRun
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.running_code import remember
from gridcell.store import Loss, Store
from gridcell.store.filesystem import gone
from gridcell.store.patience import written_if_possible


def settle(cell: Cell, outcome: Outcome, run: GridRun) -> None:
    """Record the outcome, set damaged inputs aside so that they are made again, and tell the listener.

    Then whoever adds cells to the run is asked for more.
    """
    failure = outcome.failure
    damaged = failure.mend if failure is not None else None
    if damaged is not None and run.schedule.is_done(damaged):  # else another cell was here first
        with contextlib.suppress(FileNotFoundError):  # another driver was here first
            run.store.set_aside(damaged)
    again = run.schedule.finish(outcome)
    if failure is None:
        run.rerun.pop(cell.id, None)  # the record that was to be replaced is gone
    if failure is not None:
        # A cell that had to leave is not to blame, unless that happened too often.
        left = failure.failure_class is FailureClass.PREEMPTED and cell.id not in run.schedule.failed
        final = not again and not left
        if not run.store.folder.is_gone:
            written_if_possible(lambda: _record(cell, failure, outcome, final, run))
    if run.store.folder.is_gone:
        run.schedule.stop(gone(run.store.uri))
    run.listener.finished(cell, outcome, again)
    for grid in grow(run):
        run.listener.grown(grid)


def _record(cell: Cell, failure: Failure, outcome: Outcome, final: bool, run: GridRun) -> None:
    store = run.store
    if final:
        made_of = _made_of(cell, run) if failure.failure_class is FailureClass.DIVERGED else {}
        store.failures.record(cell.id, {"title": cell.title, **failure.to_record(), **made_of})
    now = time.time()
    elapsed = outcome.seconds if outcome.elapsed is None else outcome.elapsed
    lost = lost_seconds(store, cell.id, now - elapsed, now, outcome.spent)
    steps = lost_steps(store, cell.id, outcome.step)
    store.losses.add(Loss(cell.id, failure.failure_class.value, lost, steps))


def _made_of(cell: Cell, run: GridRun) -> dict[str, object]:
    """Return by which code and from which inputs a cell diverged, as a result would say it."""
    code = remember(run.task).of(cell)
    run.store.codes.save(code.fingerprint, code.to_record())
    needs, _ = run.store.results.read_many(cell.needs.values())
    contents = {role: needs[need].content for role, need in cell.needs.items() if need in needs}
    return {"code": code.fingerprint, "inputs": contents}


def lost_seconds(
    store: Store, cell_id: str, started: float, ended: float, spent: float | None = None
) -> float:
    """Return the seconds of an attempt that no checkpoint keeps.

    Args:
        store: with the cell's checkpoints.
        cell_id: of the cell.
        started: when the attempt began, in seconds since 1970.
        ended: when it ended, likewise.
        spent: seconds of the attempt that belong to the cell, where it shares them with others in a pass;
            all by default.
    """
    elapsed = max(0.0, ended - started)
    saved = store.checkpoints(cell_id).saved_at()
    lost = ended - saved if saved is not None and started < saved < ended else elapsed
    part = spent / elapsed if spent is not None and elapsed else 1.0
    return round(lost * part, 3)


def lost_steps(store: Store, cell_id: str, reported: int | None) -> int | None:
    """Return the steps of an attempt that no checkpoint keeps, or None if it reported none.

    Some at least: the driver may not have heard of the last ones of a process that went away.
    """
    if reported is None:
        return None
    return max(0, reported - (store.checkpoints(cell_id).saved_step() or 0))
