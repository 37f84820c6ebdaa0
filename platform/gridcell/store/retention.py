"""Which weights nobody needs any more, and removing them: a state of a result, no damage."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from gridcell.cell import Cell
from gridcell.settings.retention import Keep, Weights
from gridcell.store.results import Result, Results


@dataclass(frozen=True)
class Removed:
    """What was removed: from how many results, how many files, and their bytes."""

    results: int = 0
    files: int = 0
    bytes: int = 0


def spare_weights(
    cells: Iterable[Cell],
    results: Mapping[str, Result],
    done: Set[str],
    weights: Mapping[str, Weights],
    keep: Keep,
) -> dict[str, list[str]]:
    """Return id -> names of the artifacts that can go, because all cells that need the cell are done.

    Args:
        cells: of all grids that are asked for, of one task.
        results: id -> result of those that are done and may be pruned.
        done: ids of all that are done.
        weights: kind of cell -> its weights.
        keep: what stays.
    """
    if keep == "all":
        return {}
    users: dict[str, set[str]] = defaultdict(set)
    gone_on: set[str] = set()  # from whose weights others were made
    for cell in cells:
        for need in cell.needs.values():
            users[need].add(cell.id)
            if cell.kind in weights:
                gone_on.add(need)
    spare: dict[str, list[str]] = {}
    for cell_id, result in results.items():
        kind = weights.get(result.cell.kind)
        if kind is None or not users[cell_id] <= done:
            continue
        stays = not kind.between and cell_id not in gone_on
        kept = {"last": kind.last, "best": kind.best}.get(keep) if stays else None
        if names := [name for name in kind.names if name in result.artifacts and name != kept]:
            spare[cell_id] = names
    return spare


def prune_weights(results: Results, spare: Mapping[str, list[str]]) -> Removed:
    """Remove the artifacts that ``spare_weights`` found, of results that were not pruned before."""
    found, _ = results.read_many(spare.keys() - results.pruned())
    for cell_id, result in found.items():
        results.prune(result, spare[cell_id])
    sizes = [found[cell_id].artifacts[name].size for cell_id in found for name in spare[cell_id]]
    return Removed(len(found), len(sizes), sum(sizes))
