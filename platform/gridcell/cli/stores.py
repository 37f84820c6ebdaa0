"""The commands that say what a storage holds, and remove what nobody needs any more."""

import contextlib
import json
import time
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gridcell import plugins
from gridcell.cli import common
from gridcell.cli.common import DEFAULT_STORAGE, Storage, open_store
from gridcell.errors import UserError, unknown
from gridcell.execute.heartbeat import living_drivers
from gridcell.printable import counted
from gridcell.settings.retention import CHOICES, TaskWeights, check_keep
from gridcell.store import Store
from gridcell.store.usage import CATEGORIES, AskedGrid, Room, Usage, prune, size_text, usage
from gridcell.task import find_task

app = typer.Typer(help="See what a storage holds, and remove what is not needed.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("du")
def used(storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:
    """Show what a storage holds, how much room it takes, and what could be pruned."""
    store = open_store(storage)
    found = usage(store, time.time(), _weights_in(store))
    if as_json:
        typer.echo(json.dumps(_record(found), indent=1))
        return
    console = common.console()
    rows: list[list[object]] = [
        [name or "(top)", room.files, size_text(room.bytes)] for name, room in sorted(found.folders.items())
    ]
    whole = Room(
        sum(room.files for room in found.folders.values()), sum(room.bytes for room in found.folders.values())
    )
    rows.append(["all", whole.files, size_text(whole.bytes)])
    _print(console, f"Storage {storage}", ["folder", "files", "size"], rows)
    rooms = {category: found.room(category) for category in CATEGORIES}
    rows = [[name, room.files, size_text(room.bytes), CATEGORIES[name]] for name, room in rooms.items()]
    _print(console, "What 'gridcell store prune' can remove", ["name", "files", "size", "what"], rows)
    _say_grids(console, found)


@app.command("prune")
def pruned(
    categories: Annotated[
        list[str],
        typer.Argument(metavar="WHAT...", help=f"Any of: {', '.join(CATEGORIES)}.", show_default=False),
    ],
    storage: Storage = DEFAULT_STORAGE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go, and remove nothing.")
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="WHICH",
            help="With 'weights': 'last' (the default) keeps those that no others were made from, 'best' "
            "those that were best by a held-out metric, 'none' keeps none.",
        ),
    ] = None,
) -> None:
    """Remove what is not needed; 'gridcell store du' shows what there is.

    Results of settings that no grid asks for are those in no grid that was the last one of its suite or of
    its search. A grid of which the last one is a part, as a run of a selection is, still counts as asked for,
    and so does another selection of the same settings.
    """
    for name in categories:
        if name not in CATEGORIES:
            raise unknown("thing to prune", name, CATEGORIES)
    if keep is not None and "weights" not in categories:
        raise UserError(f"--keep {keep} says which weights stay, and 'weights' are not among what is to go")
    keep = keep or "last"
    if keep not in CHOICES:
        raise unknown("choice for --keep", keep, CHOICES)
    store = open_store(storage)
    weights = _weights_in(store) if "weights" in categories else {}
    for task, its_weights in weights.items():
        check_keep(keep, its_weights.of_kinds, task, "--keep")
    alive = living_drivers(store.folder)
    if alive and not dry_run:
        raise UserError(
            f"A run is using this storage ({', '.join(alive)}): prune once it has ended, "
            "or see what would go with --dry-run"
        )
    found = usage(store, time.time(), weights, keep)
    console = common.console()
    chosen = list(dict.fromkeys(categories))
    removed = {name: found.room(name) for name in chosen} if dry_run else prune(store, found, chosen)
    would = "would be removed" if dry_run else "removed"
    if "unasked" in chosen:
        _say_unasked(console, found, would)
    for name, room in removed.items():
        console.print(
            f"{name}: {counted(room.files, 'file')}, {size_text(room.bytes)} {would} ({CATEGORIES[name]})"
        )
    if found.damaged:
        damaged = counted(len(found.damaged), "result is", "results are")
        console.print(
            f"{damaged} damaged: the files were left as they are. 'gridcell run' sets them aside.",
            soft_wrap=True,
        )


def _weights_in(store: Store) -> dict[str, TaskWeights]:
    """Return name -> weights of the tasks that were run here and have some; of a task that is gone, none."""
    found = {}
    for plan in store.plans.read_all():
        with contextlib.suppress(UserError):
            plugins.load(plan.plugins)
            found[plan.task] = find_task(plan.task).all_weights
    return {name: weights for name, weights in found.items() if weights.of_kinds}


def _say_unasked(console: Console, found: Usage, would: str) -> None:
    _say_grids(console, found)
    hours = sum(found.seconds.values()) / 3600
    results = counted(len(found.unasked), "result")
    console.print(
        f"{results} {would} that took {hours:.2f} hours to make; if a grid asks "
        "for one again, it is made again.",
        soft_wrap=True,
    )


def _say_grids(console: Console, found: Usage) -> None:
    if not found.grids:
        console.print("No grid is known to have been run here: all results count as asked for.")
        return
    rows: list[list[object]] = [
        [each.plan.task, _suite_of(each), each.id, len(each.plan.cells), _state(each)]
        for each in reversed(found.grids)
    ]
    _print(console, "Grids, newest first", ["task", "suite", "grid", "cells", "asked for"], rows)


def _print(console: Console, title: str, names: list[str], rows: list[list[object]]) -> None:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for name in names:
        table.add_column(name, justify="right" if name in ("files", "size", "cells") else "left")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
    console.print()


def _suite_of(grid: AskedGrid) -> str:
    return f"{grid.plan.suite}, search {grid.plan.search}" if grid.plan.search else grid.plan.suite


def _state(grid: AskedGrid) -> str:
    of = "search" if grid.plan.search else "suite"
    return "yes" if grid.asked else f"no: a later grid of this {of} took its place"


def _record(found: Usage) -> dict[str, object]:
    def rooms(named: Iterable[tuple[str, Room]]) -> dict[str, dict[str, int]]:
        return {name: {"files": room.files, "bytes": room.bytes} for name, room in named}

    return {
        "folders": rooms(sorted(found.folders.items())),
        "prunable": rooms((category, found.room(category)) for category in CATEGORIES),
        "unasked": sorted(found.unasked),
        "grids": [
            {
                "task": each.plan.task,
                "suite": each.plan.suite,
                "search": each.plan.search,
                "grid": each.id,
                "asked": each.asked,
            }
            for each in found.grids
        ],
        "damaged": found.damaged,
    }
