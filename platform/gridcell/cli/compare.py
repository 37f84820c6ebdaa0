"""The command that compares two sets of results."""

from pathlib import Path
from typing import Annotated

import typer

from gridcell.answers.compare_page import as_json, lines, write_comparison
from gridcell.answers.sides import compare as compare_sides
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    Json,
    Overrides,
    Plugins,
    Seeds,
    Selection,
    Storage,
    print_json,
)
from gridcell.cli.exit_codes import ExitCode
from gridcell.errors import UserError

_SIDE = (
    "a storage, a report's folder, a suite, a selection (method=ewc), a commit, 'superseded' or 'current'; "
    "the last five are of --storage."
)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help=f"Before: {_SIDE}")],
    second: Annotated[str, typer.Argument(metavar="B", help="After: likewise.")],
    task: Annotated[
        str | None, typer.Option("--task", metavar="TASK", help="Needed where a storage holds several.")
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite", "-s", help="A suite, or your own YAML file; default: the storage's; with --task: mini."
        ),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    tolerance: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Ignore differences up to this share of a metric, e.g. 0.01."),
    ] = 0.0,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="NAME",
            help="Set the numbers of the reports side by side, too: summary; imagenet-rib: sets.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write compare.html and compare.json.")
    ] = None,
    json_wanted: Json = False,
) -> None:
    """Compare two sets of results: settings, code, versions, data, and every number.

    Exit code 0 if no metric moved by more than its noise and no result of A is missing in B; else 1.
    Noise is known where both sides have two seeds or more. Else every difference counts, up to --tolerance.
    """
    found = compare_sides(
        first,
        second,
        task=task,
        suite=suite,
        storage=storage,
        select=select,
        settings=override,
        seeds=seeds,
        plugins=plugin or (),
        tolerance=tolerance,
        table=table,
    )
    page = None
    if out is not None:
        try:
            page = write_comparison(found, out.expanduser())
        except OSError as error:
            raise UserError(f"The comparison can't be written to '{out}': {error.strerror}") from error
    if json_wanted:
        print_json(as_json(found))
    else:
        console = common.console()
        for part in lines(found):
            console.print(part, soft_wrap=isinstance(part, str))
        if page is not None:
            console.print(f"Page: {page}", soft_wrap=True)
    if not found.same:
        raise typer.Exit(ExitCode.FAILED)
