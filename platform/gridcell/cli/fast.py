"""``run --fast``: one cell of each kind and part, on one batch, in a store that is thrown away."""

from dataclasses import replace
from enum import StrEnum

import typer
from rich.console import Console

from gridcell.answers.request import Request
from gridcell.cli.exit_codes import ExitCode
from gridcell.cli.progress import TerminalProgress
from gridcell.debugging import Debugging
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.grid import Grid
from gridcell.printable import counted
from gridcell.store import Store
from gridcell.store.scratch import scratch_folder
from gridcell.task import Task


class ProfileName(StrEnum):
    """What a profile shows."""

    PYTHON = "python"
    TORCH = "torch"


def one_of_each(task: Task, grid: Grid) -> Grid:
    """Return the cells that make up at least one of each kind, with each of the parts that it may name.

    Args:
        task: whose cells they are.
        grid: all cells.

    Returns:
        Some targets in the grid's order, with all that they need.
    """
    seen: set[tuple[str, ...]] = set()
    targets, cells = [], set[str]()
    for target in grid.targets:
        closure = grid.closure([target.cell])
        kinds = {(cell.kind, *task.parts_of(cell)) for cell in closure.values()}
        if kinds - seen:
            seen |= kinds
            targets.append(target)
            cells |= closure.keys()
    kept = {cell_id: cell for cell_id, cell in grid.cells.items() if cell_id in cells or not grid.targets}
    return replace(grid, cells=kept, targets=tuple(targets), skipped=())


def run_fast(console: Console, asked: Request, options: RunOptions, *, quiet: bool = False) -> None:
    """Run one of each on one batch, and forget everything; no report can be made of that.

    Raises:
        typer.Exit: with code 1 if a cell failed.
    """
    task = asked.suite.task
    few = one_of_each(task, asked.grid)
    console.print(
        f"{asked.title}: --fast runs {len(few)} of {counted(len(asked.grid), 'cell')}, one of each kind and "
        "part, on one batch each, in this process. Nothing is stored. Goals of training, such as an error to "
        "reach, are not asked for: the numbers say nothing of the settings.",
        soft_wrap=True,
    )
    options = replace(options, debugging=replace(options.debugging, fast=True))
    with scratch_folder("fast") as folder:
        store = Store(str(folder / "store")).prepare()
        unit = task.units.get(task.progress_metric, "")
        progress = TerminalProgress(console, task.progress_metric, estimates={}, quiet=quiet, unit=unit)
        schedule = run_grid(task, few, store, options, listeners=[progress])
        failures = store.failures.read_all()
        for failure in failures.values():
            console.print(f"\n{failure['title']}: {failure['failure_class']}: {failure['message']}")
            console.print(failure["traceback"], soft_wrap=True)
    blocked = len(schedule.blocked - schedule.diverged)
    ran = counted(len(schedule.finished), "cell")
    console.print(f"{ran} ran, {len(failures)} failed, {blocked} not run because of these.")
    if failures:
        raise typer.Exit(ExitCode.FAILED)


def debugging_of(profile: str, loggers: list[str] | None, storage: str) -> Debugging:
    """Return how cells are watched, from the command's options.

    Raises:
        UserError: a logger is unknown or not installed.
    """
    named = tuple(name for each in loggers or () for name in each.split(","))
    folder = Store(storage).folder.local("loggers") if named else None
    if named and folder is None:
        raise UserError(
            f"--logger writes to a local folder, and '{storage}' is remote: use --tracking, or MLflow"
        )
    where = str(folder) if folder is not None else ""
    return Debugging(loggers=named, log_folder=where, profile=profile)  # type: ignore[arg-type]
