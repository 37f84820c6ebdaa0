"""MLflow, which shows what the store holds and is never read for an answer.

Live mirroring and rebuilding are one act: for a done cell that MLflow lacks, make a run of its result.
"""

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell.store import Result, Store
from gridcell.store.locks import locked

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_CELL_TAG = "gridcell.cell"
_GRID_TAG = "gridcell.grid"
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # so that MLflow opens on runs, not on traces
_SQLITE = "sqlite:///"
_BATCH = 1000  # MLflow takes at most so many metrics and parameters in one request

# Without these a server that is down is asked for minutes, and usage data would be sent out.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def default_tracking_uri(store: Store) -> str:
    """Return ``$MLFLOW_TRACKING_URI``, else a database in the store's folder, or here if that is remote."""
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    local = store.folder.local("mlflow.db") or Path("mlflow.db")
    return f"sqlite:///{local.resolve()}"


def is_server(uri: str) -> bool:
    """Whether a tracking URI is a server's address, at which a browser finds MLflow's pages."""
    return uri.startswith(("http://", "https://"))


class Experiment:
    """A grid in MLflow: an experiment per task and suite, a parent run per grid, a child per cell."""

    def __init__(self, uri: str, task: str, suite: str, grid: str, cells: int) -> None:
        """Connect, and create experiment and parent run where they don't exist.

        Args:
            uri: of an MLflow server or database.
            task: name of the task.
            suite: name of the suite.
            grid: id of the grid, as ``grid_id`` returns it.
            cells: number of its cells.

        Raises:
            mlflow.exceptions.MlflowException: the server can't be reached or refuses.
        """
        with _alone(uri):
            self._client = connect(uri)
            name = f"{task}/{suite}"
            found = self._client.get_experiment_by_name(name)
            self._experiment = found.experiment_id if found else self._create_experiment(uri, name)
            parents = self._client.search_runs(
                [self._experiment], f"tags.`{_GRID_TAG}` = '{grid}'", max_results=1
            )
            if parents:
                self.parent = parents[0].info.run_id
            else:
                tags = {_GRID_TAG: grid, "gridcell.cells": str(cells)}
                run = self._client.create_run(self._experiment, tags=tags, run_name=f"{suite} {grid}")
                self.parent = run.info.run_id
        children = [(run.data.tags[_CELL_TAG], run.info) for run in self._children()]
        self.shown = {cell_id for cell_id, info in children if info.status == "FINISHED"}
        # Begun by a process that went away in the middle; gone on with, since nothing in it can differ.
        self._begun = {cell_id: info.run_id for cell_id, info in children if cell_id not in self.shown}

    def _create_experiment(self, uri: str, name: str) -> str:
        location = None
        if uri.startswith(_SQLITE):  # else MLflow puts artifacts in ./mlruns of wherever the command is run
            location = (Path(uri.removeprefix(_SQLITE)).parent / "mlflow-artifacts").as_uri()
        return self._client.create_experiment(name, artifact_location=location, tags=_KIND)

    def _children(self) -> Iterator[Any]:
        token = None
        while True:
            where = f"tags.`mlflow.parentRunId` = '{self.parent}'"
            page = self._client.search_runs([self._experiment], where, max_results=5000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def mirror(self, store: Store, ids: Iterable[str]) -> int:
        """Show those of the cells that are done and not shown yet; return how many there were."""
        results, _ = store.results.read_many(set(ids) - self.shown)
        for result in results.values():
            self.show(result)
        return len(results)

    def show(self, result: Result) -> None:
        """Make a child run of a cell's result: configuration, metrics and curves."""
        from mlflow.entities import Metric, Param
        from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

        cell = result.cell
        started = int(result.provenance["started"] * 1000)
        ended = started + int(result.seconds * 1000)
        tags = {_CELL_TAG: cell.id, "gridcell.kind": cell.kind, MLFLOW_PARENT_RUN_ID: self.parent}
        if (run_id := self._begun.pop(cell.id, None)) is None:
            run = self._client.create_run(self._experiment, started, tags, run_name=cell.title or cell.id)
            run_id = run.info.run_id
        params = {"kind": cell.kind, "seed": cell.seed, **dict(_leaves(cell.config))}
        metrics = [
            Metric(name, float(value), ended, 0)
            for name, value in _leaves(result.metrics)
            if isinstance(value, int | float)
        ]
        metrics += [Metric("seconds", result.seconds, ended, 0)]
        metrics += [
            Metric(f"curve/{name}", value, started, int(step))
            for name, curve in result.curves.items()
            for step, value in curve
        ]
        logged = [Param(name, str(value)[:500]) for name, value in params.items()]
        first = max(0, _BATCH - len(logged))  # one request for all, where it fits
        self._client.log_batch(run_id, metrics[:first], logged)
        for begin in range(first, len(metrics), _BATCH):
            self._client.log_batch(run_id, metrics[begin : begin + _BATCH])
        self._client.set_terminated(run_id, "FINISHED", ended)
        self.shown.add(cell.id)

    def close(self, status: str, report: Path | None = None) -> None:
        """End the parent run, with the report's files where there is one."""
        if report is not None:
            self._client.log_artifacts(self.parent, str(report), "report")
        self._client.set_terminated(self.parent, status)


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Keep other processes of this machine from a database meanwhile.

    Two that make its tables at once fail, and of two that find no experiment each makes one.
    """
    if not uri.startswith(_SQLITE):
        yield
        return
    with locked(Path(f"{uri.removeprefix(_SQLITE)}.lock")):
        yield


def connect(uri: str) -> "MlflowClient":
    """Return MLflow's client, which gives up soon where no server answers."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    for chatty in ("mlflow", "alembic"):  # after the import, which sets levels of its own
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings with slash-separated names; lists are leaves."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}/{key}" if name else str(key))
    else:
        yield name, value


def one_line(error: Exception) -> str:
    """Return what is wrong with MLflow in a line: its messages, and SQLAlchemy's, have many."""
    return " ".join(str(error).split())[:300] or type(error).__name__
