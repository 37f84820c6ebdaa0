"""What a user asks for: a suite, the cells of it that were selected, and what the store holds of them."""

import contextlib
import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from gridcell import plugins
from gridcell.answers.given import count_of_seeds, labels_of, pairs_of, paths_of, plain
from gridcell.errors import CorruptData, Mistakes, UserError
from gridcell.execute.heartbeat import running_cells
from gridcell.grid import Grid
from gridcell.report.results import About, GridResults
from gridcell.secrets import redact
from gridcell.staleness import Staleness, failures_of, find_stale
from gridcell.store import Result, Store
from gridcell.suite import Suite, load_suite
from gridcell.task import find_task

DEFAULT_SUITE = "mini"
DEFAULT_STORAGE = "runs"

Select = Mapping[str, Any] | Sequence[str] | str | None
"""Label -> value or values, or ``"key=value,value"`` as on the command line, one or several."""

Overrides = Mapping[str, Any] | Sequence[str] | None
"""Dotted key -> value, or ``"key=value"`` as on the command line."""


@dataclass(frozen=True)
class Request:
    """What a command line asks for: a suite, and the cells of it that were selected.

    Attributes:
        suite: with its settings.
        grid: what was selected of it.
        selected: label -> values, where not all was asked for.
        arguments: what asks for the same on a command line.
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
        """The title, and what was selected, where not everything was."""
        chosen = " ".join(f"{key}={','.join(values)}" for key, values in self.selected.items())
        return f"{self.title} (selected: {chosen})" if chosen else self.title

    @property
    def report_title(self) -> str:
        """The full title, and what was set otherwise: reports of two data sources are to be told apart."""
        given = [value for option, value in pairwise(self.arguments) if option == "--set"]
        if not given:
            return self.full_title
        own = f"set: {redact(' '.join(given))}"
        return f"{self.full_title.removesuffix(')')}; {own})" if self.selected else f"{self.title} ({own})"

    @property
    def kept_beside(self) -> str:
        """Say which targets are in the grid though their labels were not asked for; empty if none is.

        A selection keeps what has no such label, and what counts for every value, such as the pre-trained
        model with which methods are compared.
        """
        counts: Counter[str] = Counter()
        for target in self.grid.targets:
            others = [
                f"{label}={target.labels[label]}" if label in target.labels else f"no {label}"
                for label, values in self.selected.items()
                if str(target.labels.get(label)) not in values
            ]
            counts.update(others[:1])
        told = ", ".join(f"{count} with {what}" for what, count in counts.items())
        return f"Kept beside what was selected, which is compared with them: {told}" if told else ""

    @property
    def command(self) -> str:
        """What to type to make these results."""
        return shlex.join(["gridcell", "run", *self.arguments])


def request(
    task: str,
    suite: str,
    select: Select = None,
    overrides: Overrides = None,
    seeds: int | None = None,
    plugin: Sequence[str] | None = None,
) -> Request:
    """Load plug-ins, task and suite, plan the grid and select from it.

    Raises:
        UserError: any name, key or value is wrong, all such mistakes at once; or a plug-in can't be loaded.
    """
    seeds, files = count_of_seeds(seeds), paths_of(plugin)
    plugins.load(files, joins=True)  # first, for the task may be in one
    mistakes = Mistakes()
    pairs, wanted = list[str](), dict[str, list[str]]()
    with mistakes.noted():
        pairs = override_pairs(overrides)
    with mistakes.noted():
        wanted = selection(select)
    with mistakes.noted():
        loaded = load_suite(find_task(task), suite, pairs, seeds, files)
        named = [task, "--suite", suite, *([] if seeds is None else ["--seeds", str(seeds)])]
        selected = [f"{key}={','.join(values)}" for key, values in wanted.items()]
        for option, given in (("--set", pairs), ("--select", selected), ("--plugin", files)):
            named += [part for value in given for part in (option, value)]
        grid = loaded.grid()
        wanted = with_variants(wanted, loaded, grid)
        asked = Request(loaded, grid.select(wanted, hint=plugins.hint()), wanted, named)
    mistakes.tell()
    return asked


def with_variants(wanted: Mapping[str, Sequence[str]], suite: Suite, grid: Grid) -> dict[str, list[str]]:
    """Select with an entry the variants that a sweep makes of it, where the entry itself is selected.

    Without them ``--select method=ewc --set methods.ewc.strength=[1,10]`` would run no point of the sweep.

    Example:
        >>> suite = load_suite(find_task("farmap"), "mini", ["agents.farmap.rho=[1,2]"])
        >>> with_variants({"agent": ["farmap"]}, suite, suite.grid())
        {'agent': ['farmap', 'farmap-rho-1', 'farmap-rho-2']}
    """
    found: dict[str, list[str]] = {}
    for label, values in wanted.items():
        known = {str(target.labels[label]) for target in grid.targets if label in target.labels}
        added = [
            name
            for swept in suite.sweeps
            if swept.entry in values
            for name in swept.names
            if name in known and name not in values
        ]
        found[label] = [*values, *added]
    return found


def selection(select: Select) -> dict[str, list[str]]:
    """Return label -> accepted values, as text.

    Raises:
        UserError: a text doesn't look like ``key=value,value``.

    Example:
        >>> selection({"method": "ft", "seed": [0, 1]})
        {'method': ['ft'], 'seed': ['0', '1']}
        >>> selection("method=ft,ewc")
        {'method': ['ft', 'ewc']}
    """
    if isinstance(select, Mapping):
        return {str(key): labels_of(key, given) for key, given in select.items()}
    wanted: dict[str, list[str]] = {}
    mistakes = Mistakes()
    for pair in pairs_of("select", select):
        key, equals, text = pair.partition("=")
        with mistakes.noted():
            if not equals or not text:
                raise UserError(f"'--select {pair}' must look like --select key=value[,value]")
        wanted.setdefault(key, []).extend(text.split(","))
    mistakes.tell()
    return wanted


def override_pairs(overrides: Overrides) -> list[str]:
    """Return overrides as on the command line; a value of Python's is written as JSON, which YAML reads.

    Raises:
        UserError: a value is no JSON.

    Example:
        >>> override_pairs({"training.epochs": 3})
        ['training.epochs=3']
    """
    if not isinstance(overrides, Mapping):
        return pairs_of("settings", overrides)
    pairs = []
    for key, value in overrides.items():
        try:
            pairs.append(f"{key}={json.dumps(plain(value), allow_nan=False)}")
        except (TypeError, ValueError) as error:
            raise UserError(f"The setting '{key}' can't be {value!r}: {error}") from error
    return pairs


def open_store(uri: str | Path, *, must_exist: bool = True) -> Store:
    """Open a store for reading.

    Raises:
        UserError: it can't be read, is of another format, or has to exist and doesn't.
    """
    store = Store(str(uri))
    with reading(str(uri)):
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


def stale_results(asked: Request, store: Store, results: Mapping[str, Result] | None = None) -> Staleness:
    """Find the results that were made by other code, or from other inputs, than are there now.

    Args:
        asked: whose results.
        store: where they are.
        results: as they were read; None to read them.
    """
    if results is None:
        results = read_results(asked, store)
    with reading(store.uri):
        return find_stale(asked.suite.task, asked.grid, store, results)


def as_typed(store: Store) -> str:
    """Return what to type for a store: a path from here where it lies below this folder; no secrets."""
    uri = Path(store.uri)
    with contextlib.suppress(ValueError, OSError):
        if store.folder.is_local:
            return shlex.quote(str(uri.relative_to(Path.cwd())))
    return shlex.quote(redact(store.uri))


def grid_results(
    asked: Request,
    store: Store,
    results: Mapping[str, Result] | None = None,
    *,
    notes: str = "",
    figures: Sequence[str] = (),
) -> GridResults:
    """Read what the store holds of a grid.

    Args:
        asked: whose results.
        store: where they are.
        results: as they were read, where nothing has run since; None to read them.
        notes: of the author, in Markdown; they stand on the report's top.
        figures: formats in which all figures of the report are written as files, too.

    Raises:
        UserError: a stored result is damaged.
    """
    with reading(store.uri):
        damaged: list[str] = []
        if results is None:
            results, damaged = store.results.read_many(asked.grid.cells)
        failures, losses = failures_of(asked.suite.task, asked.grid, store), store.losses.read_all()
        lacking = asked.grid.cells.keys() - results.keys()
        running = running_cells(store.folder).keys() & lacking if lacking else set()
    if damaged:
        raise UserError(
            f"The stored result of cell {damaged[0]} is damaged ({len(damaged)} in all): "
            "'gridcell run' sets damaged results aside and runs their cells again"
        )
    stale = stale_results(asked, store, results)
    return GridResults(
        title=asked.report_title,
        settings=asked.suite.settings.model_dump(mode="json"),
        grid=asked.grid,
        results=results,
        failures={
            cell_id: failure
            for cell_id, failure in failures.items()
            if cell_id in asked.grid.cells and cell_id not in results
        },
        store=store,
        losses=losses,
        variants={name: swept.entry for swept in asked.suite.sweeps for name in swept.names},
        remarks=[*stale.sentences(), *asked.grid.notes],
        suite=asked.suite.name,
        selected=asked.selected,
        staleness=stale,
        about=About(f"{asked.command} --storage {as_typed(store)}", notes, tuple(figures)),
        running=running,
    )
