"""Asking a source for more cells, between two cells of a run."""

from collections.abc import Set

from gridcell.execute.options import GridRun
from gridcell.grid import Grid
from gridcell.staleness import failures_of
from gridcell.store import Store


def pruned_cells(grid: Grid, done: Set[str], store: Store) -> Set[str]:
    """Return the ids of done cells that lack files which were pruned.

    Where all targets are done nothing can ask for them, and a request is saved.
    """
    return store.results.pruned() if any(target.cell not in done for target in grid.targets) else frozenset()


def replace_pruned(run: GridRun) -> None:
    """Let new results replace those of cells that are made again, because files of theirs were pruned."""
    again = run.schedule.made_again - run.rerun.keys()
    if again:
        results, _ = run.store.results.read_many(again)
        run.rerun.update({cell_id: result.stamp for cell_id, result in results.items()})


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
            run.schedule.add(new, done, pruned_cells(new, done, run.store))
            replace_pruned(run)
            added.append(new)
            ended = run.schedule.take_ended()
    except Exception as error:
        run.trouble.append(error)
        run.schedule.stop(f"more cells could not be planned ({error})")
    return added
