"""The command that writes a report."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gridcell.answers.compare_page import facts, write_comparison
from gridcell.answers.outside import outside_sentences
from gridcell.answers.request import grid_results
from gridcell.answers.sides import Asked, against_baseline
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Json,
    Out,
    Overrides,
    Plugins,
    Seeds,
    Selection,
    Storage,
    SuiteName,
    TaskName,
    open_store,
    print_json,
    request,
)
from gridcell.cli.report_folder import report_folder
from gridcell.errors import UserError, unknown
from gridcell.printable import counted
from gridcell.report.inline import read_notes
from gridcell.report.write import write_report

Notes = Annotated[
    Path | None,
    typer.Option("--notes", metavar="FILE.md", help="Markdown that stands on top of the page."),
]

FIGURES = ("svg", "pdf", "png")
"""Formats of figures for papers; PNG, for those that are no PNG file anyway."""


def report(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    out: Out = None,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="A", help="Compare with earlier results; see 'gridcell compare'."),
    ] = None,
    notes: Notes = None,
    figures: Annotated[
        str | None,
        typer.Option(metavar="FORMAT,FORMAT", help="Write all figures as files for papers: svg, pdf, png."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the report of what is done so far: a page, pictures and tables."""
    said = "" if notes is None else read_notes(notes)
    formats = [each.strip() for each in (figures or "").split(",") if each.strip()]
    if figures is not None and not formats:
        raise UserError(f"'--figures {figures}' names no format: choose from {', '.join(FIGURES)}")
    for each in formats:
        if each not in FIGURES:
            raise unknown("format of figures", each, FIGURES)
    asked = request(task, suite, select, override, seeds, plugin)
    store = open_store(storage)
    say = (lambda line: None) if as_json else partial(common.console().print, soft_wrap=True)
    say(f"Reading the results of {counted(len(asked.grid), 'cell')} ...")
    found = grid_results(asked, store, notes=said, figures=formats)
    say(f"Writing the report of {counted(len(found.results), 'result')} ...")
    compared = None
    if baseline is not None:  # before the report, which may replace the one that is named
        shared = Asked(task, suite, storage, select, override, seeds, plugin or ())
        compared = against_baseline(baseline, shared, found)
    folder = report_folder(out, asked, store)
    written = write_report(asked.suite.task, found, folder)
    comparison = write_comparison(compared, folder) if compared is not None else None
    if as_json:
        print_json({"page": str(written.page), **({"comparison": str(comparison)} if comparison else {})})
        return
    console = common.console()
    for part in written.headline:
        console.print(part)
    for sentence in outside_sentences(asked, store):
        console.print(sentence, soft_wrap=True)
    if compared is not None:
        for sentence in facts(compared):
            console.print(sentence, soft_wrap=True)
        console.print(f"Comparison with {baseline}: {comparison}", soft_wrap=True)
    console.print(f"Report: {written.page}", soft_wrap=True)
