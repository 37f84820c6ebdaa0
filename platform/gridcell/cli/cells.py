"""Commands for one cell: show it, run it in the foreground."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace as dataclass_replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import typer

from gridcell import plugins
from gridcell.cell import Cell
from gridcell.cli import cell_list, common, completion
from gridcell.cli.common import DEFAULT_STORAGE, Json, Plugins, Storage, open_store, print_json, reading
from gridcell.cli.exit_codes import ExitCode
from gridcell.cli.fast import ProfileName
from gridcell.cli.interruption import GRACE_S, end_when_asked
from gridcell.debugging import Debugging, open_debugger
from gridcell.errors import Preempted, UserError
from gridcell.execute.attempt import Attempt
from gridcell.execute.processes import processes_for
from gridcell.execute.run_cell import run_cell
from gridcell.execute.running_code import remember
from gridcell.grid import Grid
from gridcell.provenance import origin_of
from gridcell.staleness import find_stale
from gridcell.store import Plan, Result, Store
from gridcell.store.scratch import scratch_folder
from gridcell.store.values import without_not_finite
from gridcell.task import find_task

app = typer.Typer(
    help="List cells, show one, or run one in the foreground.", no_args_is_help=True, rich_markup_mode=None
)
app.command("list")(cell_list.list_cells)

CellId = Annotated[
    str,
    typer.Argument(metavar="ID", help="A cell's id, or its first digits.", autocompletion=completion.cells),
]


@app.command()
def show(cell_id: CellId, storage: Storage = DEFAULT_STORAGE, as_json: Json = False) -> None:
    """Print what a cell is, what it needs, and its result or failure."""
    store = open_store(storage)
    with reading(storage):
        plan, cell = store.plans.find(cell_id)
        done = store.results.done_among([cell.id])
        result = store.results.read(cell.id) if cell.id in done else None
        failure = store.failures.read_all().get(cell.id)  # of a done cell: that of a later attempt
        stale = _staleness(plan, cell, store) if result else ""
        gone = store.results.pruned_of(cell.id) if result else []
    if as_json:
        body = {"id": cell.id, "suite": plan.suite, **cell.to_record(), "failure": failure}
        if result:
            artifacts = {name: vars(item) for name, item in result.artifacts.items()}
            body |= {"metrics": result.metrics, "artifacts": artifacts, "provenance": result.provenance}
            body |= {"stale": stale or None, "pruned": gone}
        print_json(body)
        return
    console = common.console()
    state = "done" if result else (failure or {}).get("failure_class", "not run yet")
    console.print(f"{cell.id}  {cell.task} / {plan.suite} / {cell.kind}  {cell.title}: {state}")
    if cell.needs:
        console.print(f"needs: {needs_of(cell, plan.cells)}", soft_wrap=True)
    seed = "no seed of its own" if cell.seed is None else f"seed {cell.seed}"
    console.print(f"{seed}, config {json.dumps(dict(cell.config), indent=2)}")
    if result:
        console.print(f"metrics {_readable(result.metrics)}")
        for name, item in result.artifacts.items():
            where = "pruned" if name in gone else f"at {store.uri}/{item.path}"
            console.print(f"{name}: {item.size} bytes {where}", soft_wrap=True)
        console.print(f"made in {result.seconds:.1f} s, {json.dumps(result.provenance)}", soft_wrap=True)
        if stale:
            console.print(stale, soft_wrap=True, style="bold")
    if result and failure:
        console.print("It failed when it was made again; the result above stays:", style="bold")
    if failure:
        console.print(f"{failure['message']}\n{failure['traceback']}", soft_wrap=True)


def needs_of(cell: Cell, cells: Mapping[str, Cell]) -> str:
    """Name what a cell needs, such as ``data v2 (ID), weights vit-plain (ID)``."""
    return ", ".join(
        f"{title if role in (title, title.split()[0]) else f'{role} {title}'} ({need})"
        for role, need in cell.needs.items()
        if (title := cells[need].title or cells[need].kind)
    )


def _staleness(plan: Plan, cell: Cell, store: Store) -> str:
    """Say why a cell's result is stale, or why nobody can tell; empty where it is not."""
    grid = Grid(Grid(plan.cells).closure([cell.id]))
    results, _ = store.results.read_many(grid.cells)
    try:
        plugins.load(plan.plugins)
        stale = find_stale(find_task(plan.task), grid, store, results)
    except UserError as error:  # a file of the user's own that is gone, or does not work any more
        return f"Whether it is stale is unknown: {error}"
    if cell.id in stale.unknown and cell.id not in stale.reasons:
        return "It doesn't say by which code it was made: it counts as current"
    return f"It is stale: done {stale.reasons[cell.id]}" if cell.id in stale.reasons else ""


@app.command("run")
def run_one(
    cell_id: CellId,
    storage: Storage = DEFAULT_STORAGE,
    plugin: Plugins = None,
    again: Annotated[bool, typer.Option("--again", help="Run it although it is done, and compare.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="With --again: keep the new result in place of the old.")
    ] = False,
    debugger: Annotated[bool, typer.Option("--pdb", help="Open Python's debugger where it fails.")] = False,
    profile: Annotated[
        ProfileName | None,
        typer.Option(help="Profile it, into its artifacts profile/* and the folder profile-ID here."),
    ] = None,
) -> None:
    """Run one cell in this process, with a progress bar. Errors show their traceback, for a debugger."""
    store = open_store(storage).prepare()
    plan, cell = store.plans.find(cell_id)
    _load_plugins(plugin, plan.plugins, cell_id)
    _check_locations(plan.locations, cell)
    console = common.console()
    done = store.results.done_among(cell.needs.values())
    for role, need in cell.needs.items():
        if need not in done:
            title = plan.cells[need].title
            raise UserError(
                f"Cell {cell.title} needs {title} as '{role}', which isn't done: run cell {need} first"
            )
    before = store.results.read(cell.id) if cell.id in done else None
    if before is not None and not again:
        raise UserError(
            f"Cell {cell.id} is done: 'gridcell cell show {cell.id}' shows it, --again runs it again"
        )

    def report(step: int, metrics: Mapping[str, float]) -> None:
        console.print(f"[{step}] " + ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))

    task = find_task(plan.task)
    remember(task)
    origin = origin_of(task)
    attempt = Attempt(cell, task, store, plan.locations, reporter=report, foreground=True, origin=origin)
    if before is not None and replace:
        attempt = dataclass_replace(attempt, replaces=before.stamp)
    elif before is not None:
        store.results.drop_tried(cell.id)  # of a command that was killed
        attempt = dataclass_replace(attempt, beside=True)
    if profile is not None:
        attempt = dataclass_replace(attempt, debugging=Debugging(profile=profile.value))
    end_when_asked(GRACE_S, lambda line: console.print(line, soft_wrap=True))
    try:
        with processes_for([cell]), _debugger_on_failure() if debugger else contextlib.nullcontext():
            outcome = run_cell(attempt)
    except Preempted as left:
        console.print(f"{cell.title}: stopped, {left}")
        raise typer.Exit(ExitCode.STOPPED) from None
    console.print(f"{cell.title}: done in {outcome.seconds:.1f} s: {json.dumps(outcome.metrics)}")
    if before is None or replace or not again:
        _copy_profile(store, store.results.read(cell.id))
    if before is None:
        return
    after = store.results.read(cell.id) if replace else store.results.tried(cell.id)
    differences = compare(before, after, task.timings)
    for line in differences:
        console.print(line, soft_wrap=True)
    if not differences:
        console.print("The same result as before.")
    if not replace:
        _copy_profile(store, after)
        store.results.drop_tried(cell.id)
        console.print("The earlier result is kept; --replace puts the new one in its place.")
    if differences:
        raise typer.Exit(ExitCode.FAILED)


def _load_plugins(given: Sequence[str] | None, planned: Sequence[str], cell_id: str) -> None:
    """Load the files that are given, or else those that the cell was planned with.

    Raises:
        UserError: one of these is not there any more, or does not work.
    """
    gone = [] if given else [path for path in planned if not Path(path).exists()]
    if gone:
        raise UserError(
            f"Cell {cell_id} was planned with the plug-in '{gone[0]}', which is not there any more (a job's "
            f"files go with it): give yours by 'gridcell cell run {cell_id} --plugin FILE'"
        )
    plugins.load(given or planned)


def _check_locations(locations: Mapping[str, str], cell: Cell) -> None:
    """Make sure that what a cell reads from outside the storage is where it was planned from.

    Raises:
        UserError: it is not there any more.
    """
    named = set(_texts(cell.config))
    for fingerprint, path in locations.items():
        if fingerprint in named and "://" not in path and not Path(path).exists():
            raise UserError(
                f"Cell {cell.title or cell.id} reads '{path}', which is not there any more (a job's files go "
                f"with it): put it back, or run the suite with your files: 'gridcell run {cell.task} --suite "
                "FILE' plans the same cell by their content"
            )


def _texts(value: object) -> Iterator[str]:
    """Yield all texts within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


@contextlib.contextmanager
def _debugger_on_failure() -> Iterator[None]:
    """Open the debugger in the frame that raised; the error then goes on."""
    try:
        yield
    except Exception as error:
        open_debugger(error)
        raise typer.Exit(ExitCode.FAILED) from error


def _copy_profile(store: Store, result: Result) -> None:
    """Copy a result's profile, if it has one, into a folder here, and say where."""
    names = result.artifacts.keys() - result.answered.keys()
    target = Path(f"profile-{result.cell.id[:8]}")
    for name in sorted(names):
        target.mkdir(exist_ok=True)
        with scratch_folder("profile") as cache:
            shutil.copyfile(store.results.fetch(result, name, cache), target / Path(name).name)
    if names:
        common.console().print(f"Profile: {target.absolute()}", soft_wrap=True)


def _readable(metrics: Mapping[str, object]) -> str:
    """Write metrics as JSON for people, with words for a number that JSON doesn't have."""
    finite, places = without_not_finite(dict(metrics))
    words = "; ".join(
        f"{'.'.join(map(str, place))} is {'not a number' if text == 'nan' else 'infinite'}"
        for place, text in places
    )
    return json.dumps(finite, indent=2) + (f"\n{words}" if words else "")


def compare(before: Result, after: Result, timings: Sequence[str]) -> list[str]:
    """Return what differs between two results of a cell, a line each; measured times are left out."""
    names = sorted({*before.metrics, *after.metrics})
    compared = [name for name in names if not any(fnmatch(name, pattern) for pattern in timings)]
    lines = [
        f"NOT the same: {name} was {_short(before.metrics.get(name))}, is {_short(after.metrics.get(name))}"
        for name in compared
        if _differ(before.metrics.get(name), after.metrics.get(name))
    ]
    for name in sorted({*before.answered, *after.answered}):
        one, two = before.answered.get(name), after.answered.get(name)
        if one is None or two is None or one.sha256 != two.sha256:
            what = "is new" if one is None else "is gone" if two is None else "holds other bytes"
            lines.append(f"NOT the same: the file {name} {what}")
    return lines


def _differ(one: object, other: object) -> bool:
    """Whether two metrics differ; NaN is the same as NaN here."""
    return one != other and json.dumps(one) != json.dumps(other)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
