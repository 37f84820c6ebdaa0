"""What a run does about weights once it has ended: those that its suite doesn't keep are removed."""

from collections.abc import Mapping, Set

from gridcell.cell import Cell
from gridcell.execute.heartbeat import living_drivers
from gridcell.printable import counted
from gridcell.settings.retention import Keep
from gridcell.store import Store
from gridcell.store.retention import Removed, prune_weights, spare_weights
from gridcell.store.usage import asked_grids, size_text
from gridcell.suite import Suite


def keep_weights(suite: Suite, cells: Mapping[str, Cell], store: Store) -> str:
    """Remove the weights that a suite doesn't keep and no cell reads any more; return a sentence on it.

    No cell of the whole suite, whatever was selected, and none of any other grid that is asked for.

    Args:
        suite: says what is kept.
        cells: id -> cell, of those whose weights may go: what was run.
        store: which holds them.

    Returns:
        What was removed, or why nothing was; empty where there was nothing to do.
    """
    if suite.keep_weights == "all":
        return ""
    if others := others_beside(store):
        return f"No weights were removed: another run uses this storage ({', '.join(others)})."
    users = {**suite.grid().cells, **cells}
    for grid in asked_grids(store.plans.read_all()):
        if grid.asked and grid.plan.task == suite.task.name:
            users |= grid.plan.cells
    return described(suite.keep_weights, remove_spare(suite, cells, users, store))


def others_beside(store: Store, *, but_own: bool = False) -> list[str]:
    """Return the drivers, ``host:pid``, that use a store; if ``but_own``, without those of this process."""
    return living_drivers(store.folder, but_own=but_own)


def remove_spare(suite: Suite, cells: Mapping[str, Cell], users: Mapping[str, Cell], store: Store) -> Removed:
    """Remove the weights that a suite doesn't keep.

    Args:
        suite: says what is kept.
        cells: id -> cell, of those whose weights may go.
        users: id -> cell, of all that is asked for: whose weights they still read stays.
        store: which holds them.
    """
    weights = suite.task.all_weights
    done = store.results.done_among(users)
    results, _ = store.results.read_many(
        cell_id for cell_id in cells.keys() & done if cells[cell_id].kind in weights.of_kinds
    )
    spare = spare_weights(users.values(), results, done, weights, suite.keep_weights)
    return prune_weights(store.results, spare)


def described(keep: Keep, removed: Removed) -> str:
    """Say what was removed; empty where nothing was."""
    if not removed.files:
        return ""
    files = counted(removed.files, "file") + " of weights that no cell needs any more"
    return (
        f"keep_weights is {keep}: {files} {'was' if removed.files == 1 else 'were'} removed "
        f"({size_text(removed.bytes)}). Their cells stay done, and run again only if a new cell needs these "
        "files."
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
