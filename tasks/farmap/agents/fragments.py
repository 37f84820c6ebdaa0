"""Fragments and the borders that tie them into a graph (long-term memory)."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.atlas import Atlas
from farmap.agents.local_map import EMPTY, LocalMap
from farmap.agents.reachable import STEPS, Cell, Survey
from fragmentation_recall.memory import LeastRecentlyUsed


@dataclass(eq=False)
class Border:
    """One side of the border between two fragments, in the coordinates of the one that it belongs to.

    Attributes:
        to: number of the other fragment.
        anchor: where the agent stood when the two were tied together: the fracture point.
        cells: the run of free cells across the heading, the anchor among them.
        outward: heading of the step from one of them into the other fragment.
        shift: what to add to a position for its coordinates in the other fragment.
    """

    to: int
    anchor: Cell
    cells: tuple[Cell, ...]
    outward: int
    shift: Cell

    @property
    def landing(self) -> Cell:
        """The anchor in the other fragment's coordinates."""
        return self.anchor[0] + self.shift[0], self.anchor[1] + self.shift[1]


@dataclass(frozen=True)
class Left:
    """What was left to explore in a part of a fragment when the agent left it.

    Attributes:
        frontier: its frontier cells in the frame of all fragments, int64 (n, 2).
        empty: known empty cells of the fragment.
    """

    frontier: NDArray[np.int64]
    empty: int


@dataclass
class Fragment:
    """A local map and its borders.

    Attributes:
        chart: the map.
        place: where its cell (0, 0) lies in the frame of all fragments, by odometry.
        borders: oldest first.
        left: time at which the agent left it last, on the agent's own clock.
        extent: its ``bounds`` when the agent left it last.
        remains: per anchor of a border what was left to explore from there when the agent left it, as far as
            it was asked for.
    """

    chart: LocalMap
    place: Cell = (0, 0)
    borders: list[Border] = field(default_factory=list)
    left: int = -1
    extent: tuple[int, int, int, int] = (0, -1, 0, -1)
    remains: dict[Cell, Left] = field(default_factory=dict)
    _gates: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 3), np.int64))
    _starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    _beyond: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    _crossings: dict[tuple[Cell, int], list[Border]] = field(default_factory=dict)

    def add_border(self, border: Border) -> None:
        """Give it another border."""
        self.borders.append(border)
        extended = _extended(
            self._gates, self._starts, self._beyond, *border.cells[0], len(border.cells), border.outward
        )
        self._gates, self._starts, self._beyond = extended
        for cell in border.cells:
            self._crossings.setdefault((cell, border.outward), []).append(border)

    def forget_borders(self, to: int) -> None:
        """Drop the borders to a fragment."""
        kept = [border for border in self.borders if border.to != to]
        self.borders = []
        self._gates, self._starts, self._beyond = self._gates[:0], self._starts[:1], self._beyond[:0]
        self._crossings = {}
        for border in kept:
            self.add_border(border)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """First and last rows and columns of what is known, in the frame of all fragments."""
        top, bottom, left, right = self.chart.bounds.tolist()
        rows, columns = self.place[0] - self.chart.origin[0], self.place[1] - self.chart.origin[1]
        return top + rows, bottom + rows, left + columns, right + columns

    def crossing(self, cell: Cell, heading: int, meant: Border | None = None) -> Border | None:
        """Return the border that a step from a cell crosses; of several the one meant, or the last."""
        crossed = self._crossings.get((cell, heading))
        if crossed is None:
            return None
        return meant if meant in crossed else crossed[-1]

    def survey(self, start: Cell, atlas: Atlas | None = None, beyond_is_known: bool = True) -> Survey:
        """Look over what can be walked to without leaving the fragment.

        Args:
            start: where from.
            atlas: what any fragment knows, which is no frontier.
            beyond_is_known: whether what lies just beyond a border is no frontier here: it is known, or will
                be, in the other fragment.
        """
        beyond = self._beyond if beyond_is_known else self._beyond[:0]
        if atlas is None:
            return Survey(self.chart, start, self._gates, beyond)
        return Survey(self.chart, start, self._gates, beyond, atlas.elsewhere(self.place))

    def reachable(self, survey: Survey) -> dict[Border, tuple[int, Cell]]:
        """Return the borders that can be crossed, each with the steps to its nearest open cell, and it."""
        nearest = survey.nearest_gates(self._gates, self._starts).tolist()
        return {
            border: (steps, border.cells[gate - first])
            for border, (steps, gate), first in zip(
                self.borders, nearest, self._starts[:-1].tolist(), strict=True
            )
            if steps >= 0
        }


class FragmentGraph:
    """The fragments by number, tied by their borders.

    Args:
        capacity: how many are kept; the one used longest ago makes room for a new one. None: all.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self._slots = None if capacity is None else LeastRecentlyUsed(capacity)
        self._by_slot: dict[int, int] = {}
        self._slot_of: dict[int, int] = {}
        self._fragments: dict[int, Fragment] = {}
        self.made = 0

    def __getitem__(self, number: int) -> Fragment:
        return self._fragments[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._fragments)

    def __len__(self) -> int:
        return len(self._fragments)

    def add(
        self, chart: LocalMap, place: Cell = (0, 0), keep: Iterable[int] = ()
    ) -> tuple[int, Fragment | None]:
        """Add a fragment, forgetting another where there is no room.

        Args:
            chart: its map.
            place: of its cell (0, 0) in the frame of all fragments.
            keep: fragments that must not be forgotten.

        Returns:
            Its number, and the one that was forgotten.
        """
        number = self.made
        self.made += 1
        forgotten = None
        if self._slots is not None:
            claim = self._slots.claim(self._slot_of[other] for other in keep)
            if claim.replaced:
                forgotten = self._forget(self._by_slot[claim.slot])
            self._by_slot[claim.slot], self._slot_of[number] = number, claim.slot
        self._fragments[number] = Fragment(chart, place)
        return number, forgotten

    def use(self, number: int) -> None:
        """Note that a fragment is in use now."""
        if self._slots is not None:
            self._slots.use([self._slot_of[number]])

    def tie(self, near: int, far: int, position: Cell, heading: int, landing: Cell = (0, 0)) -> Border:
        """Make a border where the agent stands and return its near side.

        Args:
            near: the fragment that is being left.
            far: the other one.
            position: the fracture point in the near fragment.
            heading: the agent's.
            landing: the fracture point in the far fragment.
        """
        here, there = self._fragments[near], self._fragments[far]
        cells = _free_run(here.chart, position, heading)
        rows, columns = landing[0] - position[0], landing[1] - position[1]
        moved = tuple((r + rows, c + columns) for r, c in cells)
        border = Border(far, position, cells, heading, (rows, columns))
        here.add_border(border)
        there.add_border(Border(near, landing, moved, heading ^ 1, (-rows, -columns)))
        return border

    def leave(self, number: int, time: int) -> None:
        """Note that a fragment is being left.

        Args:
            number: the fragment's.
            time: on the agent's clock.
        """
        fragment = self._fragments[number]
        fragment.left = time
        fragment.remains = {}
        fragment.extent = fragment.bounds

    def remains(self, border: Border, survey: Callable[[Fragment, Cell], Survey]) -> Left:
        """Return what is left to explore beyond a border, in the fragment there as it was left.

        Args:
            border: of another fragment.
            survey: looks over a fragment from a cell, where nothing else that was asked tells what is left.
        """
        fragment = self._fragments[border.to]
        start = border.landing
        if start not in fragment.remains:
            found = survey(fragment, start)
            left = Left(found.cells + np.array(fragment.place), found.empty)
            fragment.remains[start] = left
            for other in fragment.borders:
                if other.anchor not in fragment.remains and found.distance(*other.anchor) >= 0:
                    fragment.remains[other.anchor] = left
        return fragment.remains[start]

    def way_to_unexplored(
        self,
        start: int,
        first: Iterable[Border],
        tried: Collection[Border],
        quotient: Callable[[Border], float],
    ) -> list[Border]:
        """Return the borders, as few as can be, over which something unexplored is reached; [] if none is.

        Args:
            start: number of the present fragment.
            first: its borders that can be walked to.
            tried: borders that the way may cross but not end with.
            quotient: frontier per empty cell beyond a border.
        """
        seen = {start}
        wave = [[border] for border in first]
        while wave:
            following = []
            for way in wave:
                border = way[-1]
                if border not in tried and quotient(border) > 0:
                    return way
                if border.to not in seen:
                    seen.add(border.to)
                    following += [[*way, further] for further in self._fragments[border.to].borders]
            wave = following
        return []

    def _forget(self, number: int) -> Fragment:
        forgotten = self._fragments.pop(number)
        del self._slot_of[number]
        for other in {border.to for border in forgotten.borders}:
            self._fragments[other].forget_borders(number)
        return forgotten


def _free_run(chart: LocalMap, position: Cell, heading: int) -> tuple[Cell, ...]:
    """Return the known empty cells in a row through a position, across a heading."""
    row, column = position
    first, last = _run(chart.colours[0], row + chart.origin[0], column + chart.origin[1], heading)
    if heading < 2:
        return tuple((row, column + i) for i in range(first, last + 1))
    return tuple((row + i, column) for i in range(first, last + 1))


@njit(cache=True)
def _run(colours: NDArray[np.int32], row: int, column: int, heading: int) -> tuple[int, int]:
    """Return how far the run of empty cells goes from a cell, backwards and forwards."""
    rows, columns = (0, 1) if heading < 2 else (1, 0)
    height, width = colours.shape
    ends = [0, 0]
    for side, sign in ((0, -1), (1, 1)):
        r, c = row + sign * rows, column + sign * columns
        while 0 <= r < height and 0 <= c < width and colours[r, c] == EMPTY:
            ends[side] += sign
            r, c = r + sign * rows, c + sign * columns
    return ends[0], ends[1]


@njit(cache=True)
def _extended(
    gates: NDArray[np.int64],
    starts: NDArray[np.int64],
    beyond: NDArray[np.int64],
    row: int,
    column: int,
    count: int,
    outward: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return gates, starts and cells beyond with those of one more border.

    Args:
        gates: of the borders before: see ``Survey``.
        starts: of the borders before: see ``Survey.nearest_gates``.
        beyond: the cells next to the borders before in the other fragments, one more at either end of each.
        row: of the border's first cell; the others follow across the heading.
        column: likewise.
        count: cells of the border.
        outward: heading of the step over it.
    """
    more_gates = np.empty((len(gates) + count, 3), np.int64)
    more_gates[: len(gates)] = gates
    more_beyond = np.empty((len(beyond) + count + 2, 2), np.int64)
    more_beyond[: len(beyond)] = beyond
    more_starts = np.empty(len(starts) + 1, np.int64)
    more_starts[:-1] = starts
    more_starts[-1] = len(more_gates)
    rows, columns = (0, 1) if outward < 2 else (1, 0)
    for i in range(count):
        more_gates[len(gates) + i, 0] = row + i * rows
        more_gates[len(gates) + i, 1] = column + i * columns
        more_gates[len(gates) + i, 2] = outward
    for i in range(count + 2):
        more_beyond[len(beyond) + i, 0] = row + (i - 1) * rows + STEPS[outward, 0]
        more_beyond[len(beyond) + i, 1] = column + (i - 1) * columns + STEPS[outward, 1]
    return more_gates, more_starts, more_beyond
