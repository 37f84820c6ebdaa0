"""Running one cell, by this process or by several that it hands the cell to."""

import contextlib
import time
from collections.abc import Callable, Sequence

from gridcell.execute.attempt import Attempt, LastStep, run_in_this_process
from gridcell.execute.batch import run_pass
from gridcell.execute.outcome import Outcome, failure_from
from gridcell.execute.processes import run_on_processes


def run_cell(attempt: Attempt) -> Outcome:
    """Run a cell and commit its result; an error becomes a failure in the outcome.

    A cell that another driver has finished meanwhile is not run again, unless both are to be compared. A cell
    that asks for several workers is handed to them.
    """
    if (before := _ended_before(attempt)) is not None:
        return before
    if attempt.cell.resources.workers == 1:
        return run_in_this_process(attempt)
    return _run_on_processes(attempt)


def _ended_before(attempt: Attempt) -> Outcome | None:
    """Return the outcome of a cell that another driver has finished, or whose record can't be read."""
    started = time.monotonic()
    try:
        with contextlib.suppress(KeyError):  # another driver was faster
            result = attempt.store.results.read(attempt.cell.id)
            if not attempt.beside and result.stamp != attempt.replaces:
                return Outcome(attempt.cell.id, result.seconds, result.metrics, elapsed=0.0)
    except Exception as error:  # its record is damaged, or the storage fails
        if attempt.foreground:
            raise
        return Outcome(attempt.cell.id, time.monotonic() - started, failure=failure_from(error))
    return None


def run_cells(attempts: Sequence[Attempt], ended: Callable[[Outcome], None]) -> None:
    """Run one cell, or several in one pass, and say of each how it ended, as soon as it has.

    Args:
        attempts: at cells that one pass may take; see ``Task.group_of``.
        ended: is told how each ended.
    """
    left = []
    for attempt in attempts:
        before = _ended_before(attempt) if len(attempts) > 1 else None
        if before is not None:
            ended(before)
        else:
            left.append(attempt)
    alone = len(left) == 1 or any(attempt.debugging.profile for attempt in left)
    if left and not alone:
        run_pass(left, ended)
    for attempt in left if alone else ():
        ended(run_whatever_it_raises(attempt))


def run_whatever_it_raises(attempt: Attempt) -> Outcome:
    """Run a cell as ``run_cell`` does; what is meant to end the process is the cell's failure, too.

    So ``sys.exit`` in a cell, or a panic in a library's Rust, ends neither the run nor the worker.
    KeyboardInterrupt is of the person who watches, and passes through.
    """
    started = time.monotonic()
    try:
        return run_cell(attempt)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(attempt.cell.id, time.monotonic() - started, failure=failure_from(error))


def _run_on_processes(attempt: Attempt) -> Outcome:
    steps = LastStep(attempt.reporter)
    try:
        outcome = run_on_processes(attempt, steps)
    except Exception as error:
        if attempt.foreground:
            raise
        return Outcome(attempt.cell.id, 0.0, failure=failure_from(error), step=steps.last)
    if attempt.foreground and outcome.failure is not None:
        raise outcome.failure.to_error()
    return outcome
