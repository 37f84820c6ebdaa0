"""The Ray executor: one Tune run in which a searcher hands out a cell the moment its needs are committed.

There are no waves, so no core waits for the slowest cell of a round; actors are reused between cells with
equal resource requests, so Python and torch start once per worker and not once per cell.
"""

import contextlib
import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gridcell.cell import Cell
from gridcell.cluster.reach import LOOPBACK_ONLY, prepare_to_reach
from gridcell.errors import UserError
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

REPORT_EVERY_S = 5.0  # each report makes the cell wait for the driver for some milliseconds

# Ray reads these when it is imported or started. Its state snapshots serve Tuner.restore, which the store
# makes unnecessary, so they are taken as rarely as possible.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "600",
}


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
    with ray_session(address, num_cpus):
        import ray
        from ray import tune

        from gridcell.execute.searcher import CellSearcher, StartWatch

        if address is None:
            _check_resources(schedule.queued())
        else:
            _check_importable(task, address)
        records = ray.put({cell.id: cell.to_record() for cell in grid.cells.values()})
        # Workers run in folders of their own, where a relative path would lead elsewhere.
        where = store.folder.root if store.folder.is_local else store.uri
        trainable = _trainable(task, records, where, dict(grid.locations), report_every_s, stall_timeout_s)
        searcher = CellSearcher(schedule, store, listener, max_concurrent or math.inf)
        with tempfile.TemporaryDirectory(prefix="gridcell-tune-", ignore_cleanup_errors=True) as folder:
            tuner = tune.Tuner(
                tune.with_resources(trainable, _resources),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    num_samples=-1,
                    reuse_actors=True,
                ),
                run_config=tune.RunConfig(
                    storage_path=folder, name="grid", verbose=0, callbacks=[StartWatch(searcher)]
                ),
            )
            tuner.fit()


@contextlib.contextmanager
def ray_session(address: str | None, num_cpus: int | None) -> Iterator[None]:
    """Be connected to a running cluster, or to one started here that is reachable from here alone.

    Raises:
        UserError: there is no such cluster, or none can be started.
    """
    for name, value in (_ENVIRONMENT | ({} if address else LOOPBACK_ONLY)).items():
        os.environ.setdefault(name, value)
    if address is not None:
        prepare_to_reach(address)
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "include_dashboard": False}
    try:
        if address is None:
            ray.init(address="local", num_cpus=num_cpus, **quiet)
        else:
            quiet.pop("include_dashboard")
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at '{address}'" if address else "on this machine"
        raise UserError(f"No Ray cluster {where}: {' '.join(str(error).split())}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_resources(cells: list[Cell]) -> None:
    import ray

    there = ray.cluster_resources()
    for cell in cells:
        asked = {"CPU": cell.resources.cpus, "GPU": cell.resources.gpus}
        for name, amount in asked.items():
            if amount > there.get(name, 0):
                have = f"{there.get(name, 0):g}"
                raise UserError(
                    f"Cell {cell.title} asks for {amount:g} {name}, but this machine offers {have}"
                )


def _check_importable(task: Task, address: str) -> None:
    """Refuse a cluster whose workers lack the code: each cell would look like a node that goes away."""
    import ray
    from ray.exceptions import RayError

    name = task.name

    def find() -> None:  # by value, so that the error is this one's and not that of unpickling it
        from gridcell.task import find_task

        find_task(name)

    try:
        ray.get(ray.remote(num_cpus=0)(find).remote())
    except RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(
            f"The workers of the cluster at '{address}' can't load the task '{name}' ({reason}): install it "
            "there, or send it along by 'gridcell submit'"
        ) from error


def _resources(config: Mapping[str, Any]) -> Any:
    from ray import tune

    bundle = {"CPU": float(config["cpus"])} | ({"GPU": config["gpus"]} if config["gpus"] else {})
    return tune.PlacementGroupFactory([bundle])


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
        return {"outcome": json.dumps(ended)}

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
