"""What the commands share: options, the suite and grid they name, and how they print."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gridcell.answers.request import (
    DEFAULT_STORAGE as DEFAULT_STORAGE,
    DEFAULT_SUITE as DEFAULT_SUITE,
    Request as Request,
    open_store as open_store,
    read_results as read_results,
    reading as reading,
    request as request,
    selection as selection,
    stale_results as stale_results,
)
from gridcell.cli import completion
from gridcell.grid import Grid
from gridcell.printable import printable
from gridcell.store.values import without_not_finite


class ChangedChoice(StrEnum):
    """What to do with stale results."""

    KEEP = "keep"
    RERUN = "rerun"
    FAIL = "fail"


TaskName = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="A task; 'gridcell tasks' lists them.", autocompletion=completion.tasks
    ),
]
SuiteName = Annotated[
    str,
    typer.Option(
        "--suite",
        "-s",
        help="A suite of the task, or your own YAML file.",
        autocompletion=completion.suites,
    ),
]
Storage = Annotated[
    str,
    typer.Option("--storage", help="Folder or address (s3://, gs://, ...) of the results.", metavar="URI"),
]
Selection = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="KEY=VALUE",
        help="Run a part of the grid, e.g. method=ft,ewc. May be repeated.",
        autocompletion=completion.selections,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a setting, e.g. training.epochs=3. May be repeated."
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file with parts of your own. May be repeated."),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", metavar="N", help="Repeat everything with the seeds 0 to N-1.")
]
Changed = Annotated[
    ChangedChoice,
    typer.Option(
        "--changed",
        help="What to do with stale results: keep them, rerun their cells, or fail before anything starts.",
    ),
]
MaxConcurrent = Annotated[
    int | None, typer.Option("--max-concurrent", metavar="N", help="Run at most N cells at once.")
]
RetryDiverged = Annotated[bool, typer.Option("--retry-diverged", help="Run the cells that diverged again.")]
MaxFailures = Annotated[
    int | None, typer.Option("--max-failures", metavar="N", help="Start no more cells after N failures.")
]
StallTimeout = Annotated[
    float | None,
    typer.Option(
        "--stall-timeout", metavar="S", help="If a cell reports nothing for S seconds, end it and try again."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "--report", metavar="DIR", help="Folder for the report; default: one in STORAGE/reports."
    ),
]
Tracking = Annotated[
    str | None,
    typer.Option(
        "--tracking", metavar="URI", help="Address of MLflow. Default: a database in the storage folder."
    ),
]

PLAIN_WIDTH = 110  # columns, where output goes to a file or pipe


def describe_diverged(diverged: int, blocked: int) -> str:
    """Say how many cells diverged, how many are blocked by them, and what could be done about it."""
    return (
        f"{diverged} diverged, {blocked} blocked because what they need diverged: "
        "only 'gridcell run --retry-diverged' runs them again"
    )


def console() -> Console:
    """Return a console on standard output; where that is no terminal, wide enough for a report's tables.

    Paths, titles and messages may hold square brackets: it prints them as they are.
    """
    on_terminal = PlainConsole(highlight=False, markup=False)
    if on_terminal.is_terminal:
        return on_terminal
    return PlainConsole(highlight=False, markup=False, width=PLAIN_WIDTH)


class PlainConsole(Console):
    """A console that shows text's control characters and obeys none: titles and errors are made by others."""

    def render_str(self, text: str, **how: Any) -> Text:
        """Return the text as it is to be shown."""
        return super().render_str(printable(text), **how)


def print_notes(console: Console, grid: Grid) -> None:
    """Print what the readers of the user's data leave out, convert or take for granted."""
    for note in grid.notes:
        console.print(f"Note: {note}", soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a JSON value to standard output."""
    finite, _ = without_not_finite(value)  # NaN is no JSON
    typer.echo(json.dumps(finite, indent=2, sort_keys=True))
