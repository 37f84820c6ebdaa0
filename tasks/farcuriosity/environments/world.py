"""Grid worlds of several rooms, each in its own colours, as tables: what a cell shows, and what is next."""

from __future__ import annotations

import colorsys
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])  # up, right, down, left
_WALL, _DOOR, _GOAL = (90, 90, 90), (235, 235, 235), (20, 255, 20)
_TEXTURE = 45  # largest difference of a floor cell from its room's colour, per channel


class RoomsWorld:
    """Rooms in a serpentine: each has a door to the next, at a random place of the wall between them.

    A cell is numbered among those that can be walked on. The agent stands in the middle of what it sees: the
    room that it is in, with walls and doors; from a door both rooms. The rest is black.

    Args:
        rows: rooms down.
        columns: rooms across.
        size: side of a room in cells, without walls.
        view: side of what is seen in cells, odd.
        layout: seed of colours and doors.
        alike: from 0: each room has its own colour, to 1: all have the same.

    Raises:
        ValueError: a size is too small, or the view is even.

    Attributes:
        shape: of the map in cells, walls and all.
        positions: (y, x) of each cell, int64, of shape ``(cells, 2)``.
        rooms: of each cell, in the order in which they hang together, int64, of shape ``(cells,)``; a door
            belongs to the room that it leads on from.
        start: the middle of the first room.
        goal: the cell of the last room that is farthest from the start.
        colours: of the map, uint8, of shape ``(*shape, 3)``; the goal is not marked.
    """

    def __init__(
        self, rows: int, columns: int, size: int, view: int, layout: int, *, alike: float = 0.0
    ) -> None:
        if rows < 1 or columns < 1 or size < 2 or view < 3 or view % 2 == 0:
            raise ValueError(
                "A world needs at least 1 row and 1 column, rooms of at least 2 cells and an odd view of at "
                f"least 3, not {rows} x {columns} rooms of {size} seen in {view}"
            )
        random = np.random.default_rng(layout)
        self.view = view
        self.shape = (rows * (size + 1) + 1, columns * (size + 1) + 1)
        self.colours = np.full((*self.shape, 3), _WALL, np.uint8)
        room_of = np.full(self.shape, -1)
        self._corners = _serpentine(rows, columns) * (size + 1) + 1  # upper left floor cell of each room
        self._size = size
        hues = (1 - alike) * random.permutation(len(self._corners)) / len(self._corners)
        for room, (y, x) in enumerate(self._corners):
            base = 45 + 165 * np.array(colorsys.hsv_to_rgb(hues[room], 0.75, 1.0))
            texture = random.integers(-_TEXTURE, _TEXTURE + 1, (size, size, 3))
            self.colours[y : y + size, x : x + size] = base + texture
            room_of[y : y + size, x : x + size] = room
        for room, (here, there) in enumerate(zip(self._corners[:-1], self._corners[1:], strict=True)):
            along = int(random.integers(size))
            towards = (there - here) // (size + 1)
            door = here + along * (towards == 0) + np.where(towards > 0, size, np.where(towards < 0, -1, 0))
            self.colours[tuple(door)] = _DOOR
            room_of[tuple(door)] = room
        self.positions = np.argwhere(room_of >= 0)
        self.rooms = room_of[tuple(self.positions.T)]
        self._number = np.full(self.shape, -1)
        self._number[tuple(self.positions.T)] = np.arange(len(self.positions))
        self.start = int(self._number[tuple(self._corners[0] + size // 2)])
        far = self.distances(self.start)
        self.goal = int(np.where(self.rooms == self.rooms.max(), far, -1).argmax())

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def next(self) -> NDArray[np.int64]:
        """The cell that each move leads to, of shape ``(cells, 4)``: up, right, down, left; walls stop."""
        reached = self.positions[:, None] + MOVES
        cells = self._number[reached[..., 0], reached[..., 1]]
        return np.where(cells >= 0, cells, np.arange(len(cells))[:, None])

    def views(self, *, goal: bool) -> NDArray[np.uint8]:
        """Return what is seen from each cell, of shape ``(cells, view, view, 3)``.

        Args:
            goal: whether the goal is green.
        """
        margin = self.view // 2
        colours = self.colours.copy()
        if goal:
            colours[tuple(self.positions[self.goal])] = _GOAL
        colours = np.pad(colours, ((margin, margin), (margin, margin), (0, 0)))
        seen = np.zeros((len(self), self.view, self.view, 3), np.uint8)
        for cell, (y, x) in enumerate(self.positions):
            window = np.s_[y : y + self.view, x : x + self.view]
            seen[cell] = colours[window] * np.pad(self._visible(y, x), margin)[window][..., None]
        return seen

    def _visible(self, y: int, x: int) -> NDArray[np.bool_]:
        """Mark the rooms, walls included, that a cell is in: one, or from a door two."""
        visible = np.zeros(self.shape, bool)
        for top, left in self._corners:
            if top - 1 <= y <= top + self._size and left - 1 <= x <= left + self._size:
                visible[top - 1 : top + self._size + 1, left - 1 : left + self._size + 1] = True
        return visible

    def distances(self, cell: int) -> NDArray[np.int64]:
        """Return the moves from a cell to every cell, of shape ``(cells,)``."""
        far = np.full(len(self), -1)
        far[cell], front, steps = 0, np.array([cell]), 0
        while front.size:
            steps += 1
            front = np.unique(self.next[front])
            front = front[far[front] < 0]
            far[front] = steps
        return far

    def way(self, source: int, target: int) -> list[int]:
        """Return the cells of a shortest way, without the source."""
        far, cells = self.distances(target), []
        while source != target:
            source = int(self.next[source][far[self.next[source]].argmin()])
            cells.append(source)
        return cells


def _serpentine(rows: int, columns: int) -> NDArray[np.int64]:
    """Return (row, column) of each room, in an order in which each is beside the one before."""
    across = [range(columns), range(columns - 1, -1, -1)]
    return np.array([(row, column) for row in range(rows) for column in across[row % 2]])
