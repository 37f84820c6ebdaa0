"""Asking a source for more cells, between two cells of a run."""

from gridcell.execute.options import GridRun
from gridcell.execute.pruned import pruned_cells, replace_pruned
from gridcell.grid import Grid
from gridcell.staleness import failures_of


def grow(run: GridRun) -> list[Grid]:
    """Tell the source what has ended, and add what it gives until it gives nothing; return what was added.

    If it raises, the run hands out nothing more and keeps the error in ``trouble``.
    """
    ended = run.schedule.take_ended()
    added: list[Grid] = []
    if run.source is None or run.schedule.stopped:
        return added
    try:
        while (growth := run.source.more(ended)) is not None:
            new = growth.grid
            run.check(list(new.cells.values()))
            done = run.store.results.done_among(new.cells) - growth.rerun.keys()
            run.locations.update(new.locations)
            run.rerun.update(growth.rerun)
            if before := run.schedule.final_failures & new.cells.keys():
                run.schedule.final_failures -= before - failures_of(run.task, new, run.store).keys()
            run.schedule.add(new, done, pruned_cells(run.task, new, done, run.store))
            replace_pruned(run)
            added.append(new)
            ended = run.schedule.take_ended()
    except Exception as error:
        run.trouble.append(error)
        run.schedule.stop(f"more cells could not be planned ({error})")
    return added
