"""A grid on a cluster that isn't there: the real scheduler, with a simulated clock and simulated faults.

It answers how long a grid would take on so many slots, how busy they would be, and what failing nodes would
cost, before anything is rented.
"""

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count

import numpy as np

from gridcell.cell import Cell
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.schedule import Schedule

LOST = Failure(FailureClass.PREEMPTED, "its simulated node was lost")


@dataclass(frozen=True)
class Cluster:
    """What is simulated.

    Attributes:
        nodes: how many.
        slots: cells that a node runs at once.
        gpu_types: kind of GPU of each node; empty where any cell runs on any node.
        overhead_s: added to each attempt: handing out, reading inputs, committing.
        losses_per_node_hour: rate at which a node is lost; 0 for never.
        repair_s: until a lost node is back.
        checkpoint_every_s: an interrupted cell goes on from its last checkpoint; infinity starts over.
        seed: of the losses.
    """

    nodes: int
    slots: int = 1
    gpu_types: tuple[str, ...] = ()
    overhead_s: float = 0.0
    losses_per_node_hour: float = 0.0
    repair_s: float = 300.0
    checkpoint_every_s: float = float("inf")
    seed: int = 0


@dataclass(frozen=True)
class Simulated:
    """How it went.

    Attributes:
        makespan_s: simulated seconds from start to the last commit.
        utilisation: share of all slots' time that went into work that was kept.
        wasted_s: slot seconds of work that was lost with a node and had to be done again.
        lost_nodes: how often a node was lost.
        finished: cells done.
        failed: cells given up, with those that need them.
        scheduling_s: real seconds that the scheduler itself took, in all.
    """

    makespan_s: float
    utilisation: float
    wasted_s: float
    lost_nodes: int
    finished: int
    failed: int
    scheduling_s: float


@dataclass(frozen=True)
class _Attempt:
    cell: str
    node: int
    begun: float


def simulate(schedule: Schedule, seconds: Mapping[str, float], cluster: Cluster) -> Simulated:
    """Run a schedule to its end on a simulated cluster, one cell a slot.

    Args:
        schedule: fresh; it is used up.
        seconds: id -> how long a cell works; 0 for those left out.
        cluster: where.

    Raises:
        ValueError: there is no slot.
    """
    if cluster.nodes < 1 or cluster.slots < 1:
        raise ValueError(f"{cluster.nodes} nodes with {cluster.slots} slots run nothing")
    return _Simulation(schedule, seconds, cluster).run()


class _Simulation:
    def __init__(self, schedule: Schedule, seconds: Mapping[str, float], cluster: Cluster) -> None:
        self._schedule = schedule
        self._left = defaultdict(float, seconds)  # work that is still to be done
        self._cluster = cluster
        self._free = [node for node in range(cluster.nodes) for _ in range(cluster.slots)]
        self._running: dict[int, _Attempt] = {}
        self._rng = np.random.default_rng(cluster.seed)
        self._numbers = count()  # of attempts and events: of two at one time, the one made first comes first
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._now = self._useful = self._wasted = self._scheduling = 0.0
        self._lost_nodes = 0

    def run(self) -> Simulated:
        for node in range(self._cluster.nodes):
            self._plan_loss(node)
        self._hand_out()
        while not self._schedule.exhausted:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
            self._hand_out()
        slots = self._cluster.nodes * self._cluster.slots
        return Simulated(
            makespan_s=self._now,
            utilisation=self._useful / (slots * self._now) if self._now else 0.0,
            wasted_s=self._wasted,
            lost_nodes=self._lost_nodes,
            finished=len(self._schedule.finished),
            failed=len(self._schedule.failed) + len(self._schedule.blocked),
            scheduling_s=self._scheduling,
        )

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._numbers), happen))

    def _hand_out(self) -> None:
        while self._free:
            begun = time.perf_counter()
            if self._cluster.gpu_types:
                cell = self._schedule.take(self._fits, lambda cell: not self._fits(cell))
            else:
                cell = self._schedule.take()
            self._scheduling += time.perf_counter() - begun
            if cell is None:
                return
            number = next(self._numbers)
            self._running[number] = _Attempt(cell.id, self._take_slot(cell), self._now)
            self._after(self._cluster.overhead_s + self._left[cell.id], partial(self._end, number))

    def _suits(self, node: int, cell: Cell) -> bool:
        types, asked = self._cluster.gpu_types, cell.resources.gpu_type
        return not types or not asked or types[node] == asked

    def _fits(self, cell: Cell) -> bool:
        return any(self._suits(node, cell) for node in self._free)

    def _take_slot(self, cell: Cell) -> int:
        place = next(at for at in reversed(range(len(self._free))) if self._suits(self._free[at], cell))
        return self._free.pop(place)

    def _end(self, number: int) -> None:
        attempt = self._running.pop(number, None)
        if attempt is None:
            return  # it was lost with its node
        self._free.append(attempt.node)
        self._useful += self._left[attempt.cell]
        self._settle(Outcome(attempt.cell, self._now - attempt.begun))

    def _plan_loss(self, node: int) -> None:
        if self._cluster.losses_per_node_hour:
            self._after(
                self._rng.exponential(3600 / self._cluster.losses_per_node_hour), partial(self._lose, node)
            )

    def _lose(self, node: int) -> None:
        self._lost_nodes += 1
        self._free = [other for other in self._free if other != node]
        for number in [number for number, attempt in self._running.items() if attempt.node == node]:
            attempt = self._running.pop(number)
            worked = max(0.0, self._now - attempt.begun - self._cluster.overhead_s)
            kept = worked - worked % self._cluster.checkpoint_every_s
            self._useful += kept
            self._wasted += worked - kept
            self._left[attempt.cell] -= kept
            self._settle(Outcome(attempt.cell, worked, failure=LOST))
        self._after(self._cluster.repair_s, partial(self._bring_back, node))

    def _bring_back(self, node: int) -> None:
        self._free += [node] * self._cluster.slots
        self._plan_loss(node)

    def _settle(self, outcome: Outcome) -> None:
        begun = time.perf_counter()
        self._schedule.finish(outcome)
        self._scheduling += time.perf_counter() - begun
