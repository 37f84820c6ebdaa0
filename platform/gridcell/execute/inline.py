"""The inline executor: one cell after another, for debugging and for small grids.

Cells run in this process, but for those that ask for several workers.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from gridcell.cell import Cell
from gridcell.context import Reporter
from gridcell.debugging import open_debugger
from gridcell.errors import Diverged, Preempted
from gridcell.execute.allocation import keep_freed_memory
from gridcell.execute.attempt import Attempt
from gridcell.execute.listener import tell_joined
from gridcell.execute.options import GridRun
from gridcell.execute.outcome import Outcome, failure_from
from gridcell.execute.processes import processes_for
from gridcell.execute.run_cell import run_cell, run_cells
from gridcell.execute.settle import settle
from gridcell.notice import NOTICE


def run_inline(run: GridRun) -> None:
    """Run what the schedule hands out until nothing is left.

    Args:
        run: what to run. A cluster of ``options.num_cpus`` is started where cells run on several workers.

    Raises:
        KeyboardInterrupt: the run was asked to end, and the running cell has left.
        UserError: a cell runs on several workers, and this machine hasn't got what they ask for.
    """
    keep_freed_memory()
    with processes_for(run.schedule.queued(), run.options.num_cpus) as run.check:
        while first := run.schedule.take():
            others = [] if run.options.debugger else run.schedule.take_with(first)
            cells = {cell.id: cell for cell in (first, *others)}
            tell_joined(run.listener, list(cells.values()))
            for cell in cells.values():
                run.listener.started(cell)
            if run.options.debugger:
                _settle(run, cells, _run_under_debugger(_attempt(run, first), run))
            else:
                run_cells([_attempt(run, cell) for cell in cells.values()], partial(_settle, run, cells))


def _attempt(run: GridRun, cell: Cell) -> Attempt:
    return Attempt(
        cell,
        run.task,
        run.store,
        run.locations,
        run.schedule.oom_halvings(cell.id),
        _reporter(run, cell),
        replaces=run.rerun.get(cell.id),
        origin=run.options.origin,
        debugging=run.options.debugging,
    )


def _settle(run: GridRun, cells: Mapping[str, Cell], outcome: Outcome) -> None:
    cell = cells[outcome.cell]
    if outcome.failure is not None and outcome.failure.ends_process:
        run.schedule.stop(
            f"this process may be unusable after cell {cell.title} failed "
            f"({outcome.failure.message}), and inline all cells run in it"
        )
    settle(cell, outcome, run)
    if NOTICE.given:
        raise KeyboardInterrupt


def _run_under_debugger(attempt: Attempt, run: GridRun) -> Outcome:
    """Run a cell; where it fails, open the debugger in the frame that raised, and hand out no more cells."""
    try:
        return run_cell(replace(attempt, foreground=True))
    except (Diverged, Preempted) as error:  # no mistake in the code
        return Outcome(attempt.cell.id, 0.0, failure=failure_from(error))
    except Exception as error:
        open_debugger(error)
        run.schedule.stop(f"the debugger was open at cell {attempt.cell.title}")
        return Outcome(attempt.cell.id, 0.0, failure=failure_from(error))


def _reporter(run: GridRun, cell: Cell) -> Reporter:
    def report(step: int, metrics: Mapping[str, float]) -> None:
        run.listener.reported(cell, step, metrics)

    return report
