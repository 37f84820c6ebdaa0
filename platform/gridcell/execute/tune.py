"""The Ray executor: one Tune run in which a searcher hands out a cell the moment its needs are committed.

There are no waves, so no core waits for the slowest cell of a round; actors are reused between cells with
equal resource requests, so Python and torch start once per worker and not once per cell.
"""

import json
import math
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from gridcell.cell import Cell, Resources
from gridcell.execute.cluster import bundles, check_resources, ray_cluster, survey
from gridcell.execute.head import watched_head
from gridcell.execute.listener import Listener
from gridcell.execute.outcome import Outcome, failure_from
from gridcell.execute.schedule import Schedule
from gridcell.execute.stall import watched
from gridcell.execute.work import run_cell
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.task import Task

if TYPE_CHECKING:
    from ray import ObjectRef

    from gridcell.execute.searcher import CellSearcher

REPORT_EVERY_S = 5.0  # each report makes the cell wait for the driver for some milliseconds


def run_on_ray(
    task: Task,
    grid: Grid,
    schedule: Schedule,
    store: Store,
    listener: Listener,
    *,
    address: str | None = None,
    num_cpus: int | None = None,
    max_concurrent: int | None = None,
    stall_timeout_s: float | None = None,
    report_every_s: float = REPORT_EVERY_S,
) -> None:
    """Run what ``schedule`` hands out on a Ray cluster until nothing is left.

    Args:
        task: the plug-in whose cells these are.
        grid: all cells.
        schedule: order and retries.
        store: where results go; every node must reach it under the same URI.
        listener: is told what happens.
        address: of a running cluster; without it one is started on this machine, reachable from it alone.
        num_cpus: cores of a cluster started here; all of this machine's by default.
        max_concurrent: run at most so many cells at once.
        stall_timeout_s: a cell that reports nothing for so long is ended and tried again; None for never.
        report_every_s: a cell's progress reaches the driver at most so often.

    Raises:
        UserError: the cluster can't be reached, or a cell asks for more than this machine has.
    """
    while not schedule.exhausted:
        with ray_cluster(address, num_cpus):
            if address is None:
                check_resources(schedule.queued())
                processors = os.cpu_count() or 1
            else:
                processors = survey(task, address)
            # Not before: this imports Ray, which then reads where it may listen.
            from gridcell.execute.searcher import CellSearcher

            searcher = CellSearcher(
                schedule,
                store,
                listener,
                max_concurrent=max_concurrent or math.inf,
                ask_beyond=address is not None,
                processors=processors,
            )
            try:
                _run_on_cluster(
                    task, grid, schedule, store, searcher, address, stall_timeout_s, report_every_s
                )
            except RuntimeError as error:
                if not _is_short_of_memory(error):
                    raise
                searcher.all_lost("a node ran short of memory, and Ray ended workers there")


def _run_on_cluster(
    task: Task,
    grid: Grid,
    schedule: Schedule,
    store: Store,
    searcher: "CellSearcher",
    address: str | None,
    stall_timeout_s: float | None,
    report_every_s: float,
) -> None:
    import ray
    from ray import tune

    from gridcell.execute.searcher import NoPreference, StartWatch

    _start_workers_in_one_step()
    records = ray.put({cell.id: cell.to_record() for cell in grid.cells.values()})
    # Workers run in folders of their own, where a relative path would lead elsewhere.
    where = store.folder.root if store.folder.is_local else store.uri
    trainable = _trainable(task, records, where, dict(grid.locations), report_every_s, stall_timeout_s)
    with tempfile.TemporaryDirectory(prefix="gridcell-tune-", ignore_cleanup_errors=True) as folder:
        tuner = tune.Tuner(
            tune.with_resources(trainable, _resources),
            tune_config=tune.TuneConfig(
                search_alg=searcher, scheduler=NoPreference(), num_samples=-1, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                storage_path=folder, name="grid", verbose=0, callbacks=[StartWatch(searcher)]
            ),
        )
        with watched_head(ray.get_runtime_context().gcs_address) if address else nullcontext():
            tuner.fit()


def _start_workers_in_one_step() -> None:
    """Let Ray start a trial's process as it is.

    Tune names an environment for it, with a variable that was for an older Lightning. To set it, Ray would
    start Python and import itself twice for each worker. Tune has no public switch for it.
    """
    from ray.tune.execution import class_cache

    class_cache.DEFAULT_ENV_VARS.clear()


def _is_short_of_memory(error: BaseException | None) -> bool:
    """Tell whether Tune gave up because Ray's memory monitor ended a worker, an error that Tune doesn't know.

    Its run can't go on then; another one can, once this one's cluster or connection is closed.
    """
    import ray

    while error is not None and not isinstance(error, ray.exceptions.OutOfMemoryError):
        error = error.__cause__
    return error is not None


def _resources(config: Mapping[str, Any]) -> Any:
    from ray import tune

    resources = Resources(config["cpus"], config["gpus"], config["workers"])
    # Of several workers each has a bundle; the trial, which only waits for them, has an empty one.
    return tune.PlacementGroupFactory(([{}] if resources.workers > 1 else []) + bundles(resources))


def _trainable(
    task: Task,
    records: "ObjectRef",
    store_uri: str,
    locations: Mapping[str, str],
    report_every_s: float,
    stall_timeout_s: float | None,
) -> Any:
    """Build the function that a worker runs for each cell; it always returns, whatever the cell does."""

    def work(config: dict[str, Any]) -> dict[str, Any]:
        try:
            cell = _cell(records, config["cell"])
            store = Store(store_uri)
            throttled = _ThrottledReport(report_every_s)
            with watched(cell, store, throttled, stall_timeout_s) as reporter:
                outcome = run_cell(
                    cell,
                    task,
                    store,
                    locations=locations,
                    reporter=reporter,
                    oom_halvings=config["oom_halvings"],
                )
        except Exception as error:  # for instance a store that this node can't open
            outcome = Outcome(config["cell"], 0.0, failure=failure_from(error))
        failure = outcome.failure.to_record() if outcome.failure else None
        ended = {"seconds": outcome.seconds, "metrics": dict(outcome.metrics), "failure": failure}
        return {"outcome": json.dumps({**ended, "step": outcome.step})}

    return work


_fetched: dict[str, Mapping[str, Any]] = {}


def _cell(records: "ObjectRef", cell_id: str) -> Cell:
    """Return a cell of the grid, which a worker process fetches once."""
    import ray

    key = records.hex()
    if key not in _fetched:
        _fetched.clear()
        _fetched[key] = ray.get(records)
    return Cell.from_record(_fetched[key][cell_id])


class _ThrottledReport:
    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last = time.monotonic()

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        if time.monotonic() - self._last >= self._every_s:
            from ray import tune

            tune.report({"progress": json.dumps([step, dict(metrics)])})
            self._last = time.monotonic()
