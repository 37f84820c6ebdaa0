"""A grid's own run in MLflow: the experiment that it is in, its state, its report."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridcell.mlflow.address import database_of
from gridcell.mlflow.names import LONGEST_TAG, STATE_TAG, Labels, Naming, leaves
from gridcell.mlflow.paging import log_metrics, search
from gridcell.store.values import as_float

EXPERIMENT_TAG = {"mlflow.experimentKind": "custom_model_development"}  # MLflow opens on runs, not on traces
_GRID_TAG = "gridcell.grid"


class Parent:
    """The run of a grid, below which those of its cells are; found, or made where there is none.

    Args:
        client: of MLflow.
        uri: that it is connected to.
        task: name of the task.
        suite: name of the suite.
        grid: id of the grid.
        cells: number of its cells.
        tags: of the run; ``gridcell.selection`` becomes part of its name.
        naming: gives metrics names that MLflow takes.

    Attributes:
        experiment: id of the experiment of the task and suite.
        id: of the run.
    """

    def __init__(
        self,
        client: Any,
        uri: str,
        task: str,
        suite: str,
        grid: str,
        cells: int,
        tags: Labels | None,
        naming: Naming,
    ) -> None:
        self._client = client
        self._naming = naming
        self._cells = cells
        self.experiment = self._find_experiment(uri, f"{task}/{suite}")
        self.id = self._find_run(suite, grid, {**(tags or {}), "gridcell.cells": str(cells)})

    def _find_experiment(self, uri: str, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            database = database_of(uri)
            # Else MLflow puts artifacts in ./mlruns of wherever the command is run.
            location = (database.parent / "mlflow-artifacts").as_uri() if database is not None else None
            return self._client.create_experiment(name, artifact_location=location, tags=EXPERIMENT_TAG)
        if found.lifecycle_stage == "deleted":  # in MLflow's pages: its name stays taken
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _find_run(self, suite: str, grid: str, tags: Labels) -> str:
        tags = {name: value[:LONGEST_TAG] for name, value in tags.items()} | {STATE_TAG: "running"}
        parents = self._client.search_runs([self.experiment], f"tags.`{_GRID_TAG}` = '{grid}'", max_results=1)
        if not parents:
            name = " ".join(filter(None, (suite, tags.get("gridcell.selection", "")[:200], grid)))
            run = self._client.create_run(self.experiment, tags={**tags, _GRID_TAG: grid}, run_name=name)
            return str(run.info.run_id)
        parent = str(parents[0].info.run_id)
        for name, value in tags.items():
            self._client.set_tag(parent, name, value)
        self._client.update_run(parent, status="RUNNING")
        return parent

    def below_smaller_grids(self, parents: Mapping[str, str]) -> list[str]:
        """Return which runs lie below the runs of grids with fewer cells than this, or of deleted ones.

        Args:
            parents: name of a run -> id of the run that it lies below.
        """
        others = {name: parent for name, parent in parents.items() if parent != self.id}
        if not others:
            return []
        grids = search(self._client, self.experiment, f"tags.`{_GRID_TAG}` LIKE '%'")
        sizes = {run.info.run_id: int(run.data.tags.get("gridcell.cells", 0)) for run in grids}
        return [name for name, parent in others.items() if sizes.get(parent, 0) < self._cells]

    def close(self, status: str, report: Path | None = None, tags: Labels | None = None) -> None:
        """End the parent run.

        Args:
            status: MLflow's: FINISHED, FAILED or KILLED.
            report: folder of the report, whose files are added, with the numbers of its ``summary.json``.
            tags: of the parent, such as the number of cells in each state; numbers become metrics, too.
        """
        now = int(time.time() * 1000)
        state = {"FINISHED": "done", "FAILED": "failed", "KILLED": "stopped"}[status]
        for name, value in {STATE_TAG: state, **(tags or {})}.items():
            self._client.set_tag(self.id, name, value[:LONGEST_TAG])
        if report is not None:
            self.add_report(report)
        self._client.set_terminated(self.id, status, now)

    def add_report(self, folder: Path) -> None:
        """Add a report's files to the parent run, and the numbers of its ``summary.json``."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        summary = folder / "summary.json"
        if summary.exists():
            answers = json.loads(summary.read_text(encoding="utf-8"))
            answers.pop("made", None)  # settings and provenance
            found = dict(leaves(answers))
            numbers = {name: value for name, value in found.items() if isinstance(value, int | float)}
            names = self._naming.of(numbers)
            log_metrics(
                self._client,
                self.id,
                [Metric(names[name], as_float(numbers[name]), now, 0) for name in numbers],
            )
        self._client.log_artifacts(self.id, str(folder), "report")
