"""Shared knowledge: which cells of the world some fragment knows, in one frame for all of them."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.local_map import LocalMap, enlarged, growth, room
from farmap.agents.reachable import Cell, Elsewhere
from farmap.world.view import WINDOW

_FIRST = 128  # cells a side of a new atlas
_MARGIN = WINDOW + 2  # around the agent: what it sees, and the unknown cells beside that


class Atlas:
    """Per cell of the world the number of fragments that know it.

    It says *that* a cell is known, not what is there. Fragments have offsets in the frame of the first one,
    by the odometry at the places where they were tied together; so what others know is read off a slice and
    not by walks through the graph of fragments, and a step costs the same however large the world is.

    Attributes:
        known: cells that at least one fragment knows.
    """

    def __init__(self) -> None:
        self._counts = np.zeros((_FIRST, _FIRST), np.int32)
        self._origin = (_FIRST // 2, _FIRST // 2)
        self._room = room(self._counts.shape, self._origin, _MARGIN)
        self.known = 0

    def add(self, chart: LocalMap, place: Cell, position: Cell) -> int:
        """Take in what a chart learned by its last update.

        Args:
            chart: a fragment's.
            place: where the chart's cell (0, 0) lies in the atlas' frame.
            position: the agent's, in the chart's coordinates.

        Returns:
            How many of these cells no fragment knew.
        """
        self._make_room(position[0] + place[0], position[1] + place[1])
        offset = (place[0] + self._origin[0], place[1] + self._origin[1])
        new = int(_count(self._counts, chart.fresh, chart.learned, *offset))
        self.known += new
        return new

    def remove(self, chart: LocalMap, place: Cell) -> None:
        """Forget what a chart knew."""
        cells = chart.known_cells() + np.array(place) + self._origin
        counts = self._counts[cells[:, 0], cells[:, 1]] - 1
        self._counts[cells[:, 0], cells[:, 1]] = counts
        self.known -= int((counts == 0).sum())

    def knows(self, row: int, column: int) -> bool:
        """Tell whether some fragment knows a cell, in the atlas' frame."""
        r, c = row + self._origin[0], column + self._origin[1]
        inside = 0 <= r < self._counts.shape[0] and 0 <= c < self._counts.shape[1]
        return bool(inside and self._counts[r, c] > 0)

    def elsewhere(self, place: Cell) -> Elsewhere:
        """Return what other maps know for one whose cell (0, 0) lies at a place of the atlas' frame."""
        return Elsewhere(self._counts, place[0] + self._origin[0], place[1] + self._origin[1])

    def unknown(self, cells: NDArray[np.int64]) -> int:
        """Return how many of some cells, int64 (n, 2) in the atlas' frame, no fragment knows."""
        return int(_unknown(self._counts, cells, *self._origin))

    def _make_room(self, row: int, column: int) -> None:
        top, bottom, left, right = self._room
        if top <= row <= bottom and left <= column <= right:
            return
        rows = growth(row + self._origin[0], self._counts.shape[0], _MARGIN)
        columns = growth(column + self._origin[1], self._counts.shape[1], _MARGIN)
        self._counts = enlarged(self._counts, rows, columns)
        self._origin = (self._origin[0] + rows, self._origin[1] + columns)
        self._room = room(self._counts.shape, self._origin, _MARGIN)


@njit(cache=True)
def _count(counts: NDArray[np.int32], cells: NDArray[np.int64], learned: int, row: int, column: int) -> int:
    new = 0
    for i in range(learned):
        r, c = cells[i, 0] + row, cells[i, 1] + column
        new += counts[r, c] == 0
        counts[r, c] += 1
    return new


@njit(cache=True)
def _unknown(counts: NDArray[np.int32], cells: NDArray[np.int64], row: int, column: int) -> int:
    found = 0
    for i in range(len(cells)):
        found += counts[cells[i, 0] + row, cells[i, 1] + column] == 0
    return found
