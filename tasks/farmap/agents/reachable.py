"""Looking over a map: what can be walked to, where the unknown begins, and the way there."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.local_map import EMPTY
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


class Elsewhere(NamedTuple):
    """What other maps know.

    Attributes:
        counts: how many maps know a cell, int32 (height, width), as far as one beside what this map knows.
        row: index of this map's cell (0, 0) in it.
        column: likewise.
    """

    counts: NDArray[np.int32]
    row: int
    column: int


class Chart(Protocol):
    """A map to look over; see ``LocalMap``."""

    @property
    def colours(self) -> NDArray[np.int32]:
        """Of which the first counts, int32 (1 or more, height, width): -1 unknown, 0 empty, else a wall."""
        ...

    @property
    def origin(self) -> Cell:
        """Index of the cell (0, 0)."""
        ...

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Indices of the first and last rows and columns that hold known cells, int64 (4,)."""
        ...


_NOWHERE = Elsewhere(np.empty((0, 0), np.int32), 0, 0)
_NO_GATES = np.empty((0, 3), np.int64)
_NO_CELLS = np.empty((0, 2), np.int64)


class Survey:
    """Shortest paths from a cell over empty ones, and the frontier that they reach.

    Args:
        chart: the map.
        start: where from, in the map's coordinates; taken as empty.
        gates: (row, column, heading) of steps that must not be taken, for they leave the map.
        beyond: cells that count as known, for they belong to other maps.
        elsewhere: what other maps know, which is no frontier.

    Attributes:
        clusters: all frontier clusters.
        cells: of the frontier, int64 (frontier, 2).
        frontier: number of frontier cells.
        empty: number of known empty cells.
        shared: cells looked over that this map does not know, but others do.
        read: cells looked over, known or not.
    """

    def __init__(
        self,
        chart: Chart,
        start: Cell,
        gates: NDArray[np.int64] = _NO_GATES,
        beyond: NDArray[np.int64] = _NO_CELLS,
        elsewhere: Elsewhere = _NOWHERE,
    ) -> None:
        self._colours = chart.colours[0]
        self._origin = chart.origin
        found = _survey(self._colours, chart.bounds, *chart.origin, *start, gates, beyond, *elsewhere)
        self._distances, self._arrivals, self._top, self._left = found[:4]
        self.empty, self.cells, self.shared = found[4:7]
        self.clusters = Clusters(*found[7:])
        self.frontier = len(self.cells)
        self.read = self._distances.size

    @property
    def quotient(self) -> float:
        """Frontier cells per empty cell, q in Hwang et al. 2024, section 3.3."""
        return self.frontier / max(1, self.empty)

    @property
    def reached(self) -> NDArray[np.int64]:
        """All cells that can be walked to, int64 (n, 2), by row and column."""
        found: NDArray[np.int64] = np.argwhere(self._distances >= 0) + np.array([self._top, self._left])
        return found

    def distance(self, row: int, column: int) -> int:
        """Return the steps to a cell, -1 where no way is known."""
        r, c = row - self._top, column - self._left
        height, width = self._distances.shape
        return int(self._distances[r, c]) if 0 <= r < height and 0 <= c < width else -1

    def steps(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the steps to cells that can be walked to, at least 1 each: int64 (n, 2) -> (n,)."""
        found: NDArray[np.int64] = _steps(self._distances, self._top, self._left, cells)
        return found

    def nearest_gates(self, gates: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each group of gates the nearest one that no known wall shuts.

        Args:
            gates: (row, column, heading) of steps off the map, int64 (n, 3).
            starts: int64 (groups + 1,): group i has the gates ``starts[i] .. starts[i + 1] - 1``.

        Returns:
            int64 (groups, 2): steps to the gate, -1 where none can be walked to, and its number.
        """
        found: NDArray[np.int64] = _nearest_gates(
            self._colours, *self._origin, self._distances, self._top, self._left, gates, starts
        )
        return found

    def path(self, row: int, column: int) -> list[int]:
        """Return the headings of a shortest path to a cell that can be walked to."""
        path: NDArray[np.int64] = _path(self._distances, self._arrivals, row - self._top, column - self._left)
        return path.tolist()


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
    return int(_draw(weight(clusters, survey.steps(clusters.goal)), clusters.size, chance))


def towards(start: Cell, target: Cell) -> int:
    """Return a heading in which an adjacent cell (eight neighbours) lies ahead."""
    if start[0] != target[0]:
        return 0 if target[0] < start[0] else 1
    return 2 if target[1] < start[1] else 3


@njit(cache=True)
def _survey(
    colours: NDArray[np.int32],
    bounds: NDArray[np.int64],
    origin_row: int,
    origin_column: int,
    row: int,
    column: int,
    gates: NDArray[np.int64],
    beyond: NDArray[np.int64],
    counts: NDArray[np.int32],
    counts_row: int,
    counts_column: int,
) -> tuple[Any, ...]:
    """Look over the known part and one cell around it; see ``Survey`` for what comes back."""
    top, left = bounds[0] - 1, bounds[2] - 1
    box = colours[top : bounds[1] + 2, left : bounds[3] + 2]
    top, left = top - origin_row, left - origin_column
    corner = np.array([top, left])
    shut = gates.copy()
    shut[:, :2] -= corner
    distances, arrivals, empty, reached = _search(box, row - top, column - left, shut)
    if counts.size:
        first, across = top + counts_row, left + counts_column
        counts = counts[first : first + box.shape[0], across : across + box.shape[1]]
    size, centroid, goal, target, cells, shared = _clusters(box, distances, reached, beyond - corner, counts)
    return (
        distances,
        arrivals,
        top,
        left,
        empty,
        cells + corner,
        shared,
        size,
        centroid + corner,
        goal + corner,
        target + corner,
    )


@njit(cache=True)
def _nearest_gates(
    colours: NDArray[np.int32],
    origin_row: int,
    origin_column: int,
    distances: NDArray[np.int32],
    top: int,
    left: int,
    gates: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> NDArray[np.int64]:
    height, width = distances.shape
    found = np.full((len(starts) - 1, 2), -1)
    for group in range(len(starts) - 1):
        for i in range(starts[group], starts[group + 1]):
            row, column, heading = gates[i]
            r, c = row - top, column - left
            if not (0 <= r < height and 0 <= c < width) or distances[r, c] < 0:
                continue
            y, x = row + STEPS[heading, 0] + origin_row, column + STEPS[heading, 1] + origin_column
            inside = 0 <= y < colours.shape[0] and 0 <= x < colours.shape[1]
            if inside and colours[y, x] > EMPTY:
                continue
            if found[group, 0] < 0 or distances[r, c] < found[group, 0]:
                found[group, 0], found[group, 1] = distances[r, c], i
    return found


@njit(cache=True)
def _steps(distances: NDArray[np.int32], top: int, left: int, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.empty(len(cells), np.int64)
    for i in range(len(cells)):
        found[i] = max(1, distances[cells[i, 0] - top, cells[i, 1] - left])
    return found


@njit(cache=True)
def _draw(weights: NDArray[np.float64], size: NDArray[np.int64], chance: float) -> int:
    """Draw a number in proportion to weights, of those with at least three cells or the largest size."""
    least = min(3, size.max())
    total = 0.0
    for i in range(len(size)):
        total += weights[i] if size[i] >= least else 0.0
    drawn, above, last = chance * total, 0.0, 0
    for i in range(len(size)):
        if size[i] >= least and weights[i] > 0:
            above += weights[i]
            last = i
            if above > drawn:
                return i
    return last


@njit(cache=True)
def _path(
    distances: NDArray[np.int32], arrivals: NDArray[np.int8], row: int, column: int
) -> NDArray[np.int64]:
    headings = np.empty(distances[row, column], np.int64)
    for i in range(len(headings) - 1, -1, -1):
        heading = arrivals[row, column]
        headings[i] = heading
        row, column = row - STEPS[heading, 0], column - STEPS[heading, 1]
    return headings


@njit(cache=True)
def _search(
    box: NDArray[np.int32], row: int, column: int, gates: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int8], int, NDArray[np.int32]]:
    """Search breadth first; return distances (-1: none), headings of arrival, empty cells, those reached."""
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
    return distances, arrivals, empty, queue[:tail]


@njit(cache=True)
def _clusters(
    box: NDArray[np.int32],
    distances: NDArray[np.int32],
    reached: NDArray[np.int32],
    beyond: NDArray[np.int64],
    elsewhere: NDArray[np.int32],
) -> tuple[
    NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int
]:
    """Group the unknown cells beside reached ones; see ``Clusters`` and ``Survey`` for what comes back."""
    height, width = box.shape
    shared = 0
    waiting = np.zeros((height, width), np.bool_)
    for i in range(len(reached)):
        r, c = reached[i]
        if box[r, c] == EMPTY:
            for rr in range(max(0, r - 1), min(height, r + 2)):
                for cc in range(max(0, c - 1), min(width, c + 2)):
                    if box[rr, cc] == UNKNOWN:
                        waiting[rr, cc] = True
    if elsewhere.size:
        for r in range(height):
            for c in range(width):
                if elsewhere[r, c] > 0 and box[r, c] == UNKNOWN:
                    shared += 1
                    waiting[r, c] = False
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
    return size, centroid, goal, target, cells, shared
