"""The plug-in contract: what a research system tells the platform, and how the platform finds it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.errors import UserError, unknown
from gridcell.grid import Grid

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gridcell.context import Context

ENTRY_POINTS = "gridcell.tasks"
TASKS_VARIABLE = "GRIDCELL_TASKS"  # "name=module:object[,...]": tasks of a job's working directory


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
        report: ``module:function`` of signature ``(GridResults, out: Path) -> Report``, called by
            ``gridcell.report.write_report`` where something is done.
        progress_metric: of a finished cell's metrics, the one that live progress shows.
        estimate: ``module:function`` of signature ``(settings, Grid) -> {what: text}``: what a grid will
            cost, a line each, shown by ``gridcell plan``; None where nobody can say. It must not import a
            training library.
        durations: ``module:function`` of signature ``(settings, Grid) -> {cell id: seconds on one GPU}``,
            from which ``gridcell plan --gpus N`` simulates how long a grid takes; None where nobody can say.
            Cells left out take no time. It must not import a training library.
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

    def report_function(self) -> Callable[[Any, Path], Any]:
        """Import and return the function that writes this task's report."""
        return _imported(self.report)


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
