"""Commands for MLflow: sync, ui."""

import os
import socket
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from gridcell.answers.running import tracking_tags
from gridcell.cli import common
from gridcell.cli.common import (
    DEFAULT_STORAGE,
    DEFAULT_SUITE,
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
    reading,
    request,
)
from gridcell.cli.report_folder import grid_of, own_folder
from gridcell.errors import UserError
from gridcell.mlflow.address import connect, is_server, one_line, tracking_uri
from gridcell.mlflow.database import alone, prepare
from gridcell.mlflow.experiment import Experiment
from gridcell.mlflow.names import labels_of, tags_of_states
from gridcell.mlflow.parent import EXPERIMENT_TAG
from gridcell.mlflow.writer import remarks
from gridcell.printable import counted
from gridcell.report.results import STATES, GridResults
from gridcell.staleness import failures_of
from gridcell.store import Store
from gridcell.store.plans import grid_id


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
    folder = own_folder(asked, store)
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
            folder if grid_of(folder) == grid_id(asked.grid) else None,
            tags_of_states(asked.grid, len(states.pop("done")), states),
        )
    except UserError:
        raise
    except Exception as error:  # MLflow's, SQLAlchemy's or the network's: the user needs its one line
        raise UserError(f"MLflow at {uri} can't be written: {one_line(error)}") from error
    console = common.console()
    for remark in remarks(experiment):
        console.print(f"{remark}.", soft_wrap=True)
    console.print(f"{counted(added, 'cell')} added to MLflow at {uri}", soft_wrap=True)


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
