"""One cell on several worker processes, which run its function together, as ``torchrun`` would.

The workers are Ray actors in the bundles that were reserved for the cell, joined to one process group of
torch (gloo on CPUs, NCCL on GPUs), and they stay for the next cell: a grid of short cells starts them once.
``ray.train.TorchTrainer`` is not used here: it starts a controller and all its processes anew for each fit,
which takes longer than many a cell, and it reserves resources of its own beside those that Tune holds for the
trial that waits for it, so that each may wait for the other.
"""

import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gridcell import plugins
from gridcell.cell import Cell, Resources
from gridcell.context import Reporter
from gridcell.errors import UserError
from gridcell.execute.attempt import Attempt, run_in_this_process
from gridcell.execute.cluster import bundles, check_resources, ray_cluster
from gridcell.execute.draining import when_draining
from gridcell.execute.last_words import Process, ask_node, this_process
from gridcell.execute.outcome import Failure, FailureClass, Outcome, failure_from
from gridcell.execute.process_group import join_group
from gridcell.execute.received import receive
from gridcell.notice import NOTICE
from gridcell.store import Store
from gridcell.store.scratch import Scratch
from gridcell.task import Task

if TYPE_CHECKING:
    from ray import ObjectRef

POLL_S = 1.0  # how often worker 0 is asked for what its cell has reported
GRACE_S = 3.0
"""Seconds in which the other workers of a cell may say why, once one has failed."""


@contextlib.contextmanager
def processes_for(
    cells: Sequence[Cell], num_cpus: int | None = None
) -> Iterator[Callable[[Sequence[Cell]], None]]:
    """Start a cluster on this machine if one of the cells runs on several workers; end it afterwards.

    Yields:
        A function that does so, if there is none yet, for cells that are added later.

    Raises:
        UserError: this machine hasn't got what a cell asks for.
    """
    global _session
    with contextlib.ExitStack() as session:

        def provide(cells: Sequence[Cell]) -> None:
            if any(cell.resources.workers > 1 for cell in cells):
                ray = sys.modules.get("ray")
                if ray is None or not ray.is_initialized():
                    session.enter_context(ray_cluster(None, num_cpus))
                check_resources(cells)

        provide(cells)
        _session = session
        try:
            yield provide
        finally:
            _session = None
            _release()


@contextlib.contextmanager
def ray_here() -> Iterator[None]:
    """Give a cell a Ray for processes of its own: the one that runs it, else one that is started here.

    That one listens on loopback alone, where Ray wasn't imported before; among cells that run in this process
    it stays for the next, until all have run.

    Raises:
        TimeoutError: it doesn't start, as on a machine that is too busy. The cell is tried again.

    Example:
        >>> with ray_here():  # doctest: +SKIP
        ...     ray.get(ray.remote(len).remote("abc"))
        3
    """
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        yield
    elif _session is not None:
        _session.enter_context(_started())
        yield
    else:
        with _started():
            yield


@contextlib.contextmanager
def _started() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(ray_cluster(None, None))
        except UserError as error:  # what a run says that can't begin; a cell that is under way may try again
            raise TimeoutError(str(error)) from error
        yield


_session: contextlib.ExitStack | None = None  # of the cells that run in this process


def run_on_processes(attempt: Attempt, reporter: Reporter | None) -> Outcome:
    """Run a cell on several processes and return how it ended; worker 0 commits the result.

    The processes are started now, unless the last cell left processes with equal resources. If any of them
    fails, all are ended: the others may be waiting for it.
    """
    import ray

    global _current
    try:
        if _current is None or _current.resources != attempt.cell.resources:
            _release()
            _current = _Group(attempt.cell.resources)
        outcome = _current.run(attempt, reporter)
    except ray.exceptions.RayError as error:  # for instance a node lost while workers start
        outcome = Outcome(attempt.cell.id, 0.0, failure=_lost(error))
    except BaseException:
        _release()
        raise
    finally:
        NOTICE.heed(False)
    if outcome.failure is None:
        return outcome
    _release()
    # These processes are gone; the one that waited for them is none the worse.
    return replace(outcome, failure=replace(outcome.failure, ends_process=False))


class _Group:
    """Worker processes joined to one process group."""

    def __init__(self, resources: Resources) -> None:
        import ray
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        self.resources = resources
        self._actors: list[Any] = []
        self._rendezvous = Scratch("workers")
        # The trial's own, which Tune made of the same bundles; outside Tune there is none.
        self._reserved = ray.util.get_current_placement_group()
        self._own_reservation = self._reserved is None
        if self._reserved is None:
            labels = [dict(resources.labels)] * resources.workers if resources.labels else None
            self._reserved = ray.util.placement_group(bundles(resources), bundle_label_selector=labels)
        for rank in range(resources.workers):
            options = {
                "num_cpus": resources.cpus,
                "num_gpus": resources.gpus,
                "max_concurrency": 2,  # one that works, one that answers meanwhile
                "scheduling_strategy": PlacementGroupSchedulingStrategy(self._reserved, rank),
            }
            self._actors.append(ray.remote(_Worker).options(**options).remote(rank, resources))
        self._places: Sequence[_Place] = ()
        try:
            ray.get([actor.load.remote(plugins.to_send()) for actor in self._actors])
            self._join()
        except BaseException:
            self.close()
            raise

    def _join(self) -> None:
        import ray

        self._places = places = ray.get([actor.place.remote() for actor in self._actors])
        here = {ray.get_runtime_context().get_node_id()} == {place.process.node for place in places}
        # On one machine a file does, and nothing listens on the network.
        method = f"file://{self._rendezvous.path}/join" if here else f"tcp://{places[0].address}"
        ray.get([actor.join.remote(method, local=here) for actor in self._actors])

    def run(self, attempt: Attempt, reporter: Reporter | None) -> Outcome:
        """Run a cell on all workers at once and return how it ended."""
        import ray

        # Not the store itself: a node that can't open it tells so in an outcome.
        names = ("locations", "oom_halvings", "replaces", "beside", "origin", "debugging")
        told = {name: getattr(attempt, name) for name in names}
        order = (attempt.cell, attempt.task, attempt.store.uri, told)
        rank_of = {actor.work.remote(*order): rank for rank, actor in enumerate(self._actors)}
        waiting = list(rank_of)
        ended: dict[int, Outcome] = {}
        told_to_end: list[Any] = []
        while waiting and all(outcome.done for outcome in ended.values()):
            done, waiting = ray.wait(waiting, timeout=POLL_S)
            if NOTICE.given and not told_to_end:
                told_to_end = [actor.end_soon.remote() for actor in self._actors]
            ended |= {rank_of[ref]: self._result(ref, rank_of[ref], attempt.cell) for ref in done}
            self._pass_on(reporter)
        if waiting:
            done, _ = ray.wait(waiting, num_returns=len(waiting), timeout=GRACE_S)
            ended |= {rank_of[ref]: self._result(ref, rank_of[ref], attempt.cell) for ref in done}
        return _overall(ended)

    def _pass_on(self, reporter: Reporter | None) -> None:
        import ray

        with contextlib.suppress(ray.exceptions.RayActorError):  # its work says so too
            reports, heeded = ray.get(self._actors[0].news.remote())
            NOTICE.heed(heeded)
            if reporter is not None:
                for step, metrics in reports:
                    reporter(step, metrics)

    def _result(self, ref: "ObjectRef", rank: int, cell: Cell) -> Outcome:
        import ray

        try:
            return ray.get(ref)
        except ray.exceptions.RayError:
            return Outcome(cell.id, 0.0, failure=ask_node(self._places[rank].process))

    def close(self) -> None:
        """End the processes and give back what was reserved for them."""
        import ray

        for actor in self._actors:
            ray.kill(actor)
        if self._own_reservation:
            ray.util.remove_placement_group(self._reserved)
        self._rendezvous.remove()


_current: _Group | None = None  # of this process


def _release() -> None:
    global _current
    if _current is not None:
        _current.close()
        _current = None


def _lost(error: Exception) -> Failure:
    return Failure(FailureClass.PREEMPTED, f"a worker process or its node went away: {error}".strip())


def _overall(ended: Mapping[int, Outcome]) -> Outcome:
    """Return worker 0's outcome if all are done, else the failure that explains the others.

    A worker that lost another one tells nothing of the cause, so it counts last, and before it an error of
    communication (NCCL), which may be how it noticed.
    """
    failed = [
        (outcome, outcome.failure) for _, outcome in sorted(ended.items()) if outcome.failure is not None
    ]
    if not failed:
        return ended[0]
    secondary = (FailureClass.DEVICE, FailureClass.PREEMPTED)
    last = {failure_class: place for place, failure_class in enumerate(secondary, start=1)}
    return min(failed, key=lambda each: last.get(each[1].failure_class, 0))[0]


@dataclass(frozen=True)
class _Place:
    process: Process
    address: str


@dataclass
class _Worker:
    """One process of a group, as a Ray actor."""

    rank: int
    resources: Resources
    _reports: deque[tuple[int, Mapping[str, float]]] = field(default_factory=deque)

    def place(self) -> _Place:
        """Return this process, and an address on which its node can be reached."""
        import ray

        with socket.socket() as free:
            free.bind(("", 0))
            address = f"{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"
        when_draining(this_process().node, self.end_soon)
        return _Place(this_process(), address)

    def join(self, method: str, *, local: bool) -> None:
        """Join the process group of all workers."""
        join_group(self.rank, self.resources.workers, method, gpus=bool(self.resources.gpus), local=local)

    def load(self, sent: Sequence[plugins.Sent]) -> None:
        """Load the user's own files, one of which may hold the task."""
        receive(sent)

    def work(self, cell: Cell, task: Task, store_uri: str, told: Mapping[str, Any]) -> Outcome:
        """Run the cell's function, this worker's part of it."""
        reporter = self._report if self.rank == 0 else None
        try:
            attempt = Attempt(cell, task, Store(store_uri).hold(), reporter=reporter, **told)
            return run_in_this_process(attempt, self.rank)
        except BaseException as error:  # a store that this node can't open; ``sys.exit`` in a cell
            return Outcome(cell.id, 0.0, failure=failure_from(error))

    def _report(self, step: int, metrics: Mapping[str, float]) -> None:
        self._reports.append((step, metrics))

    def news(self) -> tuple[list[tuple[int, Mapping[str, float]]], bool]:
        """Return what the cell has reported since the last call, and whether it heeds a notice."""
        return [self._reports.popleft() for _ in range(len(self._reports))], NOTICE.heeded

    def end_soon(self) -> None:
        """Give notice that this process is to end soon."""
        NOTICE.give()
