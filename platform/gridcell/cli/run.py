"""The command that runs a grid."""

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gridcell.answers.request import grid_results
from gridcell.answers.retention import describe_pruned, keep_weights
from gridcell.answers.running import prepare
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Changed,
    ChangedChoice,
    MaxConcurrent,
    MaxFailures,
    Out,
    Overrides,
    Plugins,
    Request,
    RetryDiverged,
    Seeds,
    Selection,
    StallTimeout,
    Storage,
    SuiteName,
    TaskName,
    Tracking,
    print_notes,
    request,
)
from gridcell.cli.executing import (
    Address,
    Executor,
    ExecutorName,
    Quiet,
    kept_when_stopped,
    on_named_cluster,
    say_how_to_go_on,
    say_start,
)
from gridcell.cli.exit_codes import ExitCode
from gridcell.cli.fast import ProfileName, debugging_of, run_fast
from gridcell.cli.interruption import GRACE_S, Grace, end_when_asked
from gridcell.cli.progress import TerminalProgress
from gridcell.cli.report_folder import report_folder
from gridcell.cli.run_log import EventLines, log_file
from gridcell.cli.streams import outlive_terminal
from gridcell.debugging import Debugging
from gridcell.errors import Mistakes, UserError
from gridcell.execute.driver import diverged_cells, run_grid
from gridcell.execute.listener import Listener
from gridcell.execute.options import RunOptions
from gridcell.execute.pruned import pruned_cells
from gridcell.execute.schedule import Schedule
from gridcell.mlflow.address import is_server
from gridcell.mlflow.mirror import Mirror
from gridcell.printable import counted
from gridcell.report import write_report
from gridcell.staleness import Staleness, failures_of
from gridcell.store import Result, Store


def run(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    storage: Storage = DEFAULT_STORAGE,
    executor: Executor = ExecutorName.RAY,
    address: Address = None,
    max_concurrent: MaxConcurrent = None,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    changed: Changed = ChangedChoice.KEEP,
    retry_diverged: RetryDiverged = False,
    max_failures: MaxFailures = None,
    stall_timeout: StallTimeout = None,
    grace: Grace = GRACE_S,
    out: Out = None,
    tracking: Tracking = None,
    log: Annotated[
        Path | None,
        typer.Option("--log-file", metavar="FILE", help="Append each event of the run to a file."),
    ] = None,
    quiet: Quiet = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print a line for each cell's start and end.")
    ] = False,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Try one cell of each kind and part on one batch; store nothing."),
    ] = False,
    debugger: Annotated[
        bool, typer.Option("--pdb", help="Run inline; open Python's debugger where a cell fails.")
    ] = False,
    profile: Annotated[
        ProfileName | None,
        typer.Option(help="Profile each cell that runs, into its artifacts profile/*."),
    ] = None,
    logger: Annotated[
        list[str] | None,
        typer.Option(
            "--logger",
            metavar="NAME",
            help="A Lightning logger of fits: tensorboard, wandb (offline), csv, or module:function.",
        ),
    ] = None,
) -> None:
    """Run a suite's missing cells, then report. Type it again to go on: nothing done is run twice."""
    console = common.console()
    outlive_terminal()
    mistakes = Mistakes()  # all of the command line's are told at once, before anything is done
    options, asked, debugging = RunOptions(), None, Debugging()
    executor = ExecutorName.INLINE if debugger or fast else executor
    with mistakes.noted():
        end_when_asked(grace, lambda line: console.print(line, soft_wrap=True))
    with mistakes.noted():
        debugging = debugging_of(profile.value if profile else "", logger, storage)
    with mistakes.noted():
        if quiet and verbose:
            raise UserError("--quiet and --verbose exclude each other: give one of them")
    with mistakes.noted():
        options = RunOptions(
            executor=executor.value,
            address=address,
            max_concurrent=max_concurrent,
            retry_diverged=retry_diverged,
            max_failures=max_failures,
            stall_timeout_s=stall_timeout,
            debugging=debugging,
            debugger=debugger,
        )
    with mistakes.noted():
        asked = request(task, suite, select, override, seeds, plugin)
    mistakes.tell()
    assert asked is not None
    if fast:
        run_fast(console, asked, options, quiet=quiet)
        return
    store = Store(storage).prepare()
    with kept_when_stopped(console, executor, partial(_kept, asked, store)):
        folder = report_folder(out, asked, store)  # what can't be written should be known before all work
        ready = prepare(asked, store, on_named_cluster(console, options), changed.value, tracking)
        for cell_id in ready.damaged:
            console.print(f"The stored result of cell {cell_id} is damaged: set aside, and run again.")
        _say_stale(console, ready.stale, changed)
        final = set() if retry_diverged else diverged_cells(failures_of(asked.suite.task, asked.grid, store))
        done = ready.done.keys() - ready.options.rerun.keys()
        pruned = pruned_cells(asked.suite.task, asked.grid, done, store)
        schedule = Schedule(asked.grid, done, final, pruned=pruned)
        to_run = len(schedule.queued())
        known = None if to_run else dict(ready.done)  # kept where they stay as they are: a run may take days
        ready.done.clear()
        console.print(
            f"{asked.title}: {counted(len(asked.grid), 'cell')}, {to_run} to run, storage {storage}",
            soft_wrap=True,
        )
        print_notes(console, asked.grid)
        if said := describe_pruned(pruned & asked.grid.cells.keys(), {cell.id for cell in schedule.queued()}):
            console.print(said, soft_wrap=True)
        progress = TerminalProgress(
            console,
            asked.suite.task.progress_metric,
            unit=asked.suite.task.units.get(asked.suite.task.progress_metric, ""),
            estimates=asked.suite.task.estimate_durations(asked.suite.settings, asked.grid),
            quiet=quiet,
        )
        mirror = ready.mirror
        listeners: list[Listener] = [progress, mirror]
        if verbose:
            listeners.append(EventLines(lambda line: console.print(line, soft_wrap=True), reports=False))
        if to_run and not quiet:
            say_start(console, ready.options)
        with log_file(log) as logged:
            listeners += [logged] if logged is not None else []
            schedule = run_grid(asked.suite.task, asked.grid, store, ready.options, listeners=listeners)
        if schedule.stopped:
            mirror.close()
            say_how_to_go_on(console, f"Stopped: {schedule.stopped}; {_kept(asked, store)}.")
            raise typer.Exit(ExitCode.FAILED)
        try:
            told = [*ready.stale.sentences(), *asked.grid.notes]
            _end(
                console, asked, store, schedule, folder, None if schedule.total else known, told, quiet=quiet
            )
        except BaseException:  # no report was written
            mirror.close()
            raise
        mirror.close(folder)
        if said := keep_weights(asked.suite, asked.grid.cells, store):
            console.print(said, soft_wrap=True)
        if schedule.finished or schedule.failed:  # else nothing was shown to the mirror
            _say_mirror(console, mirror, storage, tracking)
    if schedule.failed.keys() - schedule.diverged:
        raise typer.Exit(ExitCode.FAILED)


def _say_stale(console: Console, stale: Staleness, changed: ChangedChoice) -> None:
    if said := "; ".join(stale.sentences()):
        console.print(said, soft_wrap=True)
    if stale.reasons and changed is ChangedChoice.KEEP:
        console.print("They are kept as they are: --changed rerun makes them again.", style="bold")


def _kept(asked: Request, store: Store) -> str:
    kept = len(store.results.done() & set(asked.grid.cells))
    return f"{kept} of {counted(len(asked.grid), 'cell is', 'cells are')} done and kept"


def _end(
    console: Console,
    asked: Request,
    store: Store,
    schedule: Schedule,
    out: Path,
    results: Mapping[str, Result] | None,
    told: Sequence[str],
    *,
    quiet: bool,
) -> None:
    """Account for every cell, write the report and print its headline.

    Results are those that were read before, where nothing has run since. What was told before the run is not
    told again.
    """
    ended = len(schedule.finished) + len(schedule.failed) + len(schedule.blocked)
    if ended != schedule.total:  # a scheduler that loses cells must not look like success
        raise RuntimeError(f"{schedule.total} cells were to run, but only {ended} ended")
    if schedule.total:
        failed, blocked = schedule.failed.keys() - schedule.diverged, schedule.blocked - schedule.diverged
        diverged = f"{len(schedule.diverged)} diverged, " if schedule.diverged else ""
        console.print(
            f"{counted(len(schedule.finished), 'cell')} run, {len(failed)} failed, {diverged}"
            f"{len(blocked)} not run because what they need failed or diverged",
            soft_wrap=True,
        )
    if schedule.diverged:
        console.print("Cells that diverged are not run again, unless --retry-diverged asks for it.")
    if not quiet:
        console.print(f"Writing the report to {out} ...", soft_wrap=True)
    try:
        written = write_report(asked.suite.task, grid_results(asked, store, results), out, told)
    except UserError as error:
        if not schedule.failed:
            raise
        console.print(f"No report: {error}", soft_wrap=True)  # the failures decide the exit code
        return
    for part in written.headline:
        console.print(part)
    console.print(f"Report: {written.page}", soft_wrap=True)


def _say_mirror(console: Console, mirror: Mirror, storage: str, tracking: str | None) -> None:
    for note in mirror.notes:
        console.print(f"{note}.", soft_wrap=True)
    if mirror.problem is not None:
        console.print(
            f"MLflow at {mirror.uri} is behind ({mirror.problem}); 'gridcell sync' catches up.",
            soft_wrap=True,
        )
    elif is_server(mirror.uri):
        console.print(f"MLflow: {mirror.uri}", soft_wrap=True)
    else:
        options = ["--storage", storage, *(("--tracking", tracking) if tracking else ())]
        console.print(
            f"MLflow: {mirror.uri} ('gridcell ui {shlex.join(options)}' shows it)",
            soft_wrap=True,
        )
