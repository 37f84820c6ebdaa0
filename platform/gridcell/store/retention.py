"""Which weights nobody needs any more, and removing them: a state of a result, no damage."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from gridcell.cell import Cell
from gridcell.settings.retention import Keep, TaskWeights
from gridcell.store.results import Result, Results


@dataclass(frozen=True)
class Removed:
    """What was removed: from how many results, how many files, and their bytes."""

    results: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(self.results + other.results, self.files + other.files, self.bytes + other.bytes)


def spare_weights(
    cells: Iterable[Cell],
    results: Mapping[str, Result],
    done: Set[str],
    weights: TaskWeights,
    keep: Keep,
) -> dict[str, list[str]]:
    """Return id -> names of the artifacts that can go, because all cells that read them are done.

    Args:
        cells: of all grids that are asked for, of one task.
        results: id -> result of those that are done and may be pruned.
        done: ids of all that are done.
        weights: which artifacts are weights, and which cell reads what.
        keep: what stays.
    """
    if keep == "all":
        return {}
    waited_for: dict[str, set[str | None]] = defaultdict(set)  # names of files that are yet to be read
    gone_on: set[str] = set()  # from whose weights others were made
    for cell in cells:
        for role, need in cell.needs.items():
            names = weights.read_by(cell, role)
            if cell.id not in done:
                waited_for[need].update([None] if names is None else names)
            if cell.kind in weights.of_kinds and (names is None or names):
                gone_on.add(need)
    spare: dict[str, list[str]] = {}
    for cell_id, result in results.items():
        kind = weights.of_kinds.get(result.cell.kind)
        if kind is None or None in waited_for[cell_id]:
            continue
        stays = not kind.between and cell_id not in gone_on
        kept = {"last": kind.last, "best": kind.best}.get(keep) if stays else None
        gone = [name for name in kind.names if name in result.artifacts and name != kept]
        if names := [name for name in gone if name not in waited_for[cell_id]]:
            spare[cell_id] = names
    return spare


def prune_weights(results: Results, spare: Mapping[str, list[str]]) -> Removed:
    """Remove the artifacts that ``spare_weights`` found, but for those that were removed before."""
    before = results.pruned_files(spare.keys() & results.pruned())
    left = {
        cell_id: there
        for cell_id, names in spare.items()
        if (there := [name for name in names if name not in before.get(cell_id, ())])
    }
    found, _ = results.read_many(left)
    for cell_id, result in found.items():
        results.prune(result, left[cell_id], before.get(cell_id, ()))
    sizes = [found[cell_id].artifacts[name].size for cell_id in found for name in left[cell_id]]
    return Removed(len(found), len(sizes), sum(sizes))
