"""The Ray executor: one Tune run in which a searcher hands out a cell the moment its needs are committed.

There are no waves, so no core waits for the slowest cell of a round; actors are reused between cells with
equal resource requests, so Python and torch start once per worker and not once per cell.
"""

import contextlib
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from unittest import mock

from gridcell.cell import Resources
from gridcell.execute.cluster import bundles, check_resources, ray_cluster, survey
from gridcell.execute.head import watched_head
from gridcell.execute.listener import Listener
from gridcell.execute.schedule import Schedule
from gridcell.execute.trial_actor import GridWork, TrialActor, left_out_by_the_driver
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.task import Task

if TYPE_CHECKING:
    from gridcell.execute.searcher import CellSearcher

REPORT_EVERY_S = 5.0  # each report costs the driver some milliseconds


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

    records = ray.put({cell.id: cell.to_record() for cell in grid.cells.values()})
    # Workers run in folders of their own, where a relative path would lead elsewhere.
    where = store.folder.root if store.folder.is_local else store.uri
    work = GridWork(task, records, where, dict(grid.locations), report_every_s, stall_timeout_s)
    with tempfile.TemporaryDirectory(prefix="gridcell-tune-", ignore_cleanup_errors=True) as folder:
        tuner = tune.Tuner(
            _trainable(),
            tune_config=tune.TuneConfig(
                search_alg=searcher, scheduler=NoPreference(), num_samples=-1, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                name="grid",
                verbose=0,
                callbacks=[StartWatch(searcher)],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # cells save their own
            ),
        )
        watched = watched_head(ray.get_runtime_context().gcs_address) if address else contextlib.nullcontext()
        actor = type("TrialActor", (TrialActor,), {"work": work})
        # Workers of a cluster that is started here have the driver's environment anyway.
        with watched, _light_start(actor, propagate=address is not None):
            tuner.fit()


@contextlib.contextmanager
def _light_start(actor: type, *, propagate: bool) -> Iterator[None]:
    """Let Tune start a run, and the workers that run its trials, without imports that serve nothing here.

    Tune has no public switch for any of this:

    - its trials run in ``actor``, started as Ray starts any other, where it would use a Trainable;
    - what it sends along for that is left out, for to unpickle it a worker would import Tune;
    - so is a variable that was for an older Lightning: to set any, Ray starts Python and imports itself twice
      for each worker. With ``propagate`` those are set that Tune passes on where the driver has them, such as
      credentials of an object store;
    - callbacks aren't counted for usage statistics, which are off, but would import MLflow in the driver.
    """
    import ray
    from ray.air._internal import usage
    from ray.train._internal.storage import StorageContext
    from ray.tune.execution import class_cache
    from ray.tune.experiment.trial import _TrialInfo
    from ray.util import deregister_serializer, register_serializer

    passed_on = class_cache.ENV_VARS_TO_PROPAGATE if propagate else set()
    variables = {name: os.environ[name] for name in passed_on if name in os.environ}
    remote = ray.remote(runtime_env={"env_vars": variables} if variables else {})(actor)
    left_out = (StorageContext, _TrialInfo)
    for kind in left_out:
        register_serializer(kind, serializer=lambda _: None, deserializer=left_out_by_the_driver)
    try:
        with (
            mock.patch.object(class_cache._ActorClassCache, "get", return_value=remote),
            mock.patch.object(usage, "tag_callbacks"),
        ):
            yield
    finally:
        for kind in left_out:
            deregister_serializer(kind)


def _is_short_of_memory(error: BaseException | None) -> bool:
    """Tell whether Tune gave up because Ray's memory monitor ended a worker, an error that Tune doesn't know.

    Its run can't go on then; another one can, once this one's cluster or connection is closed.
    """
    import ray

    while error is not None and not isinstance(error, ray.exceptions.OutOfMemoryError):
        error = error.__cause__
    return error is not None


def _trainable() -> Any:
    """Return what Tune takes for the class of its trials: it knows what each asks for, and no more."""
    from ray import tune

    class CellTrial(tune.Trainable):
        @classmethod
        def default_resource_request(cls, config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
            resources = Resources(config["cpus"], config["gpus"], config["workers"])
            # Of several workers each has a bundle; the trial, which only waits for them, has an empty one.
            return tune.PlacementGroupFactory(([{}] if resources.workers > 1 else []) + bundles(resources))

    return CellTrial
