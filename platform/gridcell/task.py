"""The plug-in contract: what a research system tells the platform, and how the platform finds it."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.errors import UserError, unknown
from gridcell.grid import Grid
from gridcell.store import Loss, Result, Store
from gridcell.store.losses import lost_by_class

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gridcell.cell import Cell
    from gridcell.context import Context

ENTRY_POINTS = "gridcell.tasks"
TASKS_VARIABLE = "GRIDCELL_TASKS"  # "name=module:object[,...]": tasks of a job's working directory


@dataclass(frozen=True)
class Findings:
    """What a report is written from.

    Attributes:
        title: of the report, e.g. ``imagenet-rib / mini``.
        settings: the suite's settings, as JSON values.
        grid: every cell and target that was asked for.
        results: id -> result of the cells that are done.
        failures: id -> failure record of those that failed or diverged.
        store: where artifacts are fetched from.
        losses: attempts at them that ended without a result, whether or not they are done by now.
    """

    title: str
    settings: Mapping[str, Any]
    grid: Grid
    results: Mapping[str, Result]
    failures: Mapping[str, Mapping[str, Any]]
    store: Store
    losses: Sequence[Loss] = ()

    def counts(self) -> dict[str, int]:
        """Return state of the cells -> how many, in the order in which a report shows them."""
        diverged = sum(item["failure_class"] == "diverged" for item in self.failures.values())
        done, failed = len(self.results), len(self.failures)
        return {
            "done": done,
            "failed": failed - diverged,
            "diverged": diverged,
            "not run": len(self.grid) - done - failed,
            "skipped": len(self.grid.skipped),
        }

    def reasons(self) -> list[dict[str, str]]:
        """Return ``title``, ``class`` and ``message`` of each failure."""
        keys = {"title": "title", "class": "failure_class", "message": "message"}
        return [{name: str(item[key]) for name, key in keys.items()} for item in self.failures.values()]

    def interruptions(self) -> dict[str, dict[str, float]]:
        """Return failure class -> what ``lost_by_class`` tells, and cells ``given_up``: not done for it."""
        lost = lost_by_class(self.losses, self.grid.cells)
        given_up = Counter(str(failure["failure_class"]) for failure in self.failures.values())
        none = {"attempts": 0, "seconds": 0.0}
        return {
            name: {**lost.get(name, none), "given_up": given_up[name]} for name in sorted({*lost, *given_up})
        }

    def versions(self) -> str:
        """Name the versions of all packages that results were computed with."""
        found = {
            f"{k} {v}" for result in self.results.values() for k, v in result.provenance["versions"].items()
        }
        return ", ".join(sorted(found))


@dataclass(frozen=True)
class Report:
    """What a report function wrote: the page to open, and what the terminal shows (rich renderables).

    To an HTML page with a ``<main>`` the platform adds a section on interruptions, where there were any.
    """

    page: Path
    headline: Sequence[Any]


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
class Task:
    """A research system on the platform.

    Cell and report functions are named as ``module:function`` and imported where they run, so that planning
    a grid loads no training library.

    Attributes:
        name: as typed on the command line.
        summary: one line.
        settings: typed settings of a suite; unknown keys must be forbidden.
        suites: folder of YAML files, one a suite.
        plan: settings -> grid.
        cells: kind of cell -> ``module:function`` of signature ``(Cell, Context) -> metrics`` (JSON values).
        report: ``module:function`` of signature ``(Findings, out: Path) -> Report``.
        progress_metric: of a finished cell's metrics, the one that live progress shows.
        estimate: ``module:function`` of signature ``(settings, Grid) -> {what: text}``: what a grid will
            cost, a line each, shown by ``gridcell plan``; None where nobody can say. It must not import a
            training library.
        durations: ``module:function`` of signature ``(settings, Grid) -> {cell id: seconds on one GPU}``,
            from which ``gridcell plan --gpus N`` simulates how long a grid takes; None where nobody can say.
            Cells left out take no time. It must not import a training library.
        play: ``module:function`` of signature ``(Cell, Store, Playing) -> lines to print``, for ``gridcell
            play``; None where nothing can be watched.
    """

    name: str
    summary: str
    settings: "type[BaseModel]"
    suites: Path
    plan: Callable[[Any], Grid]
    cells: Mapping[str, str]
    report: str
    progress_metric: str = ""
    estimate: str | None = None
    durations: str | None = None
    play: str | None = None

    def cell_function(self, kind: str) -> "Callable[[Any, Context], Mapping[str, Any]]":
        """Import and return the function that runs cells of ``kind``.

        Raises:
            UserError: this task has no such kind.
        """
        if kind not in self.cells:
            raise unknown(f"kind of {self.name} cell", kind, self.cells)
        return _imported(self.cells[kind])

    def estimate_cost(self, settings: "BaseModel", grid: Grid) -> Mapping[str, str]:
        """Import the estimate function and call it; nothing where there is none."""
        return _imported(self.estimate)(settings, grid) if self.estimate else {}

    def estimate_durations(self, settings: "BaseModel", grid: Grid) -> Mapping[str, float]:
        """Import the durations function and call it; nothing where there is none."""
        return _imported(self.durations)(settings, grid) if self.durations else {}

    def play_cell(self, cell: "Cell", store: Store, playing: Playing) -> Sequence[str]:
        """Import the play function and call it; return the lines that it tells.

        Raises:
            UserError: this task has none.
        """
        if self.play is None:
            raise UserError(f"Cells of {self.name} can't be watched: only agents play")
        lines: Sequence[str] = _imported(self.play)(cell, store, playing)
        return lines

    def write_report(self, findings: Findings, out: Path) -> Report:
        """Import the report function and call it; add what interrupted the run, which no result shows."""
        from gridcell.report.interruptions import add_interruptions

        report: Report = _imported(self.report)(findings, out)
        add_interruptions(findings.interruptions(), report.page)
        return report


def _imported(where: str) -> Callable[..., Any]:
    module, _, function = where.partition(":")
    return getattr(import_module(module), function)


@cache
def _installed() -> dict[str, EntryPoint]:
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    for pair in filter(None, os.environ.get(TASKS_VARIABLE, "").split(",")):
        name, _, value = pair.partition("=")
        found[name] = EntryPoint(name, value, ENTRY_POINTS)
    return found


def entry_point_value(name: str) -> str:
    """Return where an installed task is found, as ``module:object``."""
    return _installed()[name].value


def task_names() -> list[str]:
    """Return the names of the installed tasks."""
    return sorted(_installed())


@cache
def find_task(name: str) -> Task:
    """Load an installed task by name.

    Raises:
        UserError: there is none of that name, or what is installed under it is not a task.
    """
    if name not in _installed():
        raise unknown("task", name, task_names())
    task = _installed()[name].load()
    if not isinstance(task, Task):
        raise UserError(f"The entry point '{name}' is a {type(task).__name__}, not a gridcell.task.Task")
    return task
