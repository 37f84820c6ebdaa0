"""Commands that look and start nothing: tasks and plan; ``status`` has a file of its own."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gridcell.cell import Cell, Resources
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
    describe_diverged,
    open_store,
    print_json,
    print_notes,
    read_results,
    reading,
    request,
)
from gridcell.cli.gpus import simulated_on
from gridcell.execute.driver import diverged_cells
from gridcell.execute.heartbeat import RunningCell, running_cells
from gridcell.execute.schedule import Schedule, missing_cells
from gridcell.staleness import find_stale
from gridcell.store import Store
from gridcell.suite import suite_names
from gridcell.task import find_task, task_names

STATES = ("done", "running", "queued", "failed", "diverged", "blocked", "not needed")
TO_RUN = ("running", "queued", "failed")  # states of the cells that 'run' runs


def tasks(as_json: Json = False) -> None:
    """List the installed tasks and their suites."""
    found = [find_task(name) for name in task_names()]
    if as_json:
        print_json({task.name: {"summary": task.summary, "suites": suite_names(task)} for task in found})
        return
    table = Table("task", "what it does", "suites", box=None, header_style="bold")
    for task in found:
        table.add_row(task.name, task.summary, ", ".join(suite_names(task)))
    common.console().print(table)


def plan(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    gpus: Annotated[
        list[str] | None,
        typer.Option(
            "--gpus",
            metavar="N",
            help="Simulate how long N GPUs take, or H100=4,A100=8. May be repeated.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what 'run' would run: cells by kind, what is done, what each kind needs. Starts nothing."""
    asked = request(task, suite, select, override, seeds, plugin)
    store = open_store(storage, must_exist=False)
    with reading(storage):
        states = states_of(asked, store, store.failures.read_all(), running_cells(store.folder))
        stale = find_stale(asked.suite.task, asked.grid, store, read_results(asked, store))
    simulated = simulated_on(asked, states, gpus or ())
    skipped = [{"labels": dict(item.labels), "reason": item.reason} for item in asked.grid.skipped]
    estimate = asked.suite.task.estimate_cost(asked.suite.settings, asked.grid)
    if as_json:
        cells = [
            {"id": cell.id, "state": states[cell.id], "stale": stale.reasons.get(cell.id), **cell.to_record()}
            for cell in asked.grid.cells.values()
        ]
        targets = len(asked.grid.targets)
        answer = {
            "cells": cells,
            "targets": targets,
            "skipped": skipped,
            "estimate": dict(estimate),
            "notes": list(asked.grid.notes),
            "sweeps": [asdict(one) for one in asked.suite.sweeps],
            "swept_cells": cells_of_sweeps(asked) if asked.suite.sweeps else 0,
        }
        print_json(answer | ({"simulated": simulated} if gpus else {}))
        return
    console = common.console()
    table = Table(
        "kind", "cells", "done", "to run", "needs", title=f"{asked.title}: the plan", title_justify="left"
    )
    for name in ("cells", "done", "to run"):
        table.columns[[column.header for column in table.columns].index(name)].justify = "right"
    for kind, cells_of_kind in by_kind(asked).items():
        counts = Counter(states[cell.id] for cell in cells_of_kind)
        needs = {
            f"{asked.grid.cells[need].kind} ({role})"
            for cell in cells_of_kind
            for role, need in cell.needs.items()
        }
        row = (len(cells_of_kind), counts["done"], sum(counts[state] for state in TO_RUN))
        table.add_row(kind, *map(str, row), ", ".join(sorted(needs)) or "-")
    console.print(table)
    print_skipped(console, asked)
    for line in _of_sweeps(asked):
        console.print(line, soft_wrap=True)
    print_notes(console, asked.grid)
    for sentence in stale.sentences():
        console.print(sentence, soft_wrap=True)
    for sentence in _of_earlier_rules(asked, store):
        console.print(sentence, soft_wrap=True)
    counts = Counter(states.values())
    run = sum(counts[state] for state in TO_RUN)
    console.print(
        f"{len(asked.grid)} cells for {len(asked.grid.targets)} places in the answer; {run} to run."
    )
    if counts["diverged"]:
        console.print(describe_diverged(counts["diverged"], counts["blocked"]))
    for what, text in estimate.items():
        console.print(f"{what}: {text}")
    for on, figures in simulated.items():
        took = timedelta(seconds=round(figures["makespan_s"]))
        busy = f"{figures['utilisation']:.0%} busy"
        console.print(f"on {on} GPUs, one cell each: {took}, {busy} (simulated)")
    _print_shapes(console, asked)


def _print_shapes(console: Console, asked: Request) -> None:
    """Say what a cell of each kind occupies, where one occupies more than a CPU."""
    shapes: dict[str, list[str]] = {}
    for cell in asked.grid.cells.values():
        shape = str(cell.resources)
        if shape not in shapes.setdefault(cell.kind, []):
            shapes[cell.kind].append(shape)
    for kind, asks in shapes.items():
        if asks != [str(Resources())]:
            console.print(f"a cell of kind '{kind}' occupies {' or '.join(asks)}", soft_wrap=True)


def states_of(
    asked: Request,
    store: Store,
    failures: Mapping[str, Mapping[str, Any]],
    running: Mapping[str, RunningCell],
) -> dict[str, str]:
    """Tell each cell's state.

    A need whose users are all done need not run, though it may be gone. What needs a diverged cell is
    blocked.

    Args:
        asked: whose cells.
        store: that holds their results.
        failures: id -> record of each failure.
        running: id -> what runs.
    """
    done = store.results.done()
    missing = missing_cells(asked.grid, done)
    diverged = diverged_cells(failures)
    blocked = Schedule(asked.grid, done, diverged - running.keys()).blocked

    def state(cell_id: str) -> str:
        if cell_id in done:
            return "done"
        if cell_id not in missing:
            return "not needed"
        if cell_id in running:
            return "running"
        if cell_id in diverged:
            return "diverged"
        if cell_id in blocked:
            return "blocked"
        if cell_id in failures:
            return "failed"
        return "queued"

    return {cell_id: state(cell_id) for cell_id in asked.grid.cells}


def _of_earlier_rules(asked: Request, store: Store) -> list[str]:
    """Say which results of this suite are in the store under ids of earlier rules, and so are not used."""
    now = {cell.kind: cell.version for cell in asked.grid.cells.values()}
    done = store.results.done()
    earlier: dict[str, set[str]] = {}
    for plan in store.plans.read_all():
        if plan.task == asked.suite.task.name and plan.suite == asked.suite.name:
            for cell_id, cell in plan.cells.items():
                if (
                    cell_id in done
                    and cell_id not in asked.grid.cells
                    and cell.version < now.get(cell.kind, 0)
                ):
                    earlier.setdefault(cell.kind, set()).add(cell_id)
    return [
        f"{len(ids)} results of an earlier rule of the kind '{kind}' are in this store and not used"
        for kind, ids in sorted(earlier.items())
    ]


def _of_sweeps(asked: Request) -> list[str]:
    """Say which variants each sweep adds, and how many cells all of them add to the plan."""
    sweeps = asked.suite.sweeps
    if not sweeps:
        return []
    lines = [f"sweep of {' and '.join(one.keys)}: {', '.join(one.names)}" for one in sweeps]
    return [*lines, f"sweeps add {cells_of_sweeps(asked)} of the {len(asked.grid)} cells"]


def cells_of_sweeps(asked: Request) -> int:
    """Return how many of the selected cells would not be there without sweeps."""
    if asked.suite.without_sweeps is None:
        return 0
    plain = asked.suite.task.plan(asked.suite.without_sweeps)
    return len(asked.grid.cells.keys() - plain.cells.keys())


def by_kind(asked: Request) -> dict[str, list[Cell]]:
    """Return kind -> cells, in the grid's order."""
    kinds: dict[str, list[Cell]] = {}
    for cell in asked.grid.cells.values():
        kinds.setdefault(cell.kind, []).append(cell)
    return kinds


def print_skipped(console: Console, asked: Request) -> None:
    """Say how many combinations can't be run, by reason."""
    reasons = Counter(item.reason for item in asked.grid.skipped)
    for reason, count in reasons.items():
        console.print(f"{count} skipped: {reason}")
