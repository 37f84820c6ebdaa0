"""Commands that show results: report, sync, ui."""

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gridcell.answers.compare_page import facts, write_comparison
from gridcell.answers.request import grid_results as grid_results
from gridcell.answers.running import tracking_tags as tracking_tags
from gridcell.answers.sides import Asked, against_baseline
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
    Json,
    Overrides,
    Plugins,
    Request,
    Seeds,
    Selection,
    Storage,
    SuiteName,
    TaskName,
    Tracking,
    open_store,
    print_json,
    reading,
    request,
)
from gridcell.errors import UserError, unknown
from gridcell.mlflow.address import connect, is_server, one_line, tracking_uri
from gridcell.mlflow.database import alone, prepare
from gridcell.mlflow.experiment import Experiment
from gridcell.mlflow.names import labels_of, tags_of_states
from gridcell.mlflow.parent import EXPERIMENT_TAG
from gridcell.mlflow.writer import remarks
from gridcell.report import GridResults, write_report
from gridcell.report.inline import read_notes
from gridcell.report.results import STATES
from gridcell.staleness import failures_of
from gridcell.store import Store
from gridcell.store.plans import grid_id

Out = Annotated[Path | None, typer.Option("--out", "--report", metavar="DIR", help="Folder for the report.")]
Notes = Annotated[
    Path | None,
    typer.Option("--notes", metavar="FILE.md", help="Markdown that stands on top of the page."),
]

FIGURES = ("svg", "pdf")
"""Formats of figures beside PNG."""

GRID_MARK = ".grid"
"""File in a report's folder: the id of the grid that it shows."""


def report_folder(given: Path | None, asked: Request, store: Store) -> Path:
    """Make the folder of a report and return it.

    By default it is ``reports/TASK-SUITE`` in the storage folder, or in this folder if the storage is remote.
    Where another grid's report is there (other settings, or another suite of the same name), the grid's id is
    added.

    Raises:
        UserError: it can't be made, or no file can be written there.
    """
    folder = given.expanduser() if given is not None else _own_folder(asked, store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        if given is None:
            (folder / GRID_MARK).write_text(f"{grid_id(asked.grid)}\n")
    except OSError as error:
        raise UserError(f"The report can't be written to the folder '{folder}': {error.strerror}") from error
    return folder


def _own_folder(asked: Request, store: Store) -> Path:
    name = f"reports/{asked.suite.task.name}-{asked.suite.name}"
    folder = store.folder.local(name) or Path(name)
    own = grid_id(asked.grid)
    with contextlib.suppress(OSError):  # there is none yet; what else is wrong is told when it is made
        if any(folder.iterdir()) and _grid_of(folder) != own:
            return folder.with_name(f"{folder.name}-{own}")
    return folder


def _grid_of(folder: Path) -> str:
    """Return the id of the grid that a folder's report is of; empty where that isn't known."""
    try:
        return (folder / GRID_MARK).read_text().strip()
    except FileNotFoundError:
        return ""


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
        typer.Option(metavar="FORMAT,FORMAT", help="Write figures for papers, too: svg, pdf."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the report of what is done so far: a page, pictures and tables."""
    said = "" if notes is None else read_notes(notes)
    formats = [each.strip() for each in (figures or "").split(",") if each.strip()]
    for each in formats:
        if each not in FIGURES:
            raise unknown("format of figures", each, FIGURES)
    asked = request(task, suite, select, override, seeds, plugin)
    store = open_store(storage)
    found = grid_results(asked, store, notes=said, figures=formats)
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
    if compared is not None:
        for sentence in facts(compared):
            console.print(sentence, soft_wrap=True)
        console.print(f"Comparison with {baseline}: {comparison}", soft_wrap=True)
    console.print(f"Report: {written.page}", soft_wrap=True)


def sync(
    task: TaskName,
    suite: SuiteName = DEFAULT_SUITE,
    storage: Storage = DEFAULT_STORAGE,
    select: Selection = None,
    override: Overrides = None,
    seeds: Seeds = None,
    plugin: Plugins = None,
    tracking: Tracking = None,
) -> None:
    """Write to MLflow what it lacks of the storage's results; all of them if it is empty."""
    asked = request(task, suite, select, override, seeds, plugin)
    store = open_store(storage)
    uri = tracking_uri(tracking, store)
    states = _cells_by_state(asked, store)
    folder = _own_folder(asked, store)
    try:
        experiment = Experiment(
            uri,
            asked.suite.task.name,
            asked.suite.name,
            grid_id(asked.grid),
            len(asked.grid),
            ids=asked.grid.cells,
            labels=labels_of(asked.grid),
            tags=tracking_tags(asked, {}),
        )
        added = experiment.mirror(store, asked.grid.cells)
        experiment.close(
            "FAILED" if states["failed"] else "KILLED" if states["not run"] else "FINISHED",
            folder if _grid_of(folder) == grid_id(asked.grid) else None,
            tags_of_states(asked.grid, len(states.pop("done")), states),
        )
    except UserError:
        raise
    except Exception as error:  # MLflow's, SQLAlchemy's or the network's: the user needs its one line
        raise UserError(f"MLflow at {uri} can't be written: {one_line(error)}") from error
    console = common.console()
    for remark in remarks(experiment):
        console.print(f"{remark}.", soft_wrap=True)
    console.print(f"{added} cells added to MLflow at {uri}", soft_wrap=True)


def _cells_by_state(asked: Request, store: Store) -> dict[str, list[str]]:
    """Return state -> ids of the cells in it, for each of ``STATES``; a damaged result is none."""
    with reading(store.uri):
        results, _ = store.results.read_many(asked.grid.cells)
        failures = failures_of(asked.suite.task, asked.grid, store)
    states = GridResults(asked.full_title, {}, asked.grid, results, failures, store).states
    return {state: [cell_id for cell_id in states if states[cell_id] == state] for state in STATES}


def ui(
    storage: Storage = DEFAULT_STORAGE,
    tracking: Tracking = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port on this machine; default: 5000, or one that is free.", min=1, max=65535),
    ] = None,
) -> None:
    """Serve MLflow's pages on this machine alone; Ctrl-C ends it."""
    store = Store(storage) if tracking else open_store(storage)
    uri = tracking_uri(tracking, store)
    if is_server(uri):
        raise UserError(f"MLflow's pages are served at {uri} already: open that address")
    port = _free_port(port)
    try:
        with alone(uri):
            prepare(uri)
        pages = list(_experiment_pages(uri, port))
    except UserError:
        raise
    except Exception as error:  # MLflow's or SQLAlchemy's
        raise UserError(f"MLflow at {uri} can't be read: {one_line(error)}") from error
    console = common.console()
    console.print(f"MLflow on http://127.0.0.1:{port} in a few seconds (Ctrl-C ends it)")
    for page in pages:
        console.print(page, soft_wrap=True)
    sys.stdout.flush()  # what is left in the buffer would be lost
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # 2 processes instead of 10
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    arguments = ["server", "--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *arguments])


def _free_port(wanted: int | None) -> int:
    """Return a port on loopback that nothing listens on: the wanted one, else 5000, else any.

    Raises:
        UserError: the wanted one is taken.
    """
    for port in (wanted or 5000, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if wanted is not None:
                    raise UserError(
                        f"Port {wanted} can't be used ({error.strerror}): name another with --port, or none"
                    ) from error
                continue
            return int(probe.getsockname()[1])
    raise UserError("No port is free on this machine")


def _experiment_pages(uri: str, port: int) -> Iterator[str]:
    """Yield the address of each experiment's runs, the one that was changed last first."""
    found = connect(uri).search_experiments(order_by=["last_update_time DESC"])
    for experiment in found:
        if EXPERIMENT_TAG.items() <= experiment.tags.items():
            page = f"/#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"
            yield f"  {experiment.name}: http://127.0.0.1:{port}{page}"
