"""The command that runs a grid."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    MaxConcurrent,
    MaxFailures,
    Overrides,
    Request,
    RetryDiverged,
    Seeds,
    Selection,
    StallTimeout,
    Storage,
    SuiteName,
    TaskName,
    Tracking,
    request,
)
from gridcell.cli.interruption import end_when_asked, leave
from gridcell.cli.progress import TerminalProgress
from gridcell.cli.reports import findings, report_folder
from gridcell.execute.driver import diverged_cells, run_grid, set_damaged_aside
from gridcell.execute.options import RunOptions
from gridcell.execute.schedule import Schedule
from gridcell.mlflow.experiment import default_tracking_uri, is_server
from gridcell.mlflow.mirror import Window
from gridcell.store import Store


class ExecutorName(StrEnum):
    """Where cells run."""

    RAY = "ray"
    INLINE = "inline"


def run(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    storage: Storage = DEFAULT_STORAGE,
    executor: Annotated[
        ExecutorName, typer.Option(help="ray: many cells at once; inline: one after another, for debugging.")
    ] = ExecutorName.RAY,
    address: Annotated[
        str | None, typer.Option(metavar="A", help="A running Ray cluster: auto, or its head's host:port.")
    ] = None,
    max_concurrent: MaxConcurrent = None,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    retry_diverged: RetryDiverged = False,
    max_failures: MaxFailures = None,
    stall_timeout: StallTimeout = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Where the report goes.")
    ] = None,
    tracking: Tracking = None,
) -> None:
    """Run a suite's missing cells, then report. Run it again to go on: nothing that is done is run twice."""
    end_when_asked()
    options = RunOptions(
        executor=executor.value,
        address=address,
        max_concurrent=max_concurrent,
        retry_diverged=retry_diverged,
        max_failures=max_failures,
        stall_timeout_s=stall_timeout,
    )
    console = common.console()
    asked = request(task, suite, select, override, seeds)
    store = Store(storage).prepare()
    for cell_id in set_damaged_aside(asked.grid, store):
        console.print(f"The stored result of cell {cell_id} is damaged: set aside, and run again.")
    folder = report_folder(report, asked, store)  # what can't be written should be known before all work
    final = set() if retry_diverged else diverged_cells(store.failures.read_all())
    to_run = len(Schedule(asked.grid, store.results.done(), final).queued())
    console.print(
        f"{asked.title}: {len(asked.grid)} cells, {to_run} to run, storage {storage}", soft_wrap=True
    )
    store.plans.save(asked.suite.task.name, asked.suite.name, asked.grid)
    window = Window(
        tracking or default_tracking_uri(store), asked.suite.task.name, asked.suite.name, asked.grid, store
    )
    progress = TerminalProgress(console, asked.suite.task.progress_metric)
    try:
        schedule = run_grid(asked.suite.task, asked.grid, store, options, listeners=[progress, window])
    except KeyboardInterrupt:
        _say_how_to_go_on(console, asked, store, "Stopped")
        if executor is ExecutorName.RAY:
            leave(130)
        raise typer.Exit(130) from None
    if schedule.stopped:
        _say_how_to_go_on(console, asked, store, f"Stopped: {schedule.stopped}")
        raise typer.Exit(1)
    _end(console, asked, store, schedule, folder)
    if schedule.finished or schedule.failed:  # else nothing was shown to the window
        _say_window(console, window, storage, tracking)
    if schedule.failed.keys() - schedule.diverged:
        raise typer.Exit(1)


def _say_how_to_go_on(console: Console, asked: Request, store: Store, why: str) -> None:
    kept = len(store.results.done() & set(asked.grid.cells))
    console.print(
        f"\n{why}; {kept} of {len(asked.grid)} cells are done and kept. To go on, run again:",
        soft_wrap=True,
    )
    console.print(f"  gridcell {shlex.join(sys.argv[1:])}", soft_wrap=True)


def _end(console: Console, asked: Request, store: Store, schedule: Schedule, out: Path) -> None:
    """Account for every cell, write the report and print its headline."""
    ended = len(schedule.finished) + len(schedule.failed) + len(schedule.blocked)
    if ended != schedule.total:  # a scheduler that loses cells must not look like success
        raise RuntimeError(f"{schedule.total} cells were to run, but only {ended} ended")
    if schedule.total:
        failed, blocked = schedule.failed.keys() - schedule.diverged, schedule.blocked - schedule.diverged
        diverged = f"{len(schedule.diverged)} diverged, " if schedule.diverged else ""
        console.print(
            f"{len(schedule.finished)} cells run, {len(failed)} failed, {diverged}"
            f"{len(blocked)} not run because what they need failed or diverged",
            soft_wrap=True,
        )
    if schedule.diverged:
        console.print("What diverged stays so: an outcome, unless --retry-diverged runs it again.")
    written = asked.suite.task.write_report(findings(asked, store), out)
    for part in written.headline:
        console.print(part)
    console.print(f"Report: {written.page}", soft_wrap=True)


def _say_window(console: Console, window: Window, storage: str, tracking: str | None) -> None:
    if window.problem is not None:
        console.print(
            f"MLflow at {window.uri} is behind ({window.problem}); 'gridcell sync' catches up.",
            soft_wrap=True,
        )
    elif is_server(window.uri):
        console.print(f"MLflow: {window.uri}", soft_wrap=True)
    else:
        options = ["--storage", storage, *(("--tracking", tracking) if tracking else ())]
        console.print(
            f"MLflow: {window.uri} ('gridcell ui {shlex.join(options)}' shows it)",
            soft_wrap=True,
        )
