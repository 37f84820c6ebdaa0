"""The command that finds cells: by label, by state."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from gridcell.answers.cells import COLUMNS, STALE, cell_rows, label_column
from gridcell.answers.formats import WRITERS, Sheet, check_columns, column_names
from gridcell.answers.outside import outside_sentences
from gridcell.answers.sides import task_and_suite
from gridcell.answers.states import STATES
from gridcell.cli import common, completion
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    Json,
    Overrides,
    Plugins,
    Seeds,
    Selection,
    Storage,
    open_store,
    print_json,
    request,
)
from gridcell.printable import counted
from gridcell.report.tidy import SEED

SHOWN = ("cell", "state", "kind", "title", "why")
"""Columns by default."""


def _states(incomplete: str) -> list[str]:
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{state}" for state in (*STATES, STALE) if state.startswith(last)]


def list_cells(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="[TASK]", help="By default the storage's only one.", autocompletion=completion.tasks
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite",
            "-s",
            help="By default the one that ran last; of a TASK that is named, mini.",
            autocompletion=completion.suites,
        ),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE,STATE",
            help=f"Only cells in these states: {', '.join((*STATES, STALE))}.",
            autocompletion=_states,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help=f"Show these: labels, {', '.join(COLUMNS)}."),
    ] = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with all columns.")] = False,
    as_json: Json = False,
) -> None:
    """List cells: those of a selection, or in some states; 'gridcell cell show ID' says more of one."""
    store = open_store(storage)
    asked = request(
        *task_and_suite(store, task, suite, "as in 'gridcell cell list TASK'"),
        select,
        override,
        seeds,
        plugin,
    )
    rows = cell_rows(asked, store, [one for each in state or () for one in each.split(",")])
    labels = dict.fromkeys(
        label_column(name) for each in asked.grid.targets for name in each.labels if name != SEED
    )
    everything = [*COLUMNS[:4], *labels, *COLUMNS[4:]]
    chosen = column_names(columns)
    check_columns(chosen, everything, "Cells")
    outside = outside_sentences(asked, store)
    if as_json or as_csv:
        for sentence in outside:
            typer.echo(f"Note: {sentence}", err=True)
    if as_json:
        print_json([{name: row.get(name) for name in chosen or everything} for row in rows])
        return
    names = chosen or (everything if as_csv else SHOWN)
    sheet = Sheet(names, [[row.get(name) for name in names] for row in rows])
    if as_csv:
        typer.echo(WRITERS["csv"](sheet).decode(), nl=False)
        return
    _print(sheet, [f"{len(rows)} of {counted(len(asked.grid), 'cell')} of {asked.report_title}", *outside])


def _print(sheet: Sheet, said: Sequence[str]) -> None:
    console = common.console()
    shown = Table(box=None, header_style="bold")
    for name in sheet.columns:
        shown.add_column(name, no_wrap=name == "cell", overflow="fold")
    for row in sheet.rows:
        shown.add_row(*map(_text, row))
    if sheet.rows:
        console.print(shown)
    for sentence in said:
        console.print(sentence, soft_wrap=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
