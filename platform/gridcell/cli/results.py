"""The command that hands out results: as a table, or as CSV, Parquet, JSON, LaTeX and Markdown."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gridcell.answers.formats import WRITERS, Sheet, column_names, for_papers, sheet
from gridcell.answers.request import grid_results
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Overrides,
    Plugins,
    Seeds,
    Selection,
    Storage,
    SuiteName,
    TaskName,
    open_store,
    request,
)
from gridcell.errors import UserError
from gridcell.report.missing import incomplete, nothing_done
from gridcell.report.results import GridResults
from gridcell.report.tidy import tidy


class FormatName(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"
    LATEX = "latex"
    MARKDOWN = "markdown"


ENDINGS = {
    ".csv": FormatName.CSV,
    ".parquet": FormatName.PARQUET,
    ".json": FormatName.JSON,
    ".tex": FormatName.LATEX,
    ".md": FormatName.MARKDOWN,
}


def results(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    form: Annotated[FormatName, typer.Option("--format", help="How to write them.")] = FormatName.TABLE,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Only these columns, in this order, e.g. method,accuracy.v2."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write to a file; its ending names the format."),
    ] = None,
) -> None:
    """Print results, a row for each target: its labels, its metrics, and the cell that made them.

    CSV, Parquet and JSON hold all columns and exact numbers; LaTeX, Markdown and the table, which are for
    people, labels and numbers in four digits. 'gridcell.results' gives the same in Python.
    """
    if form is FormatName.PARQUET and out is None and sys.stdout.isatty():
        raise UserError("Parquet is no text: name a file with --out")
    if out is not None and form is FormatName.TABLE:
        form = _format_of(out)
    asked = request(task, suite, select, override, seeds, plugin)
    found = grid_results(asked, open_store(storage))
    if not any(target.cell in found.results for target in asked.grid.targets):
        raise nothing_done(found)
    laid_out = tidy(found)
    whole = form in (FormatName.CSV, FormatName.PARQUET, FormatName.JSON)
    chosen = column_names(columns) or ([] if whole else for_papers(laid_out))
    table = sheet(laid_out, chosen)
    _say_what_is_missing(found)
    if form is FormatName.TABLE:
        _print(table)
        return
    data = WRITERS[form.value](table)
    if out is not None:
        _write(data, out)
    elif form is FormatName.PARQUET:
        sys.stdout.buffer.write(data)
    else:
        typer.echo(data.decode(), nl=False)


def _format_of(out: Path) -> FormatName:
    """Return the format that a file's ending names.

    Raises:
        UserError: it names none.
    """
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(
            f"The ending of '{out}' names no format of results: end it with {', '.join(ENDINGS)}, or add "
            "--format"
        )
    return ENDINGS[ending]


def _say_what_is_missing(found: GridResults) -> None:
    """Say on standard error, which no file receives, that results are missing or stale."""
    said = [lacks] if (lacks := incomplete(found)) else []
    said += [f"{sentence}." for sentence in found.staleness.sentences()]
    for sentence in said:
        typer.echo(f"Note: {sentence}", err=True)


def _write(data: bytes, out: Path) -> None:
    path = out.expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UserError(f"The results can't be written to '{path}': {error.strerror}") from error
    typer.echo(f"Results: {path}", err=True)


def _print(table: Sheet) -> None:
    shown = Table(box=None, header_style="bold")
    for name in table.columns:
        shown.add_column(name)
    for row in table.rows:
        shown.add_row(*map(_text, row))
    common.console().print(shown)


def _text(value: object) -> str:
    return "–" if value is None else f"{value:#.4g}" if isinstance(value, float) else str(value)
