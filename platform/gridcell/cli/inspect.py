"""Commands that look and start nothing: tasks and plan; ``status`` has a file of its own."""

from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gridcell.answers.retention import describe_pruned
from gridcell.answers.states import TO_RUN, states_of
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
    reading,
    request,
    stale_results,
)
from gridcell.cli.earlier_rules import of_earlier_rules
from gridcell.cli.gpus import simulated_on
from gridcell.printable import counted
from gridcell.staleness import failures_of
from gridcell.store import Store
from gridcell.suite import suite_names
from gridcell.task import find_task, task_names

_ROLES_NAMED = 3  # of the roles in which cells of a kind are needed, so many are named


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
    """Show what 'run' would run: cells by kind, done and to run, and what they need. Starts nothing."""
    asked = request(task, suite, select, override, seeds, plugin)
    store = open_store(storage, must_exist=False)
    with reading(storage):
        states = states_of(asked, store, failures_of(asked.suite.task, asked.grid, store))
        stale = stale_results(asked, store)
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
    console.print(f"{asked.title}: the plan", soft_wrap=True)  # as a title it would be as narrow as the table
    table = Table("kind", "cells", "done", "to run", "needs")
    for name in ("cells", "done", "to run"):
        table.columns[[column.header for column in table.columns].index(name)].justify = "right"
    for kind, cells_of_kind in by_kind(asked).items():
        counts = Counter(states[cell.id] for cell in cells_of_kind)
        row = (len(cells_of_kind), counts["done"], sum(counts[state] for state in TO_RUN))
        table.add_row(kind, *map(str, row), _needs_of(cells_of_kind, asked) or "-")
    console.print(table)
    print_skipped(console, asked)
    for line in _of_sweeps(asked):
        console.print(line, soft_wrap=True)
    print_notes(console, asked.grid)
    for sentence in stale.sentences():
        console.print(sentence, soft_wrap=True)
    for sentence in of_earlier_rules(asked, store):
        console.print(sentence, soft_wrap=True)
    to_run = {cell_id for cell_id, state in states.items() if state in TO_RUN}
    if said := describe_pruned(store.results.pruned() & asked.grid.cells.keys(), to_run):
        console.print(said, soft_wrap=True)
    counts = Counter(states.values())
    run = sum(counts[state] for state in TO_RUN)
    results = len(asked.grid.targets)
    shown = f"the report's {results:,} results" if results != 1 else "the report's one result"
    console.print(f"{counted(len(asked.grid), 'cell gives', 'cells give')} {shown}; {run:,} to run.")
    if counts["diverged"]:
        console.print(describe_diverged(counts["diverged"], counts["blocked"]))
    if asked.suite.tune is not None:
        for line in _of_search(task, suite, store, override, seeds, plugin):
            console.print(line, soft_wrap=True)
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


def _of_search(
    task: str,
    suite: str,
    store: Store,
    override: list[str] | None,
    seeds: int | None,
    plugin: list[str] | None,
) -> list[str]:
    """Say what the search of the suite's block ``tune`` would run and cost."""
    from gridcell.search.asked import search_of
    from gridcell.search.cost import cost_of

    search = search_of(task, suite, store, {}, overrides=override or (), seeds=seeds, plugins=plugin or ())
    return [f"'gridcell tune' searches {', '.join(search.space.ranges)}:", *cost_of(search).lines()]


def _of_sweeps(asked: Request) -> list[str]:
    """Say which variants each sweep adds, and how many cells all of them add to the plan."""
    sweeps = asked.suite.sweeps
    if not sweeps:
        return []
    lines = [f"sweep of {' and '.join(one.keys)}: {', '.join(one.names)}" for one in sweeps]
    lines += [
        f"{name} has the values of {one.entry}, which stays: the same cells under two names"
        for one in sweeps
        for name in one.names
        if _cells_under(name, asked) == _cells_under(one.entry, asked) != set()
    ]
    return [*lines, f"sweeps add {cells_of_sweeps(asked)} of the {counted(len(asked.grid), 'cell')}"]


def _cells_under(name: str, asked: Request) -> set[str]:
    """Return the cells of the targets that have a name among their labels."""
    return {target.cell for target in asked.grid.targets if name in target.labels.values()}


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


def _needs_of(cells: list[Cell], asked: Request) -> str:
    """Say which kinds of cells some cells need, and in which roles, if these are few."""
    roles: dict[str, set[str]] = {}
    for cell in cells:
        for role, need in cell.needs.items():
            roles.setdefault(asked.grid.cells[need].kind, set()).add(role)
    told = (
        f"{kind} ({', '.join(sorted(names)) if len(names) <= _ROLES_NAMED else f'{len(names)} roles'})"
        for kind, names in sorted(roles.items())
    )
    return ", ".join(told)


def print_skipped(console: Console, asked: Request) -> None:
    """Say how many combinations can't be run, by reason."""
    reasons = Counter(item.reason for item in asked.grid.skipped)
    for reason, count in reasons.items():
        console.print(f"{count} skipped: {reason}")
