"""What a run does about weights once it has ended: those that its suite doesn't keep are removed."""

from collections.abc import Set

from gridcell.answers.request import Request
from gridcell.execute.heartbeat import living_drivers
from gridcell.store import Store
from gridcell.store.retention import prune_weights, spare_weights
from gridcell.store.usage import asked_grids, size_text


def keep_weights(asked: Request, store: Store) -> str:
    """Remove the weights that the suite doesn't keep and no cell needs; return a sentence on it.

    No cell of the whole suite, whatever was selected, and none of any other grid that is asked for.

    Returns:
        What was removed, or why nothing was; empty where there was nothing to do.
    """
    suite = asked.suite
    if suite.keep_weights == "all":
        return ""
    if others := living_drivers(store.folder):
        return f"No weights were removed: another run uses this storage ({', '.join(others)})."
    cells = dict(suite.grid().cells)
    for grid in asked_grids(store.plans.read_all()):
        if grid.asked and grid.plan.task == suite.task.name:
            cells |= grid.plan.cells
    done = store.results.done()
    mine = asked.grid.cells.keys() & done
    results, _ = store.results.read_many(
        cell_id for cell_id in mine if asked.grid.cells[cell_id].kind in suite.task.weights
    )
    spare = spare_weights(cells.values(), results, done, suite.task.weights, suite.keep_weights)
    removed = prune_weights(store.results, spare)
    if not removed.files:
        return ""
    return (
        f"keep_weights is {suite.keep_weights}: {removed.files} files of weights that no cell needs any more "
        f"were removed ({size_text(removed.bytes)}). Their cells stay done, and run again only if a new cell "
        "needs them."
    )


def describe_pruned(pruned: Set[str], to_run: Set[str]) -> str:
    """Say how many results lack pruned weights, and how many of these are made again; empty where none do.

    Args:
        pruned: ids of the results of a grid whose weights were pruned.
        to_run: ids of its cells that are to run.
    """
    if not pruned:
        return ""
    again = len(pruned & to_run)
    fate = f"{again} of them are made again, because cells that are to run need them" if again else ""
    return f"{len(pruned)} results are without their weights, which were pruned{'; ' + fate if fate else ''}."
