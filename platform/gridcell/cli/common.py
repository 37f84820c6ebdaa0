"""What the commands share: options, the suite and grid they name, and how they print."""

import contextlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gridcell import plugins
from gridcell.errors import CorruptData, UserError
from gridcell.grid import Grid
from gridcell.printable import printable
from gridcell.staleness import Staleness, find_stale
from gridcell.store import Result, Store
from gridcell.store.values import without_not_finite
from gridcell.suite import Suite, load_suite
from gridcell.task import find_task


class ChangedChoice(StrEnum):
    """What to do with stale results."""

    KEEP = "keep"
    RERUN = "rerun"
    FAIL = "fail"


TaskName = Annotated[str, typer.Argument(metavar="TASK", help="A task; 'gridcell tasks' lists them.")]
SuiteName = Annotated[str, typer.Option("--suite", "-s", help="A suite of the task, or your own YAML file.")]
Storage = Annotated[
    str,
    typer.Option("--storage", help="Where results are kept: a folder, or s3://, gs://, ...", metavar="URI"),
]
Selection = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="KEY=VALUE", help="Only these, e.g. method=ft,ewc. May be repeated."),
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
Seeds = Annotated[int | None, typer.Option("--seeds", metavar="N", help="Repeat with seeds 0 .. N-1.")]
Changed = Annotated[
    ChangedChoice,
    typer.Option(
        "--changed",
        help="What to do with results of other code or inputs: keep them, rerun their cells, or fail.",
    ),
]
MaxConcurrent = Annotated[
    int | None, typer.Option("--max-concurrent", metavar="N", help="Run at most N cells at once.")
]
RetryDiverged = Annotated[
    bool, typer.Option("--retry-diverged", help="Run cells again whose training diverged.")
]
MaxFailures = Annotated[
    int | None, typer.Option("--max-failures", metavar="N", help="Start no more cells once N have failed.")
]
StallTimeout = Annotated[
    float | None,
    typer.Option(
        "--stall-timeout", metavar="S", help="End a cell that reports nothing for S seconds; try it again."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Tracking = Annotated[
    str | None,
    typer.Option(
        "--tracking", metavar="URI", help="MLflow's address; default: a database in the storage folder."
    ),
]

DEFAULT_SUITE = "mini"
DEFAULT_STORAGE = "runs"
PLAIN_WIDTH = 110  # columns, where output goes to a file or pipe


@dataclass(frozen=True)
class Request:
    """What a command line asks for: a suite, and the cells of it that were selected.

    Attributes:
        suite: with its settings.
        grid: what was selected of it.
        selected: label -> values, as ``--select`` gave them.
        arguments: what names all of this on a command line.
    """

    suite: Suite
    grid: Grid
    selected: Mapping[str, Sequence[str]] = field(default_factory=dict)
    arguments: Sequence[str] = ()

    @property
    def title(self) -> str:
        """Task and suite, for headings and MLflow's experiment."""
        return f"{self.suite.task.name}/{self.suite.name}"

    @property
    def full_title(self) -> str:
        """The title, and what was selected, where not everything was: for reports."""
        return f"{self.title} (selected: {self.chosen})" if self.chosen else self.title

    @property
    def chosen(self) -> str:
        """What was selected, as ``key=value,value``; empty where all was."""
        return " ".join(f"{key}={','.join(values)}" for key, values in self.selected.items())

    @property
    def command(self) -> str:
        """What to type to make these results."""
        return shlex.join(["gridcell", "run", *self.arguments])


def request(
    task: str,
    suite: str,
    select: list[str] | None,
    overrides: list[str] | None,
    seeds: int | None,
    plugin: list[str] | None = None,
) -> Request:
    """Load plug-ins, task and suite, plan the grid and select from it.

    Raises:
        UserError: any name, key or value is wrong, or a plug-in can't be loaded.
    """
    plugins.load(plugin or (), joins=True)  # first, for the task may be in one
    loaded = load_suite(find_task(task), suite, overrides or (), seeds, plugin or ())
    wanted = selection(select or ())
    named = [task, "--suite", suite]
    named += [] if seeds is None else ["--seeds", str(seeds)]
    for option, values in (("--set", overrides), ("--select", select), ("--plugin", plugin)):
        named += [part for value in values or () for part in (option, value)]
    return Request(loaded, loaded.grid().select(wanted), wanted, named)


def selection(pairs: list[str] | tuple[()]) -> dict[str, list[str]]:
    """Parse ``key=value,value`` pairs.

    Raises:
        UserError: one doesn't look like that.
    """
    wanted: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, values = pair.partition("=")
        if not equals or not values:
            raise UserError(f"'--select {pair}' must look like --select key=value[,value]")
        wanted.setdefault(key, []).extend(values.split(","))
    return wanted


def open_store(uri: str, *, must_exist: bool = True) -> Store:
    """Open a store for reading.

    Raises:
        UserError: it can't be read, is of another format, or has to exist and doesn't.
    """
    store = Store(uri)
    with reading(uri):
        exists = store.exists()
    if must_exist and not exists:
        raise UserError(f"There is no gridcell storage at '{uri}' yet: 'gridcell run' makes one")
    return store


@contextlib.contextmanager
def reading(uri: str) -> Iterator[None]:
    """Turn what a filesystem raises while ``uri`` is read into one sentence.

    Each filesystem has errors of its own. Python's built-in ones are our mistakes, save the system's.

    Raises:
        UserError: ``uri`` can't be read.
    """
    try:
        yield
    except (UserError, CorruptData):
        raise
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__ == "builtins":
            raise
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:300]
        raise UserError(f"The storage '{uri}' can't be read: {reason}") from error


def read_results(asked: Request, store: Store) -> dict[str, Result]:
    """Read the results of the cells that are done, without damaged ones."""
    with reading(store.uri):
        results, _ = store.results.read_many(store.results.done() & asked.grid.cells.keys())
    return results


def stale_results(asked: Request, store: Store) -> Staleness:
    """Find the results that were made by other code, or from other inputs, than are there now."""
    results = read_results(asked, store)
    with reading(store.uri):
        return find_stale(asked.suite.task, asked.grid, store, results)


def describe_diverged(diverged: int, blocked: int) -> str:
    """Say how many cells diverged, how many are blocked by them, and what could be done about it."""
    return (
        f"{diverged} diverged, {blocked} blocked because what they need diverged: they stay so "
        "('gridcell run --retry-diverged' tries again)"
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
