"""The command that hands out results: as a table, or as CSV, Parquet, JSON, LaTeX and Markdown."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gridcell.answers.formats import WRITERS, Sheet, check_columns, column_names, for_papers, sheet
from gridcell.answers.outside import outside_sentences
from gridcell.answers.over_seeds import Averages, check_over, over_seeds
from gridcell.answers.request import grid_results
from gridcell.answers.tables import check_alone, table_of
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
from gridcell.report.stale import MEANING, marked
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
    over: Annotated[
        str | None,
        typer.Option("--over", metavar="seed", help="Means over seeds, with Student's 95 % intervals."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="NAME",
            help="A table of the report instead, e.g. 'summary': what it leads with, such as mRI and gain.",
        ),
    ] = None,
    form: Annotated[
        FormatName | None,
        typer.Option("--format", help="How to write them. Default: a table in a terminal, else CSV."),
    ] = None,
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
    people, labels and numbers in four digits. The table has as many columns as fit into the terminal, and
    says how many it leaves out. 'gridcell.results' gives the same in Python. '--table summary' prints the
    numbers of the report in place of targets.
    """
    if over is not None:
        check_over(over)
    if table is not None:
        check_alone(over)
    if form is FormatName.PARQUET and out is None and sys.stdout.isatty():
        raise UserError("Parquet is no text: name a file with --out")
    if out is not None and form in (None, FormatName.TABLE):
        form = _format_of(out)
    elif form is None:
        form = FormatName.TABLE if sys.stdout.isatty() else FormatName.CSV
    asked = request(task, suite, select, override, seeds, plugin)
    found = grid_results(asked, open_store(storage))
    if table is None and not any(target.cell in found.results for target in asked.grid.targets):
        raise nothing_done(found)
    laid_out = tidy(found)
    whole = form in (FormatName.CSV, FormatName.PARQUET, FormatName.JSON)
    chosen = column_names(columns)
    first = [*laid_out.labels, asked.suite.task.progress_metric]
    stale = [bool(row["stale"]) for row in laid_out.rows]
    if table is not None:
        whole_table = table_of(asked, found, table)
        shown = _chosen(whole_table, chosen)
        flags = dict(zip(whole_table.columns, zip(*whole_table.rows, strict=True), strict=False)).get("stale")
        stale = [bool(flag) for flag in flags or [False] * len(shown.rows)]
        first = list(shown.columns)
        for sentence in whole_table.notes:
            typer.echo(f"Note: {sentence}", err=True)
    elif over is None:
        shown = sheet(laid_out, chosen or ([] if whole else for_papers(laid_out)))
    else:
        means = over_seeds(laid_out)
        shown = _means(means, chosen, whole=whole)
        stale = [bool(row.get("stale")) for row in means.rows]
        for sentence in means.notes:
            typer.echo(f"Note: {sentence}", err=True)
    _say_what_is_missing(found)
    beside = [asked.kept_beside] if table is None and asked.kept_beside else []
    for sentence in [*beside, *outside_sentences(asked, found.store)]:
        typer.echo(f"Note: {sentence}", err=True)
    if table is None and (units := _units(asked.suite.task.units, shown.columns)):
        typer.echo(f"Note: {units}", err=True)
    if form is FormatName.TABLE:
        _print(shown, first, fitting=not chosen, stale=stale)
        return
    data = WRITERS[form.value](shown)
    if out is not None:
        _write(data, out)
    elif form is FormatName.PARQUET:
        sys.stdout.buffer.write(data)
    else:
        typer.echo(data.decode(), nl=False)


def _chosen(table: Sheet, names: Sequence[str]) -> Sheet:
    """Keep these columns of a table, by default all.

    Raises:
        UserError: there is no such column; names all that are wrong.
    """
    if not table.rows:  # and so no columns: the notes say why
        return Sheet(names or table.columns, [])
    check_columns(names, table.columns, "The rows")
    places = [table.columns.index(name) for name in names or table.columns]
    return Sheet(names or table.columns, [[row[place] for place in places] for row in table.rows])


def _units(units: Mapping[str, str], columns: Sequence[str]) -> str:
    """Say the units of those columns whose names do not tell them; empty where there is none."""
    named = [f"{name} is in {unit}" for name, unit in units.items() if name in columns]
    return f"{', '.join(named)}." if named else ""


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


def _means(means: Averages, chosen: Sequence[str], *, whole: bool) -> Sheet:
    """Lay out means over seeds; for people, each with half of its interval in one column."""
    check_columns(chosen, means.columns, "The means")
    if whole or any(name not in (*means.labels, "n", *means.metrics) for name in chosen):
        names = list(chosen) or means.columns
        return Sheet(names, [[row.get(name) for name in names] for row in means.rows])
    labels = [name for name in means.labels if any(row.get(name) is not None for row in means.rows)]
    names = list(chosen) or [*labels, "n", *means.metrics]
    rows = [
        [_with_half(row, name) if name in means.metrics else row.get(name) for name in names]
        for row in means.rows
    ]
    return Sheet(names, rows)


def _with_half(row: Mapping[str, Any], name: str) -> str | None:
    mean, high = row.get(name), row.get(f"{name}.high")
    if mean is None:
        return None
    count = row.get(f"{name}.n", row["n"])
    fewer = "" if count == row["n"] else f" (n = {count})"
    return f"{mean:#.4g}{fewer}" if high is None else f"{mean:#.4g} ± {high - mean:.2g}{fewer}"


def _print(table: Sheet, first: Sequence[str], *, fitting: bool, stale: Sequence[bool] = ()) -> None:
    """Print a table of as many columns as fit.

    Args:
        table: all columns.
        first: names of those that are shown before others: labels, and the task's main metric.
        stale: of each row, whether it rests on a stale result: its first column has the mark.
        fitting: whether to leave out what does not fit; else the text of columns is broken.
    """
    console = common.console()
    columns = {name: [_text(row[index]) for row in table.rows] for index, name in enumerate(table.columns)}
    if columns and stale:
        name, texts = next(iter(columns.items()))
        columns[name] = [marked(*pair) for pair in zip(texts, stale, strict=True)]
    kept = _that_fit(columns, first, console.width) if fitting else list(columns)
    shown = Table(box=None, header_style="bold")
    for name in kept:
        shown.add_column(name, overflow="fold")
    for row in zip(*(columns[name] for name in kept), strict=True):
        shown.add_row(*row)
    console.print(shown)
    if any(stale):
        console.print(MEANING, soft_wrap=True)
    if left := [name for name in columns if name not in kept]:
        told = ", ".join([*left[:3], *(["..."] if len(left) > 3 else [])])
        console.print(
            f"{len(left)} of {len(columns)} columns do not fit and are left out ({told}): --columns chooses, "
            "--format csv has all.",
            soft_wrap=True,
        )


def _that_fit(columns: Mapping[str, Sequence[str]], first: Sequence[str], width: int) -> list[str]:
    """Return the columns that fit, in their order; the first ones are taken before the others."""
    order = sorted(columns, key=lambda name: first.index(name) if name in first else len(first))
    kept: list[str] = []
    room = width
    for name in order:
        room -= max(map(len, (name, *columns[name]))) + 2  # blanks at either side
        if room < 0 and kept:
            break
        kept.append(name)
    return [name for name in columns if name in kept]


def _text(value: object) -> str:
    return "–" if value is None else f"{value:#.4g}" if isinstance(value, float) else str(value)
