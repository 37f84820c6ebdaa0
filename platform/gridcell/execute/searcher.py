"""The searcher that feeds Tune from the schedule. Importing this file imports Ray."""

import json
from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from gridcell.cell import Cell
from gridcell.execute.listener import Listener
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.schedule import Schedule
from gridcell.execute.settle import settle
from gridcell.store import Store


class CellSearcher(Searcher):
    """Hands out a cell as a trial once its needs are committed, and settles it when the trial ends.

    Args:
        schedule: order and retries.
        store: where failures are recorded.
        listener: is told what happens.
        max_concurrent: hand out at most so many cells at once.
    """

    def __init__(self, schedule: Schedule, store: Store, listener: Listener, max_concurrent: float) -> None:
        super().__init__()
        self._schedule = schedule
        self._store = store
        self._listener = listener
        self._max_concurrent = max_concurrent
        self._cells: dict[str, Cell] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a ready cell's trial, None while there is none, FINISHED once there will be none."""
        if self._schedule.exhausted:
            return Searcher.FINISHED
        if len(self._cells) >= self._max_concurrent:
            return None
        cell = self._schedule.take()
        if cell is None:
            return None
        self._cells[trial_id] = cell
        self._listener.started(cell)
        return {
            "cell": cell.id,
            "cpus": cell.resources.cpus,
            "gpus": cell.resources.gpus,
            "workers": cell.resources.workers,
            "oom_halvings": self._schedule.oom_halvings(cell.id),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass on what a running cell reports."""
        if "progress" in result and trial_id in self._cells:
            step, metrics = json.loads(result["progress"])
            self._listener.reported(self._cells[trial_id], step, metrics)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Settle the cell; a trial without an outcome lost its process or its node."""
        cell = self._cells.pop(trial_id)
        settle(cell, _outcome(cell, result), self._schedule, self._store, self._listener)

    def __getstate__(self) -> dict[str, Any]:
        """Be nothing in Tune's snapshots: they are never restored, for the store is the state."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the store is the state."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing: the store is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the store is the state."""


def _outcome(cell: Cell, result: Mapping[str, Any] | None) -> Outcome:
    if result is None or "outcome" not in result:
        lost = Failure(FailureClass.PREEMPTED, "its worker process or node went away")
        return Outcome(cell.id, 0.0, failure=lost)
    ended = json.loads(result["outcome"])
    failure = ended["failure"]
    if failure is not None:
        failure = Failure(**{**failure, "failure_class": FailureClass(failure["failure_class"])})
    return Outcome(cell.id, ended["seconds"], ended["metrics"], failure)
