"""Cells that lack files which were pruned: which of them are made again, and for whom."""

from collections import defaultdict
from collections.abc import Mapping, Set

from gridcell.execute.options import GridRun
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.task import Task


def pruned_cells(task: Task, grid: Grid, done: Set[str], store: Store) -> Mapping[str, Set[str]]:
    """Return id of each done cell that lacks files -> ids of the grid's cells that read one of these files.

    A cell that reads the metrics alone of another one, or only files of it that are there, doesn't ask for
    what was pruned. Where all targets are done nothing can ask for it, and a request is saved.

    Args:
        task: whose cells they are.
        grid: all cells.
        done: ids of committed cells.
        store: where they are.
    """
    if all(target.cell in done for target in grid.targets):
        return {}
    pruned = store.results.pruned() & done
    reads: dict[str, list[tuple[str, Set[str] | None]]] = defaultdict(list)  # need -> who reads which files
    if pruned:
        for cell_id, cell in grid.cells.items():
            for role, need in cell.needs.items():
                if need in pruned:
                    names = task.files_read(cell, role)
                    reads[need].append((cell_id, None if names is None else set(names)))
    # Only where some files are read, and not all, is it asked which of them are gone.
    gone = store.results.pruned_files(need for need, of in reads.items() if any(names for _, names in of))
    return {
        need: readers
        for need, of in reads.items()
        if (readers := {user for user, names in of if names is None or names & gone.get(need, set())})
    }


def replace_pruned(run: GridRun) -> None:
    """Let new results replace those of cells that are made again, because files of theirs were pruned."""
    again = run.schedule.made_again - run.rerun.keys()
    if again:
        results, _ = run.store.results.read_many(again)
        run.rerun.update({cell_id: result.stamp for cell_id, result in results.items()})
