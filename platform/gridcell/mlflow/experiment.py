"""MLflow, which shows what the store holds and is never read for an answer.

Live mirroring and rebuilding are one act: for a done cell that MLflow lacks, make a run of its result.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gridcell.cell import Cell
from gridcell.execute.heartbeat import running_cells
from gridcell.mlflow.address import connect, one_line
from gridcell.mlflow.database import alone, prepare
from gridcell.mlflow.names import (
    LONGEST_TAG,
    NAMED_TAG,
    PARENT_TAG,
    STATE_TAG,
    Labels,
    Naming,
    numbers_of,
    params_of,
)
from gridcell.mlflow.paging import log_metrics, log_params, search
from gridcell.mlflow.parent import Parent
from gridcell.store import Result, Store

_NOTE_TAG = "mlflow.note.content"  # the description of a run
_CELL_TAG = "gridcell.cell"
_STAMP_TAG = "gridcell.stamp"
_FAILURE_TAGS = ("gridcell.failure_class", "gridcell.failure", _NOTE_TAG)
_AS_TAGS = ("trial", "generation", "parent_trial")  # labels of a search's runs, to filter by; parameters, too
_CURVE = "curve/"
_OWN_FAULT = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST"}

Point = tuple[int, int, Mapping[str, float]]
"""Time in milliseconds since 1970, step, values."""


@dataclass
class _Run:
    """A cell's run in MLflow."""

    id: str
    status: str
    parent: str = ""
    stamp: str = ""  # of the result that it shows
    failure: tuple[str, str] | None = None  # class, message
    params: set[str] = field(default_factory=set)
    curves: set[str] = field(default_factory=set)  # metrics that were shown while the cell ran


class Experiment:
    """A grid in MLflow: an experiment per task and suite, a parent run per grid, a run per cell.

    A cell that several grids of a suite hold has one run, below the grid with the most cells.

    Attributes:
        parent: id of the grid's own run.
        refused: title -> why, of the cells that MLflow refused.
        aside: where an unusable database was moved.
    """

    def __init__(
        self,
        uri: str,
        task: str,
        suite: str,
        grid: str,
        cells: int,
        *,
        ids: Iterable[str] = (),
        labels: Mapping[str, Labels] | None = None,
        tags: Labels | None = None,
    ) -> None:
        """Connect, and create experiment and parent run where they don't exist.

        Args:
            uri: of an MLflow server or database.
            task: name of the task.
            suite: name of the suite.
            grid: id of the grid, as ``grid_id`` returns it.
            cells: number of its cells.
            ids: of its cells; their runs are moved from below smaller grids.
            labels: id -> labels of its targets, which become parameters.
            tags: of the parent run; ``gridcell.selection`` becomes part of its name.

        Raises:
            mlflow.exceptions.MlflowException: the server can't be reached or refuses.
        """
        self._labels = labels or {}
        self._naming = Naming(self._note_name)
        self.refused: dict[str, str] = {}
        with alone(uri):
            self.aside = prepare(uri)
            self._client = connect(uri)
            self._grid = Parent(self._client, uri, task, suite, grid, cells, tags, self._naming)
        self.parent = self._grid.id
        self._runs: dict[str, _Run] = {}
        shown: set[str] = set()
        for run in search(self._client, self._grid.experiment, f"tags.`{_CELL_TAG}` LIKE '%'"):
            self._add(run)
            shown.update(run.data.metrics, run.data.params)
        tags = self._client.get_experiment(self._grid.experiment).tags
        changed = {
            json.loads(name): tag.removeprefix(NAMED_TAG)
            for tag, name in tags.items()
            if tag.startswith(NAMED_TAG)
        }
        self._naming.recall(changed, shown)
        self._adopt(ids)

    def _note_name(self, name: str, new: str) -> None:
        """Remember a name that was changed, for whoever adds to this experiment later."""
        written = json.dumps(name)
        if len(written) <= LONGEST_TAG:
            self._client.set_experiment_tag(self._grid.experiment, f"{NAMED_TAG}{new}", written)

    def add_labels(self, labels: Mapping[str, Labels]) -> None:
        """Take on the labels of the targets of another grid: id -> labels."""
        self._labels = {**self._labels, **labels}

    @property
    def renamed(self) -> dict[str, str]:
        """Metric or setting -> the name by which MLflow shows it, where it refuses the own name."""
        return self._naming.renamed

    @property
    def shown(self) -> set[str]:
        """Ids of the cells whose results are shown."""
        return {cell_id for cell_id, run in self._runs.items() if run.status == "FINISHED"}

    def _add(self, run: Any) -> None:
        tags = run.data.tags
        found = _Run(
            run.info.run_id,
            run.info.status,
            tags.get(PARENT_TAG, ""),
            tags.get(_STAMP_TAG, ""),
            (tags[_FAILURE_TAGS[0]], tags[_FAILURE_TAGS[1]]) if _FAILURE_TAGS[0] in tags else None,
            set(run.data.params),
        )
        if found.status != "FINISHED":
            found.curves = {name for name in run.data.metrics if name.startswith(_CURVE)}
        known = self._runs.get(tags[_CELL_TAG])
        if known is None or known.status != "FINISHED":
            self._runs[tags[_CELL_TAG]] = found

    def _adopt(self, ids: Iterable[str]) -> None:
        """Move the runs of these cells here from below grids that have fewer cells, or that were deleted."""
        parents = {cell_id: self._runs[cell_id].parent for cell_id in ids if cell_id in self._runs}
        for cell_id in self._grid.below_smaller_grids(parents):
            self._client.set_tag(self._runs[cell_id].id, PARENT_TAG, self.parent)
            self._runs[cell_id].parent = self.parent

    def mirror(self, store: Store, ids: Iterable[str]) -> int:
        """Show each cell as the store has it, done or failed; return how many were not shown so.

        Cells that MLflow refuses are added to ``refused``.
        """
        wanted = set(ids)
        results, _ = store.results.read_many(wanted)
        news = [result for result in results.values() if not self.shows(result)]
        added = sum(self.attempt(result.cell, partial(self.show, result)) for result in news)
        plans: dict[str, Cell] = {}
        failures = {
            cell_id: record
            for cell_id, record in store.failures.read_all().items()
            if cell_id in wanted and cell_id not in results
        }
        if failures:
            for plan in store.plans.read_all():
                plans.update(plan.cells)
        for cell_id, record in failures.items():
            run, cell = self._runs.get(cell_id), plans.get(cell_id)
            known = run is not None and run.status == "FAILED" and run.failure == _failure(record)
            if cell is not None and not known:
                added += self.attempt(cell, partial(self.fail, cell, record, final=True))
        self.stop(wanted - results.keys() - failures.keys() - running_cells(store.folder).keys())
        return added

    def attempt(self, cell: Cell, write: Callable[[], None]) -> bool:
        """Write a cell; return False, and note why, where MLflow refuses this cell alone."""
        from mlflow.exceptions import MlflowException

        try:
            write()
        except MlflowException as error:
            if error.error_code not in _OWN_FAULT:
                raise
            why = one_line(error)
        except (TypeError, ValueError, OverflowError) as error:
            why = one_line(error)
        else:
            return True
        self.refused[cell.title or cell.id] = why
        if (run := self._runs.pop(cell.id, None)) is not None:
            with contextlib.suppress(MlflowException):  # e.g. it was deleted in MLflow's pages
                self._client.set_tag(run.id, STATE_TAG, f"not shown: {why}")
                self._client.set_terminated(run.id, "KILLED")
        return False

    def shows(self, result: Result) -> bool:
        """Whether this very result of its cell is shown; one that an earlier version showed counts."""
        run = self._runs.get(result.cell.id)
        return run is not None and run.status == "FINISHED" and run.stamp in ("", result.stamp)

    def begin(self, cell: Cell, started: int) -> None:
        """Show that a cell runs, since ``started`` (milliseconds since 1970)."""
        known = self._runs.get(cell.id)
        if known is not None and known.status == "FINISHED":  # its result is made again
            self._client.delete_run(known.id)
            del self._runs[cell.id]
        run = self._run_of(cell, started)
        if run.status != "RUNNING":  # it failed before, or was stopped
            self._client.update_run(run.id, status="RUNNING")
            self._client.set_tag(run.id, STATE_TAG, "running")
            run.status = "RUNNING"

    def add_points(self, cell: Cell, points: Iterable[Point]) -> None:
        """Add to the curves of a running cell."""
        from mlflow.entities import Metric

        points = list(points)
        names = self._naming.of(f"{_CURVE}{name}" for _, _, values in points for name in values)
        metrics = [
            Metric(names[f"{_CURVE}{name}"], float(value), when, int(step))
            for when, step, values in points
            for name, value in values.items()
        ]
        run = self._runs[cell.id]
        run.curves.update(metric.key for metric in metrics)
        log_metrics(self._client, run.id, metrics)

    def fail(self, cell: Cell, record: Mapping[str, Any], *, final: bool) -> None:
        """Show that an attempt at a cell failed: its run is FAILED if that is ``final``, else RUNNING still.

        Args:
            cell: the cell.
            record: with ``failure_class`` and ``message``.
            final: whether the cell is not tried again.
        """
        now = int(time.time() * 1000)
        run = self._run_of(cell, now)
        run.failure = kind, message = _failure(record)
        diverged = "diverged" if kind == "diverged" else "failed"
        state = diverged if final else "running"
        tags = dict(zip(_FAILURE_TAGS, (kind, message, f"**{kind}**: {message}"), strict=True))
        for name, value in {**tags, STATE_TAG: state}.items():
            self._client.set_tag(run.id, name, value)
        if final:
            self._client.set_terminated(run.id, "FAILED", now)
            run.status = "FAILED"

    def stop(self, ids: Iterable[str]) -> None:
        """Show that these cells, as far as they are shown as running, run no more and have not ended."""
        now = int(time.time() * 1000)
        for run in (self._runs[cell_id] for cell_id in ids if cell_id in self._runs):
            if run.status == "RUNNING":
                self._client.set_tag(run.id, STATE_TAG, "stopped")
                self._client.set_terminated(run.id, "KILLED", now)
                run.status = "KILLED"

    def show(self, result: Result) -> None:
        """Show a cell's result: configuration, metrics and curves."""
        from mlflow.entities import Metric

        cell = result.cell
        started = int(result.provenance["started"] * 1000)
        ended = started + int(result.seconds * 1000)
        numbers = numbers_of(result.metrics, result.seconds)
        curves = {f"{_CURVE}{name}": curve for name, curve in result.curves.items()}
        names = self._naming.of([*numbers, *curves])
        final = {names[name]: {int(step): value for step, value in curve} for name, curve in curves.items()}
        live: dict[str, dict[int, float]] = {}
        if (run := self._runs.get(cell.id)) is not None:
            live = self._live(run)
            if run.stamp not in ("", result.stamp) or not _agree(live, final):
                self._client.delete_run(run.id)  # it shows another result, or another attempt
                del self._runs[cell.id]
                live = {}
        run = self._run_of(cell, started)
        metrics = [Metric(names[name], value, ended, 0) for name, value in numbers.items()]
        metrics += [
            Metric(name, value, started, step)
            for name, curve in final.items()
            for step, value in curve.items()
            if step not in live.get(name, {})
        ]
        log_metrics(self._client, run.id, metrics)
        if run.failure is not None:
            for tag in _FAILURE_TAGS:
                self._client.delete_tag(run.id, tag)
        self._client.set_tag(run.id, _STAMP_TAG, result.stamp)
        self._client.set_tag(run.id, STATE_TAG, "done")
        self._client.set_terminated(run.id, "FINISHED", ended)
        # What is known of a run that is done is little, for there are many.
        self._runs[cell.id] = _Run(run.id, "FINISHED", run.parent, result.stamp)

    def _run_of(self, cell: Cell, started: int) -> _Run:
        """Return the cell's run with all its parameters; made where there is none."""
        from mlflow.entities import Param

        run = self._runs.get(cell.id)
        if run is None:
            tags = {
                _CELL_TAG: cell.id,
                "gridcell.kind": cell.kind,
                PARENT_TAG: self.parent,
                STATE_TAG: "running",
            }
            labels = self._labels.get(cell.id, {})
            tags |= {f"gridcell.{name}": labels[name][:LONGEST_TAG] for name in _AS_TAGS if name in labels}
            name = (cell.title or cell.id)[:250]
            made = self._client.create_run(self._grid.experiment, started, tags, run_name=name)
            run = self._runs[cell.id] = _Run(made.info.run_id, "RUNNING", self.parent)
        if run.status != "FINISHED":
            params = params_of(cell, self._labels.get(cell.id, {}))
            names = self._naming.of(params)
            lacks = [Param(names[name], params[name]) for name in params if names[name] not in run.params]
            log_params(self._client, run.id, lacks)
            run.params.update(param.key for param in lacks)
        return run

    def _live(self, run: _Run) -> dict[str, dict[int, float]]:
        """Return metric -> step -> value of what was shown while the cell ran."""
        return {
            name: {item.step: item.value for item in self._client.get_metric_history(run.id, name)}
            for name in run.curves
        }

    def close(self, status: str, report: Path | None = None, tags: Labels | None = None) -> None:
        """End the grid's own run; see ``Parent.close``."""
        self._grid.close(status, report, tags)

    def add_report(self, folder: Path) -> None:
        """Add a report's files to the grid's own run, and the numbers of its ``summary.json``."""
        self._grid.add_report(folder)


def _failure(record: Mapping[str, Any]) -> tuple[str, str]:
    return str(record["failure_class"]), str(record["message"])[:LONGEST_TAG] or "no message"


def _agree(live: Mapping[str, Mapping[int, float]], final: Mapping[str, Mapping[int, float]]) -> bool:
    """Whether what was shown while a cell ran is what its result says, where both have a step."""
    return all(
        math.isclose(value, final[name][step], rel_tol=1e-6) or not math.isfinite(final[name][step])
        for name, points in live.items()
        if name in final
        for step, value in points.items()
        if step in final[name]
    )
