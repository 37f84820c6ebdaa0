"""Looking over a map: what can be walked to, where the unknown begins, and the way there."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.local_map import EMPTY, LocalMap
from farmap.world.view import UNKNOWN

Cell = tuple[int, int]

STEPS = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])  # by heading: up, down, left, right


class Clusters(NamedTuple):
    """Frontier clusters, eight-connected groups of unknown cells beside cells that can be walked to.

    Attributes:
        size: cells, int64 (clusters,).
        centroid: float64 (clusters, 2).
        goal: the subgoal, int64 (clusters, 2): of the empty cells beside the cluster the one nearest to the
            centroid. Beside it, so that something new is seen there whatever the cluster's shape.
        target: the cluster's cell to look at from there, int64 (clusters, 2).
    """

    size: NDArray[np.int64]
    centroid: NDArray[np.float64]
    goal: NDArray[np.int64]
    target: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.size)


class Survey:
    """Shortest paths from a cell over empty ones, and the frontier that they reach.

    Args:
        chart: the map.
        start: where from, in the map's coordinates; taken as empty.
        gates: (row, column, heading) of steps that must not be taken, for they leave the map.
        beyond: cells that count as known, for they belong to other maps.

    Attributes:
        clusters: all frontier clusters.
        frontier: number of frontier cells.
        empty: number of known empty cells.
    """

    def __init__(
        self,
        chart: LocalMap,
        start: Cell,
        gates: NDArray[np.int64] | None = None,
        beyond: NDArray[np.int64] | None = None,
    ) -> None:
        top, left = int(chart.bounds[0]) - 1, int(chart.bounds[2]) - 1
        box = chart.colours[0, top : chart.bounds[1] + 2, left : chart.bounds[3] + 2]
        self._corner = np.array([top - chart.origin[0], left - chart.origin[1]])
        none = np.empty((0, 3), np.int64)
        self._distances, self._arrivals, self.empty = _search(
            box,
            start[0] - self._corner[0],
            start[1] - self._corner[1],
            none if gates is None else gates - (*self._corner, 0),
        )
        size, centroid, goal, target = _clusters(
            box, self._distances, none[:, :2] if beyond is None else beyond - self._corner
        )
        self.clusters = Clusters(size, centroid + self._corner, goal + self._corner, target + self._corner)
        self.frontier = int(size.sum())

    @property
    def quotient(self) -> float:
        """Frontier cells per empty cell, q in Hwang et al. 2024, section 3.3."""
        return self.frontier / max(1, self.empty)

    def distance(self, row: int, column: int) -> int:
        """Return the steps to a cell, -1 where no way is known."""
        r, c = row - self._corner[0], column - self._corner[1]
        height, width = self._distances.shape
        return int(self._distances[r, c]) if 0 <= r < height and 0 <= c < width else -1

    def path(self, row: int, column: int) -> list[int]:
        """Return the headings of a shortest path to a cell that can be walked to."""
        headings = []
        r, c = row - self._corner[0], column - self._corner[1]
        while self._distances[r, c] > 0:
            heading = int(self._arrivals[r, c])
            headings.append(heading)
            r, c = r - STEPS[heading, 0], c - STEPS[heading, 1]
        return headings[::-1]


Weight = Callable[[Clusters, NDArray[np.int64]], NDArray[np.float64]]
"""Clusters and the steps to their goals (at least 1), int64 (clusters,) -> a weight each, not negative."""


def choose(survey: Survey, weight: Weight, chance: float) -> int:
    """Choose a cluster at random in proportion to a weight.

    Clusters of fewer than three cells are left out, unless all are so small: then all but the largest are.

    Args:
        survey: with at least one cluster.
        weight: of each cluster.
        chance: uniform in [0, 1).
    """
    clusters = survey.clusters
    steps = np.array([max(1, survey.distance(*goal)) for goal in clusters.goal.tolist()])
    weights = weight(clusters, steps) * (clusters.size >= min(3, clusters.size.max()))
    return int(np.searchsorted(np.cumsum(weights), chance * weights.sum(), side="right"))


def towards(start: Cell, target: Cell) -> int:
    """Return a heading in which an adjacent cell (eight neighbours) lies ahead."""
    if start[0] != target[0]:
        return 0 if target[0] < start[0] else 1
    return 2 if target[1] < start[1] else 3


@njit(cache=True)
def _search(
    box: NDArray[np.int32], row: int, column: int, gates: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int8], int]:
    """Search breadth first; returns distances (-1: none), headings of arrival, number of empty cells."""
    height, width = box.shape
    shut = np.zeros((height, width), np.uint8)
    for i in range(len(gates)):
        r, c, heading = gates[i]
        if 0 <= r < height and 0 <= c < width:
            shut[r, c] |= 1 << heading
    empty = 0
    for r in range(height):
        for c in range(width):
            empty += box[r, c] == EMPTY
    distances = np.full((height, width), -1, np.int32)
    arrivals = np.zeros((height, width), np.int8)
    queue = np.empty((height * width, 2), np.int32)
    queue[0, 0], queue[0, 1] = row, column
    distances[row, column] = 0
    head, tail = 0, 1
    while head < tail:
        r, c = queue[head]
        head += 1
        for turn in range(4):
            # The heading of arrival first: where paths are equally short, the straighter one is taken.
            heading = (arrivals[r, c] + turn) % 4
            if shut[r, c] & (1 << heading):
                continue
            rr, cc = r + STEPS[heading, 0], c + STEPS[heading, 1]
            if 0 <= rr < height and 0 <= cc < width and distances[rr, cc] < 0 and box[rr, cc] == EMPTY:
                distances[rr, cc] = distances[r, c] + 1
                arrivals[rr, cc] = heading
                queue[tail, 0], queue[tail, 1] = rr, cc
                tail += 1
    return distances, arrivals, empty


@njit(cache=True)
def _clusters(
    box: NDArray[np.int32], distances: NDArray[np.int32], beyond: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Group the unknown cells beside reached ones; see ``Clusters``."""
    height, width = box.shape
    waiting = np.zeros((height, width), np.bool_)
    for r in range(height):
        for c in range(width):
            if box[r, c] == UNKNOWN:
                for rr in range(max(0, r - 1), min(height, r + 2)):
                    for cc in range(max(0, c - 1), min(width, c + 2)):
                        waiting[r, c] |= distances[rr, cc] >= 0 and box[rr, cc] == EMPTY
    for i in range(len(beyond)):
        if 0 <= beyond[i, 0] < height and 0 <= beyond[i, 1] < width:
            waiting[beyond[i, 0], beyond[i, 1]] = False
    cells = np.empty((waiting.sum(), 2), np.int64)
    ends = np.empty(len(cells) + 1, np.int64)
    ends[0] = 0
    count = tail = 0
    for r in range(height):
        for c in range(width):
            if not waiting[r, c]:
                continue
            head = tail
            waiting[r, c] = False
            cells[tail, 0], cells[tail, 1] = r, c
            tail += 1
            while head < tail:
                y, x = cells[head]
                head += 1
                for rr in range(max(0, y - 1), min(height, y + 2)):
                    for cc in range(max(0, x - 1), min(width, x + 2)):
                        if waiting[rr, cc]:
                            waiting[rr, cc] = False
                            cells[tail, 0], cells[tail, 1] = rr, cc
                            tail += 1
            count += 1
            ends[count] = tail
    size = np.empty(count, np.int64)
    centroid = np.empty((count, 2), np.float64)
    goal = np.zeros((count, 2), np.int64)
    target = np.zeros((count, 2), np.int64)
    for cluster in range(count):
        begin, end = ends[cluster], ends[cluster + 1]
        size[cluster] = end - begin
        centroid[cluster, 0] = cells[begin:end, 0].mean()
        centroid[cluster, 1] = cells[begin:end, 1].mean()
        nearest = np.inf
        for i in range(begin, end):
            y, x = cells[i]
            for rr in range(max(0, y - 1), min(height, y + 2)):
                for cc in range(max(0, x - 1), min(width, x + 2)):
                    if distances[rr, cc] >= 0 and box[rr, cc] == EMPTY:
                        apart = (rr - centroid[cluster, 0]) ** 2 + (cc - centroid[cluster, 1]) ** 2
                        if apart < nearest:
                            nearest = apart
                            goal[cluster, 0], goal[cluster, 1] = rr, cc
                            target[cluster, 0], target[cluster, 1] = y, x
    return size, centroid, goal, target
