"""The process that runs cells one after another: a Trainable of Tune. Importing this imports Ray Tune."""

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

from ray import tune

from gridcell.cell import Cell, Resources
from gridcell.context import Reporter
from gridcell.debugging import Debugging
from gridcell.errors import NodeUnusable, UserError
from gridcell.execute.attempt import Attempt
from gridcell.execute.cluster import bundles
from gridcell.execute.draining import when_draining
from gridcell.execute.ending import hear_in
from gridcell.execute.last_words import leave_last_words, this_process
from gridcell.execute.outcome import Failure, FailureClass, Outcome, failure_from
from gridcell.execute.received import receive
from gridcell.execute.run_cell import run_cells
from gridcell.execute.stall import watched
from gridcell.notice import NOTICE
from gridcell.plugins import Sent
from gridcell.printable import print_anything
from gridcell.store import Store
from gridcell.store.mark import ADVICE, of_its_own, sees_mark
from gridcell.store.patience import is_refused
from gridcell.store.scratch import Scratch, sweep
from gridcell.task import Task

if TYPE_CHECKING:
    from ray import ObjectRef

BEGUN = "begun"
"""Key of a trial's first result, which says that a worker has begun its cell."""

PROCESS = "process"
"""Key in that result which holds this worker, as JSON."""

PROGRESS = "progress"
"""Key of a result that holds what a running cell reported, as JSON: [step, metrics]."""

OUTCOME = "outcome"
"""Key of a result that holds how a cell ended, as JSON; of the trial's last result, for its last cell."""

NOT_BEGUN = "not begun"
"""Key of a trial's only result, where its worker was told to end before it began."""

CELL = "cell"
"""Key of the id of the cell that a result is about, where a trial has several."""


@dataclass(frozen=True)
class GridWork:
    """What is the same for all cells of a run.

    Attributes:
        task_ref: whose cells these are, in Ray's object store; it may lie in a plug-in.
        plugins: files of the user's own, which this process loads first.
        records: id -> record of each cell, in Ray's object store.
        store_uri: where results go.
        locations: name -> path or URI of data on each machine.
        origin: what the results' provenance says of the run.
        report_every_s: a cell's progress is passed on at most so often.
        stall_timeout_s: a cell that reports nothing for so long is ended; None for never.
        debugging: how cells are cut short or watched.
        watches_drains: whether nodes may be taken away in an orderly way.
        mark: that the driver left in the store (``store.mark``); empty for none.

    A trial's own configuration: ``cells``, of each of which it says ``cell``, its id; ``attempt``, the name
    of the trial; what each cell asks for. And, where there is something to say, ``avoid``, Ray's ids of the
    nodes that it must not run on; of a cell ``oom_halvings``; ``replaces``, the stamp of the stale record
    in whose place its result comes; ``added``, as JSON, the record and all locations, where it came later.
    """

    task_ref: "ObjectRef"
    plugins: tuple[Sent, ...]
    records: "ObjectRef"
    store_uri: str
    locations: Mapping[str, str]
    origin: Mapping[str, Any]
    report_every_s: float
    stall_timeout_s: float | None
    debugging: Debugging = field(default_factory=Debugging)
    watches_drains: bool = False
    mark: str = ""

    @cached_property
    def lost_here(self) -> str:
        """Why results of this node would not reach the driver, empty where they do.

        It is looked for once in each worker, since nodes may come later than the driver looks at all of them.
        """
        if not self.mark:
            return ""
        if not sees_mark(self.store_uri, self.mark):
            return of_its_own(self.store_uri)
        try:
            Store(self.store_uri).folder.check_writable()
        except UserError as error:
            if is_refused(error.__cause__):  # all else is told of the cell that meets it
                return f"can't write the storage '{self.store_uri}' ({error.__cause__})"
        return ""

    @cached_property
    def task(self) -> Task:
        """Load the plug-ins and the task, once in each worker."""
        import ray

        receive(self.plugins)
        task: Task = ray.get(self.task_ref)
        return task

    @cached_property
    def cells(self) -> Mapping[str, Any]:
        """Return id -> record of each cell, fetched once by each worker."""
        import ray

        return ray.get(self.records)


@lru_cache(maxsize=256)
def _request(resources: Resources, avoided: str) -> tune.PlacementGroupFactory:
    """Return one object for all equal requests: Tune keeps that of every trial, of two kilobytes each.

    Args:
        resources: of a cell.
        avoided: Ray's ids of nodes, separated by commas.
    """
    asked = bundles(resources)
    selector = dict(resources.labels) | ({"ray.io/node-id": f"!in({avoided})"} if avoided else {})
    where = {"bundle_label_selector": [selector] * len(asked)} if selector else {}
    return tune.PlacementGroupFactory(([{}] if resources.workers > 1 else []) + asked, **where)


class CellTrial(tune.Trainable):
    """Runs the cells that its configuration names in one pass, mostly one cell, for one trial after another.

    They run in a thread of its own, so that they don't wait for the driver when they report.
    """

    @classmethod
    def default_resource_request(cls, config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
        """Return what a cell occupies.

        Of several workers each has a bundle; the trial, which only waits for them, has an empty one.
        """
        more = json.loads(config.get("more") or "{}")
        resources = Resources(config["cpus"], config["gpus"], config["workers"], **more)
        return _request(resources, ",".join(config.get("avoid", ())))

    def setup(self, config: dict[str, Any], work: GridWork) -> None:
        """Begin in an empty folder of this process's own, so that cells' relative paths don't meet."""
        print_anything()
        sweep()
        self._folder = Scratch("worker")
        os.chdir(self._folder.path)
        self._work = work
        hear_in(self._folder.path, NOTICE)
        self._drained = False
        if work.watches_drains:
            when_draining(this_process().node, self._leave_node)
        self._said: SimpleQueue[tuple[str, int, Mapping[str, float]] | Outcome] = SimpleQueue()
        self._left = 0  # cells of this trial that have not ended

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial's configuration."""
        return True

    def step(self) -> dict[str, Any]:
        """Begin the cells, or wait until one reports or ends, and return which.

        Tune calls again until all have ended. After the notice nothing begins.
        """
        if not self._left:
            if self._drained:
                self._end(Failure(FailureClass.PREEMPTED, "its node is drained"))
            if NOTICE.given:
                return {NOT_BEGUN: True, "done": True}
            self._left = len(self.config["cells"])
            threading.Thread(target=self._run, args=(self.config,), daemon=True, name="cell").start()
            process = replace(this_process(), folder=str(self._folder.path))
            return {BEGUN: True, PROCESS: json.dumps(asdict(process)), "done": False}
        said = self._said.get()
        several = len(self.config["cells"]) > 1
        if not isinstance(said, Outcome):
            cell, step, metrics = said
            about = {CELL: cell} if several else {}
            return {PROGRESS: json.dumps([step, metrics]), **about, "done": False}
        self._left -= 1
        leaves = self._drained and not self._left  # the other cells of a pass have the time that is left
        if said.failure is not None and (said.failure.ends_process or leaves):
            self._end(said.failure)
        about = {CELL: said.cell} if several else {}
        return {OUTCOME: json.dumps(self._told(said)), **about, "done": not self._left}

    def _told(self, outcome: Outcome) -> dict[str, Any]:
        """Return what the driver is told of how a cell ended; its other metrics are in the store."""
        shown = self._work.task.progress_metric
        return {
            "seconds": outcome.seconds,
            "metrics": {name: value for name, value in outcome.metrics.items() if name == shown},
            "failure": outcome.failure.to_record() if outcome.failure else None,
            "step": outcome.step,
            "shared": outcome.shared,
            "elapsed": outcome.elapsed,
        }

    def _leave_node(self) -> None:
        self._drained = True
        NOTICE.give()

    def _end(self, failure: Failure) -> NoReturn:
        """End this process, which may be unusable, or whose node is; say why first."""
        work = self._work
        try:
            cell = _cell(self.config["cells"][0], work)
            leave_last_words(cell, Store(work.store_uri).hold(), failure, self.config["attempt"])
            self.cleanup()
        finally:
            os._exit(1)

    def cleanup(self) -> None:
        """Remove this process's folder."""
        self._folder.remove()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: cells keep checkpoints of their own in the store."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Do nothing: cells keep checkpoints of their own in the store."""

    def _run(self, config: Mapping[str, Any]) -> None:
        """Run the cells; each that has not ended when an error passes through fails by it."""
        open_ = [each["cell"] for each in config["cells"]]

        def ended(outcome: Outcome) -> None:
            open_.remove(outcome.cell)
            self._said.put(outcome)

        try:
            self._run_cells(config, ended)
        except BaseException as error:  # a store that this node can't open, or another one
            failure = replace(failure_from(error), ends_process=False)  # last words would stay on this node
            for cell_id in open_.copy():
                ended(Outcome(cell_id, 0.0, failure=failure, shared=len(config["cells"]) > 1))

    def _run_cells(self, config: Mapping[str, Any], ended: Callable[[Outcome], None]) -> None:
        work = self._work
        if work.lost_here:
            raise NodeUnusable(f"The node {platform.node()} {work.lost_here}: {ADVICE}")
        cells, store = [_cell(each, work) for each in config["cells"]], Store(work.store_uri).hold()
        with watched(cells[0], store, None, work.stall_timeout_s, config["attempt"]) as alive:
            attempts = [
                Attempt(
                    cell,
                    work.task,
                    store,
                    json.loads(each["added"])["locations"] if "added" in each else work.locations,
                    each.get("oom_halvings", 0),
                    self._throttled_report(cell.id, alive),
                    replaces=each.get("replaces"),
                    origin=work.origin,
                    debugging=work.debugging,
                )
                for cell, each in zip(cells, config["cells"], strict=True)
            ]
            run_cells(attempts, _sign_of_life(ended, alive))

    def _throttled_report(self, cell_id: str, alive: Reporter | None) -> Reporter:
        last = time.monotonic()

        def report(step: int, metrics: Mapping[str, float]) -> None:
            nonlocal last
            if time.monotonic() - last >= self._work.report_every_s:
                self._said.put((cell_id, step, dict(metrics)))
                last = time.monotonic()
            if alive is not None:
                alive(step, metrics)

        return report


def _sign_of_life(ended: Callable[[Outcome], None], alive: Reporter | None) -> Callable[[Outcome], None]:
    """Let each cell of a pass that ends be a sign of life, as a report is."""

    def told(outcome: Outcome) -> None:
        ended(outcome)
        if alive is not None:
            alive(outcome.step or 0, {})

    return told


def _cell(told: Mapping[str, Any], work: GridWork) -> Cell:
    if "added" in told:
        return Cell.from_record(json.loads(told["added"])["record"])
    return Cell.from_record(work.cells[told["cell"]])
