"""The process that runs cells one after another, as Tune drives it.

A ``ray.tune.Trainable`` would import Tune, Train and Data, with pandas and pyarrow, in each worker: most of
the time that one takes to start. So this is a plain class with those of its methods that Tune calls.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from gridcell.cell import Cell
from gridcell.context import Reporter
from gridcell.execute.attempt import run_cell
from gridcell.execute.outcome import Outcome, failure_from
from gridcell.execute.stall import watched
from gridcell.store import Store
from gridcell.task import Task

if TYPE_CHECKING:
    from ray import ObjectRef


@dataclass(frozen=True)
class GridWork:
    """What is the same for all cells of a run.

    Attributes:
        task: the plug-in whose cells these are.
        records: id -> record of each cell, in Ray's object store.
        store_uri: where results go.
        locations: where data lie, as ``run_cell`` takes them.
        report_every_s: a cell's progress is passed on at most so often.
        stall_timeout_s: a cell that reports nothing for so long is ended; None for never.
    """

    task: Task
    records: "ObjectRef"
    store_uri: str
    locations: Mapping[str, str]
    report_every_s: float
    stall_timeout_s: float | None


class TrialActor:
    """Runs the cell that its configuration names, for one trial of Tune after another.

    Args:
        config: of the first trial, as the searcher suggests it.
        storage: Tune's own, of no use here.

    Attributes:
        work: set by a subclass for each run, which Ray sends to the workers with what it says.
    """

    work: ClassVar[GridWork]

    def __init__(self, config: dict[str, Any], storage: object = None) -> None:
        # Of its own, so that what cells write to relative paths doesn't meet.
        self._folder = tempfile.TemporaryDirectory(prefix="gridcell-worker-", ignore_cleanup_errors=True)
        os.chdir(self._folder.name)
        self._told: SimpleQueue[tuple[int, Mapping[str, float]] | Outcome] = SimpleQueue()
        self._running = False
        self.reset(config, storage)

    def reset(self, config: dict[str, Any], storage: object = None) -> bool:
        """Take the next trial's configuration, and say that this can."""
        self._config = config
        return True

    def train(self) -> dict[str, Any]:
        """Run the cell until it reports or ends, and return which; Tune calls again until it has ended."""
        if not self._running:
            self._running = True
            threading.Thread(target=self._work, args=(self._config,), daemon=True, name="cell").start()
        told = self._told.get()
        if not isinstance(told, Outcome):
            return {"progress": json.dumps(told), "done": False}
        self._running = False
        failure = told.failure.to_record() if told.failure else None
        ended = {"seconds": told.seconds, "metrics": dict(told.metrics), "failure": failure}
        return {"outcome": json.dumps({**ended, "step": told.step}), "done": True}

    def get_auto_filled_metrics(self, *, debug_metrics_only: bool) -> dict[str, Any]:
        """Return what Tune takes for a result until there is one."""
        return {"pid": os.getpid()}

    def stop(self) -> None:
        """Remove this process's folder."""
        self._folder.cleanup()

    def _work(self, config: dict[str, Any]) -> None:
        try:
            outcome = self._run(config)
        except BaseException as error:  # a store that this node can't open, or a cell that calls sys.exit
            outcome = Outcome(config["cell"], 0.0, failure=failure_from(error))
        self._told.put(outcome)

    def _run(self, config: dict[str, Any]) -> Outcome:
        work = self.work
        cell = Cell.from_record(self._records[config["cell"]])
        store = Store(work.store_uri)
        with watched(cell, store, self._throttled_report(), work.stall_timeout_s) as reporter:
            return run_cell(
                cell,
                work.task,
                store,
                locations=work.locations,
                reporter=reporter,
                oom_halvings=config["oom_halvings"],
            )

    @cached_property
    def _records(self) -> Mapping[str, Any]:
        import ray

        return ray.get(self.work.records)

    def _throttled_report(self) -> Reporter:
        last = time.monotonic()

        def report(step: int, metrics: Mapping[str, float]) -> None:
            nonlocal last
            if time.monotonic() - last >= self.work.report_every_s:
                self._told.put((step, dict(metrics)))
                last = time.monotonic()

        return report


def left_out_by_the_driver(_: None) -> None:
    """Stand for what Tune would send to a worker and the driver leaves out."""
