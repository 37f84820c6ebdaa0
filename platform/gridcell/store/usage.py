"""What a store holds and how much room it takes, and what of it nobody needs any more."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath

from gridcell.cell import id_of_whole, is_intermediate
from gridcell.settings.retention import Keep, TaskWeights
from gridcell.store import Plan, Store
from gridcell.store.checkpoints import is_of_pause
from gridcell.store.filesystem import is_leftover
from gridcell.store.plans import grid_id_of
from gridcell.store.results import RUNGS
from gridcell.store.retention import prune_weights, spare_weights

RESULTS = "results"
CATEGORIES: Mapping[str, str] = {
    "orphans": "files of results that are no more, or that were never finished",
    "quarantine": "damaged records and checkpoints of other code, which were set aside",
    "checkpoints": "of cells that are done, or in no grid that is asked for",
    "superseded": "results that were replaced because code or inputs changed",
    "tried": "results of 'gridcell cell run' that stand beside the stored ones",
    "rungs": "answers and checkpoints of cells that searches let pause; one that goes on trains them again",
    "unasked": "results of settings that no grid asks for any more",
    "weights": "weights whose users are done: their cells run again only if a new cell needs them",
}
"""What can be pruned, and what it is."""

SETTLED_S = 3600.0
"""A file without a record that is younger may be of a result that is being committed."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a store: its name there, its size in bytes, when it was written (seconds since 1970)."""

    name: str
    size: int
    modified: float

    @property
    def folder(self) -> str:
        """Name of the first folder that it is in; empty at the top."""
        return self.name.partition("/")[0] if "/" in self.name else ""


@dataclass
class Room:
    """How many files, and how many bytes they take."""

    files: int = 0
    bytes: int = 0

    def add(self, file: StoredFile) -> None:
        """Count a file."""
        self.files += 1
        self.bytes += file.size


@dataclass(frozen=True)
class AskedGrid:
    """A grid that was run against a store.

    Attributes:
        plan: as it was stored.
        id: of the grid.
        asked: whether it counts as asked for: it is the last one of its suite or of its search, or the last
            one is a part of it, as after a run of a selection, or both differ by their selections alone.
    """

    plan: Plan
    id: str
    asked: bool


@dataclass
class Usage:
    """What a store holds.

    Attributes:
        folders: first folder -> room.
        grids: those that were run, the last one last.
        prunable: category of ``CATEGORIES`` -> the files that pruning it removes.
        unasked: ids of results that no grid asks for any more.
        seconds: id -> seconds that an unasked result took to make.
        spare: id -> names of the weights that no cell needs any more.
        damaged: ids of results whose record can't be read: what they refer to isn't known.
    """

    folders: dict[str, Room] = field(default_factory=dict)
    grids: list[AskedGrid] = field(default_factory=list)
    prunable: dict[str, list[StoredFile]] = field(default_factory=lambda: {name: [] for name in CATEGORIES})
    unasked: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)
    spare: dict[str, list[str]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def room(self, category: str) -> Room:
        """Return how much room a category takes."""
        room = Room()
        for file in self.prunable[category]:
            room.add(file)
        return room


def usage(
    store: Store,
    now: float,
    weights: Mapping[str, TaskWeights] | None = None,
    keep: Keep = "last",
) -> Usage:
    """Look through a store: one listing, and a read of each record.

    Args:
        store: which to look through.
        now: the time by the storage's clock, seconds since 1970.
        weights: name of a task -> what it says of its weights; of other tasks none are known.
        keep: which weights stay though no cell needs them.
    """
    found = Usage()
    files = list(walk(store))
    for file in files:
        found.folders.setdefault(file.folder, Room()).add(file)
    found.grids = asked_grids(store.plans.read_all())
    wanted = {cell_id for grid in found.grids if grid.asked for cell_id in grid.plan.cells}
    wanted |= set(map(id_of_whole, wanted))  # a pause asks for the cell's checkpoints
    done = {_cell_of(file) for file in files if file.folder == RESULTS}
    pauses = {_cell_of(file) for file in files if file.folder == RUNGS}
    results, found.damaged = store.results.read_many(done | pauses)
    if found.grids:  # without any plan nothing is known of what is asked for
        found.unasked = done & results.keys() - wanted
    found.seconds = {cell_id: results[cell_id].seconds for cell_id in found.unasked}
    for task, its_weights in (weights or {}).items():
        mine = {cell_id: each for cell_id, each in results.items() if each.cell.task == task}
        asked = (cell for grid in found.grids if grid.asked for cell in grid.plan.cells.values())
        cells = [cell for cell in asked if cell.task == task]
        known = {cell_id: mine[cell_id] for cell_id in mine.keys() & {cell.id for cell in cells}}
        found.spare |= spare_weights(cells, known, done, its_weights, keep)
    spare = {
        results[cell_id].artifacts[name].path for cell_id, names in found.spare.items() for name in names
    }
    kept = {item.path for cell_id in results for item in results[cell_id].artifacts.values()}
    referred = {
        folder: {item.path for each in store.results.beside(folder) for item in each.artifacts.values()}
        - kept
        for folder in ("superseded", "tried")
    }
    for file in files:
        category = _category(file, found, done, wanted, kept, referred, now)
        category = "weights" if file.name in spare else category
        if category:
            found.prunable[category].append(file)
    return found


def _category(
    file: StoredFile,
    found: Usage,
    done: set[str],
    wanted: set[str],
    kept: set[str],
    referred: Mapping[str, set[str]],
    now: float,
) -> str:
    """Return by which category a file can be pruned; empty where it is needed."""
    folder, cell_id = file.folder, _cell_of(file)
    orphan = "orphans" if 0 < file.modified < now - SETTLED_S else ""
    if folder == "artifacts":  # whose names are those that cells chose: what a record names tells all
        if cell_id in found.damaged:
            return ""
        if file.name in kept and is_intermediate(cell_id):
            return RUNGS
        if file.name in kept:
            return "unasked" if cell_id in found.unasked else ""
        return next((category for category, paths in referred.items() if file.name in paths), orphan)
    name = PurePosixPath(file.name).name
    if name.startswith("."):  # by whom any other one was made isn't known
        return orphan if is_leftover(name) else ""
    if folder in ("quarantine", "superseded", "tried", RUNGS):
        return folder
    if folder == "checkpoints":
        if cell_id in done or (found.grids and cell_id not in wanted):
            return "checkpoints"
        return RUNGS if is_of_pause(name) else ""
    return "unasked" if folder == RESULTS and cell_id in found.unasked else ""


def prune(store: Store, found: Usage, categories: Iterable[str]) -> dict[str, Room]:
    """Remove what some categories hold; return what was removed by each.

    Nothing may write to the store meanwhile.

    Args:
        store: which to prune.
        found: what it holds.
        categories: names of ``CATEGORIES``.
    """
    removed = {}
    for category in categories:
        removed[category] = found.room(category)
        if category == "weights":
            prune_weights(store.results, found.spare)
            continue
        # Records first: one whose files are gone would look damaged.
        for file in sorted(found.prunable[category], key=lambda each: each.folder == "artifacts"):
            store.folder.remove(file.name)
    _remove_empty_folders(store)
    return removed


def _remove_empty_folders(store: Store) -> None:
    for name in ("artifacts", "checkpoints"):
        top = store.folder.local(name)
        if top is not None and top.is_dir():
            for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
                with contextlib.suppress(OSError):  # it isn't empty
                    folder.rmdir()


def asked_grids(plans: Iterable[Plan]) -> list[AskedGrid]:
    """Tell which grids count as asked for.

    Args:
        plans: the one that was written last at the end.
    """
    last: dict[tuple[str, str, str], Plan] = {}
    later: set[tuple[str, ...]] = set()  # arguments of later plans
    grids = []
    for plan in reversed(list(plans)):
        newest = last.setdefault((plan.task, plan.suite, plan.search), plan)
        asked = newest.cells.keys() <= plan.cells.keys()
        settings = _without_selection(plan.arguments)
        # The last of its selection, and no later run of the whole grid says what the settings mean now.
        if plan.arguments and not {plan.arguments, settings} & later:
            asked |= settings == _without_selection(newest.arguments)
        later.add(plan.arguments)
        grids.append(AskedGrid(plan, grid_id_of(plan.cells), asked))
    return grids[::-1]


def _without_selection(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what a command asks for, less which part of it: ``--select`` and its value."""
    return tuple(each for before, each in pairwise(["", *arguments]) if "--select" not in (before, each))


def walk(store: Store) -> Iterator[StoredFile]:
    """Yield all files of a store, hidden ones, too."""
    folder = store.folder
    found = folder.filesystem.find(folder.root, detail=True, refresh=True)
    prefix = len(folder.path("").rstrip("/")) + 1
    for path, about in found.items():
        yield StoredFile(path[prefix:], int(about.get("size") or 0), _modified(about))


def size_text(count: float) -> str:
    """Write a number of bytes for people.

    Example:
        >>> size_text(1_500_000)
        '1.5 MB'
    """
    for unit, digits in (("B", 0), ("kB", 1), ("MB", 1), ("GB", 1)):
        if round(count, digits) < 1000:  # as it is shown
            return f"{count:.{digits}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _modified(about: Mapping[str, object]) -> float:
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = about.get(key)
        if isinstance(value, int | float):
            return float(value)
        if hasattr(value, "timestamp"):
            return float(value.timestamp())
    return 0.0


def _cell_of(file: StoredFile) -> str:
    """Return the id of the cell that a file is of, from its name."""
    name = file.name.partition("/")[2].partition("/")[0]
    return name.removesuffix(".json").partition("-")[0]
