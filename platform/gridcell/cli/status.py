"""``gridcell status``: how far a grid is, what runs where since when, and how long the rest takes."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gridcell.answers.outside import outside_sentences
from gridcell.answers.states import STATES, TO_RUN, states_of
from gridcell.cell import Cell
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Json,
    Overrides,
    Plugins,
    Request,
    Seeds,
    Selection,
    Storage,
    SuiteName,
    TaskName,
    open_store,
    print_json,
    read_results,
    reading,
    request,
    stale_results,
)
from gridcell.cli.inspect import by_kind, print_skipped
from gridcell.cli.progress import clock
from gridcell.cli.time_left import TimeLeft
from gridcell.errors import UserError
from gridcell.execute.heartbeat import RunningCell, running_cells
from gridcell.staleness import Staleness, failures_of
from gridcell.store import Result, Store
from gridcell.store.losses import describe_lost, lost_by_class

WATCH_EVERY_S = 5.0
MOST_SHOWN = 20  # running cells


@dataclass(frozen=True)
class Left:
    """How long the rest takes.

    Attributes:
        seconds: until it is done; None where nothing runs, or too little is known.
        at_once: how many pieces of work run: passes, and cells that run alone.
        is_measured: whether cells are done by which the task's estimate could be put right.
        unknown: the kinds of cell of which none is done and nothing else is known, where seconds is None.
    """

    seconds: float | None = None
    at_once: int = 0
    is_measured: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """How far a grid is.

    Attributes:
        states: id -> state of each cell.
        running: id -> where a cell runs, and for how long.
        failures: id -> record of each failure that stands.
        failed_again: id -> record of the failure of each cell that is done, and failed when made again.
        lost: what was lost, by class of failure.
        stale: results of other code or inputs.
        left: how long the rest takes, at the pace of what is done.
        outside: sentences on what failed in the storage outside of the grid.
    """

    states: Mapping[str, str]
    running: Mapping[str, RunningCell]
    failures: Mapping[str, Mapping[str, Any]]
    failed_again: Mapping[str, Mapping[str, Any]]
    lost: Mapping[str, Any]
    stale: Staleness
    left: Left
    outside: Sequence[str] = ()


def status(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every few seconds, until nothing is left to run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how far a grid is: cells by kind and state, what runs where, and why the failed ones failed."""
    if watch and as_json:
        raise UserError("--watch shows tables again and again: leave out --json, or --watch")
    asked = request(task, suite, select, override, seeds, plugin)
    store = open_store(storage)
    console = common.console()
    while True:
        with reading(storage):
            now = status_of(asked, store)
        if as_json:
            print_json(_record(asked, now))
            return
        if watch and console.is_terminal:
            console.clear()
        _show(console, asked, storage, now)
        if not watch or not any(state in TO_RUN for state in now.states.values()):
            return
        try:
            time.sleep(WATCH_EVERY_S)
        except KeyboardInterrupt:  # whoever watches has seen enough
            return


def status_of(asked: Request, store: Store) -> Status:
    """Look into the store for how far a grid is."""
    recorded = failures_of(asked.suite.task, asked.grid, store)
    everywhere = running_cells(store.folder)
    states = states_of(asked, store, recorded, everywhere)
    results = read_results(asked, store)
    running = {cell_id: everywhere[cell_id] for cell_id in states if states[cell_id] == "running"}
    return Status(
        states,
        running,
        {each: recorded[each] for each in recorded if states.get(each) in ("failed", "diverged")},
        {each: recorded[each] for each in recorded if states.get(each) == "done"},
        lost_by_class(store.losses.read_all(), asked.grid.cells),
        stale_results(asked, store, results),
        _left(asked, states, running, results.values()),
        outside_sentences(asked, store),
    )


def _left(
    asked: Request,
    states: Mapping[str, str],
    running: Mapping[str, RunningCell],
    done: Iterable[Result],
) -> Left:
    if not running:
        return Left()
    left = TimeLeft(asked.suite.task.estimate_durations(asked.suite.settings, asked.grid))
    for result in done:
        left.done_before(result.cell, result.seconds, max(_steps(result), default=0))
    cells = asked.grid.cells
    for shared, seconds in {now.shared: now.seconds for now in running.values()}.items():
        if shared is not None:
            own = [cells[cell_id] for cell_id in shared.open if cell_id in running]
            others = (len(shared.open) - len(own)) * shared.part(seconds)  # what runs for other grids
            left.joined(own, shared.spent + others)
    for cell_id, now in running.items():
        left.started(cells[cell_id], -now.seconds)
        if now.pace is not None:
            first, began, last, at = now.pace
            left.reported(cells[cell_id], int(first), began - now.seconds)
            left.reported(cells[cell_id], int(last), at - now.seconds)
    seconds_left = left.left((cells[cell_id] for cell_id in states if states[cell_id] == "queued"), 0.0)
    return Left(seconds_left, left.at_once, left.is_measured, tuple(left.unknown))


def _steps(result: Result) -> Iterable[int]:
    return (int(curve[-1][0]) for curve in result.curves.values() if curve)


def _record(asked: Request, now: Status) -> dict[str, Any]:
    return {
        "cells": len(asked.grid),
        "counts": Counter(now.states.values()) | Counter({"skipped": len(asked.grid.skipped)}),
        "failures": now.failures,
        "failed_again": now.failed_again,
        "lost": now.lost,
        "outside": list(now.outside),
        "stale": dict(now.stale.reasons),
        "running": {cell_id: _running_record(each) for cell_id, each in now.running.items()},
        "seconds_left": now.left.seconds,
        "seconds_left_measured": now.left.is_measured,
    }


def _show(console: Console, asked: Request, storage: str, now: Status) -> None:
    shown = [name for name in STATES if name in set(now.states.values()) | {"done"}]
    console.print(
        f"{asked.report_title} in {storage}", soft_wrap=True
    )  # as a title it would be as narrow as the table
    table = Table("kind", "cells", *shown)
    for column in table.columns[1:]:
        column.justify = "right"
    for kind, cells_of_kind in by_kind(asked).items():
        counts = Counter(now.states[cell.id] for cell in cells_of_kind)
        table.add_row(kind, str(len(cells_of_kind)), *(str(counts[name]) for name in shown))
    console.print(table)
    print_skipped(console, asked)
    for sentence in now.stale.sentences():
        console.print(sentence, soft_wrap=True)
    longest = sorted(now.running.items(), key=lambda each: -each[1].seconds)
    for cell_id, each in longest[:MOST_SHOWN]:
        console.print(_line(asked.grid.cells[cell_id], each), soft_wrap=True)
    if len(longest) > MOST_SHOWN:
        console.print(f"... and {len(longest) - MOST_SHOWN} more that began later (--json has them all)")
    if now.running:
        console.print(f"Left, with {now.left.at_once} at once: {_told(now.left)}")
    for cell_id, failure in now.failures.items():
        console.print(_failure_line(cell_id, failure))
    if now.failed_again:
        count = len(now.failed_again)
        console.print(
            f"{count} {'cell is' if count == 1 else 'cells are'} done by an earlier attempt, and failed when "
            "made again; the earlier result stays:"
        )
    for cell_id, failure in now.failed_again.items():
        console.print(_failure_line(cell_id, failure))
    if now.failures or now.failed_again:
        console.print("'gridcell cell show ID' prints a failure's traceback.")
    if now.lost:
        console.print(describe_lost(now.lost))
    for sentence in now.outside:
        console.print(sentence, soft_wrap=True)


def _told(left: Left) -> str:
    if left.seconds is None:
        return f"unknown, for no {' or '.join(left.unknown)} is done yet"
    return clock(left.seconds) + (
        "" if left.is_measured else " by the task's estimate: none of its cells is done yet"
    )


def _failure_line(cell_id: str, failure: Mapping[str, Any]) -> str:
    return f"{cell_id} {failure['title']}: {failure['failure_class']}: {failure['message']}"


def _running_record(running: RunningCell) -> dict[str, Any]:
    told = {name: getattr(running, name) for name in ("driver", "host", "seconds", "pace", "step")}
    return told | {"together": len(running.shared.open) if running.shared is not None else 1}


def _line(cell: Cell, running: RunningCell) -> str:
    step = f", step {running.step}" if running.step is not None else ""
    driver = "" if running.driver.partition(":")[0] == running.host else f" (driver {running.driver})"
    beside = f", in a pass of {len(running.shared.open)} cells" if running.shared is not None else ""
    since = clock(running.seconds)
    return f"{cell.id} {cell.title}: runs on {running.host} for {since}{step}{beside}{driver}"
