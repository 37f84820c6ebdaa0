"""The Ray executor: one Tune run in which a searcher hands out a cell the moment its needs are committed.

There are no waves, so no core waits for the slowest cell of a round; actors are reused between cells with
equal resource requests, so Python and torch start once per worker and not once per cell.
"""

import contextlib
import math
import threading
from typing import TYPE_CHECKING

from gridcell import plugins
from gridcell.execute.allotted import usable_cpus
from gridcell.execute.cluster import check_nodes, check_resources, ray_cluster, warn_of_homeless
from gridcell.execute.draining import watched_drain
from gridcell.execute.head import watched_head
from gridcell.execute.options import GridRun
from gridcell.notice import NOTICE
from gridcell.store.mark import marked
from gridcell.store.scratch import scratch_folder

if TYPE_CHECKING:
    from gridcell.execute.searcher import CellSearcher


def run_on_ray(run: GridRun) -> None:
    """Run what the schedule hands out on a Ray cluster until nothing is left.

    Raises:
        KeyboardInterrupt: the run was asked to end.
        UserError: the cluster can't be reached, or a cell asks for more than this machine has.
    """
    # A node of a cluster may have a folder of its own by the storage's name.
    told = run.options.address is not None
    with marked(run.store.folder) if told else contextlib.nullcontext("") as mark:
        while not run.schedule.exhausted:
            _run_until_memory_is_short(run, mark)
            if run.schedule.stopped:  # also where cells still ran, on a cluster that went away
                return


def _run_until_memory_is_short(run: GridRun, mark: str) -> None:
    """Run what the schedule hands out until nothing is left, or Ray ended workers to free a node's memory."""
    options = run.options
    with ray_cluster(options.address, options.num_cpus):
        if options.address is None:
            check_resources(run.schedule.queued())
            run.check = check_resources
            processors = usable_cpus()
        else:
            processors = check_nodes(run.task, options.address, run.store.uri, mark)
            warn_of_homeless(run.schedule.queued(), options.address)
        # Not before: this imports Ray, which then reads where it may listen.
        from gridcell.execute.searcher import CellSearcher

        searcher = CellSearcher(
            run,
            max_concurrent=options.max_concurrent or math.inf,
            ask_beyond=options.address is not None,
            processors=processors,
        )
        try:
            _run_on_cluster(run, searcher, mark)
        except RuntimeError as error:
            killed = _short_of_memory(error)
            if killed is None:
                raise
            searcher.all_lost("a node ran short of memory, and Ray ended workers there", killed)


def _run_on_cluster(run: GridRun, searcher: "CellSearcher", mark: str) -> None:
    import ray
    from ray import tune

    from gridcell.execute.forgetful import Forgetful
    from gridcell.execute.searcher import NoPreference
    from gridcell.execute.trial import CellTrial, GridWork

    options = run.options
    records = ray.put({cell.id: cell.to_record() for cell in run.grid.cells.values()})
    work = GridWork(
        ray.put(run.task),
        plugins.to_send(),
        records,
        run.store.uri,
        dict(run.grid.locations),
        options.origin,
        options.report_every_s,
        options.stall_timeout_s,
        options.debugging,
        watches_drains=options.address is not None,
        mark=mark,
    )
    with scratch_folder("tune") as folder:
        tuner = tune.Tuner(
            tune.with_parameters(CellTrial, work=work),
            tune_config=tune.TuneConfig(
                search_alg=searcher, scheduler=NoPreference(), num_samples=-1, reuse_actors=True
            ),
            run_config=tune.RunConfig(
                storage_path=str(folder),
                name="grid",
                verbose=0,
                callbacks=[Forgetful()],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # cells save their own
            ),
        )
        head = ray.get_runtime_context().gcs_address
        watched = watched_head(head) if options.address else contextlib.nullcontext()
        leaving = threading.Event()  # the node through which this driver is connected goes away

        def leave() -> None:
            leaving.set()
            run.schedule.stop(f"the node of this driver, on the cluster at {head}, goes away")
            NOTICE.give()
            searcher.end_soon()

        node = ray.get_runtime_context().get_node_id()
        drained = watched_drain(node, leave) if options.address else contextlib.nullcontext()
        try:
            with watched, drained, NOTICE.passed_on(searcher.end_soon):
                tuner.fit()
            if NOTICE.given:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            if not leaving.is_set():
                raise


def _short_of_memory(error: BaseException | None) -> str | None:
    """Return what Ray's memory monitor said when it ended a worker, an error that Tune doesn't know.

    Tune's run can't go on then; another one can, once this one's cluster or connection is closed. None for
    any other error.
    """
    import ray

    while error is not None and not isinstance(error, ray.exceptions.OutOfMemoryError):
        error = error.__cause__
    return None if error is None else str(error)
