"""The plug-in contract: what a research system tells the platform, and how the platform finds it."""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gridcell import plugins
from gridcell.errors import UserError, unknown
from gridcell.grid import Grid
from gridcell.parts import PartKind
from gridcell.settings.retention import TaskWeights, Weights
from gridcell.tuning import Tuning

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gridcell.cell import Cell
    from gridcell.context import Context
    from gridcell.store import Store

ENTRY_POINTS = "gridcell.tasks"
TASKS_VARIABLE = "GRIDCELL_TASKS"  # "name=module:object[,...]": tasks of a job's working directory


@dataclass(frozen=True)
class Playing:
    """How a user wants to watch what a cell has learned.

    Attributes:
        scratch: empty local folder that is thrown away.
        out: MP4 file to write; None for a window.
        episodes: how many.
        seed: of the first; each further one has the next.
        greedy: take the likeliest action rather than draw one.
        best: play the policy that was best while it learned, not the last.
        fps: pictures a second.
    """

    scratch: Path
    out: Path | None = None
    episodes: int = 1
    seed: int = 0
    greedy: bool = False
    best: bool = False
    fps: int = 30


@dataclass(frozen=True)
class Exporting:
    """Where a cell's model is to be written, and what is known of it.

    Attributes:
        store: with the results.
        plan: id -> cell, of the grid that the cell belongs to.
        locations: name -> path or URI of data on this machine.
        cell: whose model it is.
        folder: empty local folder to write to.
        scratch: empty local folder that is thrown away.
        to: where the folder will be in the end, for what is told.
    """

    store: "Store"
    plan: Mapping[str, "Cell"]
    locations: Mapping[str, str]
    cell: "Cell"
    folder: Path
    scratch: Path
    to: str

    def provenance(self) -> dict[str, Any]:
        """Return what the cell is, which code made it and when, and the same of all that it needs.

        Names of machines and of their folders are left out: what is exported is passed on.

        Raises:
            CorruptData: A record is damaged.
        """
        return self._origin(self.cell)

    def _origin(self, cell: "Cell") -> dict[str, Any]:
        done = cell.id in self.store.results.done()
        result = self.store.results.read(cell.id) if done else None
        return {
            "id": cell.id,
            **cell.to_record(),
            "content": result.content if result else None,
            "code": result.provenance.get("code") if result else None,
            "provenance": _public(result.provenance) if result else None,
            "needs": {role: self._origin(self.plan[need]) for role, need in cell.needs.items()},
        }


def _public(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in provenance.items() if key not in ("command", "host", "node")}


@dataclass(frozen=True)
class BatchFunction:
    """How several cells of a kind are done in one pass, such as models that are tested on the same images.

    Each cell stays a cell: it has its own result, is tried again and timed by itself, and is done as soon as
    the function gives its answer. A cell whose result is missing alone is run by the kind's own function,
    which must give the same answer.

    Attributes:
        run: ``module:function`` of signature ``(Sequence[Context]) -> Iterator[(Context, answer)]``, with a
            context for each cell. An answer is the cell's metrics, or an exception where this one cell fails.
            What the function raises itself is nobody's in particular: the cells without an answer then run
            one by one, or in smaller passes where memory ran out. Within ``Context.own_time`` the time is
            one cell's; all other time is shared by all in equal parts.
        key: ``module:function`` of signature ``(Cell, Mapping[id, Cell]) -> text or None``: ready cells with
            equal keys, kinds and resources go together. None for a cell that runs alone. It must not import
            a training library.
        most: cells that go together at most; half as many each time that memory has run out.

    Example:
        >>> BatchFunction("my_task.cells.passes:run", key="my_task.plan:images_of", most=32).most
        32
    """

    run: str
    key: str
    most: int = 32


class Group(NamedTuple):
    """Cells that one pass may take: what they have in common, and how many at most."""

    key: tuple[object, ...]
    most: int


@dataclass(frozen=True)
class Task:
    """A research system on the platform.

    Cell and report functions are named as ``module:function`` and imported where they run, so that planning
    a grid loads no training library.

    Attributes:
        name: as typed on the command line.
        summary: one line.
        settings: typed settings of a suite; unknown keys must be forbidden.
        suites: folder of YAML files, one a suite; or name -> settings of each.
        plan: settings -> grid.
        cells: kind of cell -> ``module:function`` of signature ``(Cell, Context) -> metrics`` (JSON values).
        report: ``module:function`` of signature ``(GridResults, out: Path) -> Report``, called by
            ``gridcell.report.write_report`` where something is done.
        tables: name -> ``module:function`` of signature ``(GridResults) -> rows``, each a mapping of labels
            and numbers: what the report estimates from many cells. ``gridcell results --table NAME`` and
            ``gridcell.results(table=NAME)`` hand them out; the main one is called ``summary``.
        table_notes: name of a table -> ``module:function`` of signature ``(rows) -> sentences``: what one
            must know who reads these rows, such as why there are none, and where what is known stands.
        progress_metric: of a finished cell's metrics, the one that live progress shows.
        units: metric -> its unit, for those whose names do not tell it: live progress shows it behind the
            number, and ``gridcell results`` names it.
        estimate: ``module:function`` of signature ``(settings, Grid) -> {what: text}``: what a grid will
            cost, a line each, shown by ``gridcell plan``; None where nobody can say. It must not import a
            training library.
        durations: ``module:function`` of signature ``(settings, Grid) -> {cell id: seconds on one GPU}``,
            from which ``gridcell plan --gpus N`` simulates how long a grid takes; None where nobody can say.
            Cells left out take no time. It must not import a training library.
        play: ``module:function`` of signature ``(Cell, Store, Playing) -> lines to print``, for ``gridcell
            play``; None where nothing can be watched.
        export: ``module:function`` of signature ``(Cell, Exporting) -> lines to print``, for ``gridcell
            export``; None where cells leave nothing that other programs load.
        timings: patterns of metrics that are measured times or speeds, which differ between equal runs.
        packages: that hold its code, beside its own; for fingerprints of its cells' code.
        uses: ``module:function`` of signature ``Cell -> modules``: the modules of the parts that a cell's
            configuration names, as dotted names or paths of files (:meth:`Registry.module_of` tells them).
        own_settings: section of settings -> where each named entry may have it of its own, such as
            ``{"training": "methods.NAME.training"}``: a sweep of the section's settings varies the entries'.
        tuning: how its settings are searched; None where any metric of its targets may be, each trial seeing
            what the report judges by.
        parts: kinds of parts that files of the user's own can add, by name, e.g. ``method``.
        batches: kind of cell -> how several of them are done in one pass.
        weights: kind of cell -> which of its artifacts are weights.
        reads: ``module:function`` of signature ``(Cell, role) -> names or None``: the files that a cell reads
            of what it needs in a role, by the names of the artifacts; none where it reads metrics alone, None
            where it may read all. A cell whose weights were pruned is made again only for one that reads
            them. It must not import a training library. Without it every cell may read all.
    """

    name: str
    summary: str
    settings: "type[BaseModel]"
    suites: Path | Mapping[str, Mapping[str, Any]]
    plan: Callable[[Any], Grid]
    cells: Mapping[str, str]
    report: str = "gridcell.report.default:write"
    progress_metric: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    table_notes: Mapping[str, str] = field(default_factory=dict)
    estimate: str | None = None
    durations: str | None = None
    play: str | None = None
    export: str | None = None
    timings: Sequence[str] = ("*seconds*", "*per_second*")
    packages: Sequence[str] = ()
    uses: str | None = None
    own_settings: Mapping[str, str] = field(default_factory=dict)
    tuning: Tuning | None = None
    parts: Mapping[str, PartKind] = field(default_factory=dict)
    batches: Mapping[str, BatchFunction] = field(default_factory=dict)
    weights: Mapping[str, Weights] = field(default_factory=dict)
    reads: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)

    def table_rows(self, name: str, results: Any) -> list[dict[str, Any]]:
        """Return the rows of one of the task's tables.

        Args:
            name: of the table.
            results: a ``gridcell.report.GridResults``.

        Raises:
            UserError: this task has no such table, or nothing is done that it needs.
        """
        if not self.tables:
            raise UserError(f"The task '{self.name}' has no tables beside its targets: leave 'table' out")
        if name not in self.tables:
            raise unknown(f"table of {self.name}", name, self.tables)
        return list(_imported(self.tables[name])(results))

    def notes_of(self, name: str, rows: "Sequence[Mapping[str, Any]]") -> list[str]:
        """Return what a reader of a table's rows must know; of an empty one at least that it is.

        Example:
            >>> from gridcell.task import find_task
            >>> find_task("imagenet-rib").notes_of("summary", [])[0].split(":")[0]
            'The table is empty'
        """
        function = self.table_notes.get(name)
        told = list(_imported(function)(rows)) if function else []
        if told or rows:
            return told
        return [f"The table '{name}' is empty: none of its numbers is known yet."]

    def cell_function(self, kind: str) -> "Callable[[Any, Context], Mapping[str, Any]]":
        """Import and return the function that runs cells of ``kind``.

        Raises:
            UserError: this task has no such kind.
        """
        if kind not in self.cells:
            raise unknown(f"kind of {self.name} cell", kind, self.cells)
        return _imported(self.cells[kind])

    def batch_function(self, kind: str) -> "Callable[[Sequence[Context]], Iterator[Any]]":
        """Import and return the function that runs several cells of ``kind`` in one pass."""
        return _imported(self.batches[kind].run)

    def group_of(self, cell: "Cell", cells: "Mapping[str, Cell]") -> Group | None:
        """Return what a cell has in common with those that one pass may take; None where it runs alone.

        Args:
            cell: the cell.
            cells: id -> cell, with all that it needs.
        """
        batch = self.batches.get(cell.kind)
        if batch is None or cell.resources.workers > 1:
            return None
        key = _imported(batch.key)(cell, cells)
        return None if key is None else Group((cell.kind, cell.resources, key), batch.most)

    def parts_of(self, cell: "Cell") -> tuple[str, ...]:
        """Return the modules of the parts that a cell's configuration names; none where nobody says."""
        return tuple(_imported(self.uses)(cell)) if self.uses else ()

    def files_read(self, cell: "Cell", role: str) -> Collection[str] | None:
        """Return the names of the files that a cell reads of what it needs in a role; None where all."""
        names: Collection[str] | None = _imported(self.reads)(cell, role) if self.reads else None
        return names

    @property
    def all_weights(self) -> TaskWeights:
        """Which artifacts are weights, and which cells read them."""
        return TaskWeights(self.weights, self.files_read)

    def estimate_cost(self, settings: "BaseModel", grid: Grid) -> Mapping[str, str]:
        """Import the estimate function and call it; nothing where there is none."""
        return _imported(self.estimate)(settings, grid) if self.estimate else {}

    def estimate_durations(self, settings: "BaseModel", grid: Grid) -> Mapping[str, float]:
        """Import the durations function and call it; nothing where there is none."""
        return _imported(self.durations)(settings, grid) if self.durations else {}

    def play_cell(self, cell: "Cell", store: "Store", playing: Playing) -> Sequence[str]:
        """Import the play function and call it; return the lines that it tells.

        Raises:
            UserError: this task has none.
        """
        if self.play is None:
            raise UserError(f"Cells of {self.name} can't be watched: only agents play")
        lines: Sequence[str] = _imported(self.play)(cell, store, playing)
        return lines

    def export_cell(self, cell: "Cell", exporting: Exporting) -> Sequence[str]:
        """Import the export function and call it; return the lines that it tells.

        Raises:
            UserError: this task has none, or the cell has nothing to export.
        """
        if self.export is None:
            raise UserError(f"Cells of {self.name} can't be exported: they leave no model that others load")
        lines: Sequence[str] = _imported(self.export)(cell, exporting)
        return lines

    def report_function(self) -> Callable[[Any, Path], Any]:
        """Import and return the function that writes this task's report."""
        return _imported(self.report)


def imported(where: str) -> Callable[..., Any]:
    """Return the function that a task names as ``module:function``."""
    return _imported(where)


def _imported(where: str) -> Callable[..., Any]:
    name, _, function = where.partition(":")
    module = sys.modules.get(name)  # asked for each of a hundred thousand cells: 'import_module' takes longer
    if module is None or not hasattr(module, function):  # or it is being imported by another thread
        module = import_module(name)
    return getattr(module, function)


@cache
def _installed() -> dict[str, EntryPoint]:
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    for pair in filter(None, os.environ.get(TASKS_VARIABLE, "").split(",")):
        name, _, value = pair.partition("=")
        found[name] = EntryPoint(name, value, ENTRY_POINTS)
    return found


def entry_point_value(name: str) -> str:
    """Return where an installed task is found, as ``module:object``; empty for a task of a plug-in."""
    return _installed()[name].value if name in _installed() else ""


def task_names() -> list[str]:
    """Return the names of the installed tasks, and of those in plug-ins that are loaded.

    Example:
        >>> "farmap" in task_names()
        True
    """
    return sorted({*_installed(), *_plugged()})


def find_task(name: str) -> Task:
    """Load a task by name, an installed one or one of a plug-in.

    Raises:
        UserError: there is none of that name, there are two, or what is installed under it is not a task.

    Example:
        >>> find_task("farmap").name
        'farmap'
    """
    plugged = _plugged()
    if name not in plugged:
        return _load(name)
    if name in _installed():
        where = entry_point_value(name)
        raise UserError(f"Two tasks are called '{name}': one in {where}, one in {plugged[name][1]}")
    return plugged[name][0]


def _plugged() -> dict[str, tuple[Task, str]]:
    found = {}
    for plugin in plugins.loaded():
        task = getattr(plugin.module, "task", None)
        if task is not None and not isinstance(task, Task):
            raise UserError(f"'task' in {plugin.path} is {task!r}, and a task must be a Task")
        if task is not None:
            found[task.name] = (task, str(plugin.path))
    return found


@cache
def _load(name: str) -> Task:
    if name not in _installed():
        raise unknown("task", name, task_names(), plugins.hint())
    task = _installed()[name].load()
    if not isinstance(task, Task):
        raise UserError(f"The entry point '{name}' is a {type(task).__name__}, not a gridcell.task.Task")
    return task
