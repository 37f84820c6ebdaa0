"""Fragments and the borders that tie them into a graph (long-term memory)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from farmap.agents.local_map import EMPTY, LocalMap
from farmap.agents.reachable import STEPS, Cell, Survey
from fragmentation_recall.memory import LeastRecentlyUsed


@dataclass(eq=False)
class Border:
    """One side of the border between two fragments, in the coordinates of the one that it belongs to.

    Attributes:
        to: number of the other fragment.
        anchor: the fracture point.
        cells: the run of free cells across the heading, the anchor among them.
        outward: heading of the step from one of them into the other fragment.
        shift: what to add to a position for its coordinates in the other fragment.
        quotient: frontier per empty cells that can be walked to in the other fragment from here.
    """

    to: int
    anchor: Cell
    cells: tuple[Cell, ...]
    outward: int
    shift: Cell
    quotient: float = 0.0

    def open_cells(self, chart: LocalMap) -> list[Cell]:
        """Return the cells from which no known wall keeps it from being crossed.

        Args:
            chart: of the fragment that it belongs to.
        """
        rows, columns = STEPS[self.outward].tolist()
        return [(r, c) for r, c in self.cells if chart.colour(r + rows, c + columns) <= EMPTY]


@dataclass
class Fragment:
    """A local map and its borders.

    Attributes:
        chart: the map.
        borders: oldest first.
        left: time at which the agent left it last, on the agent's own clock.
    """

    chart: LocalMap
    borders: list[Border] = field(default_factory=list)
    left: int = -1

    def crossing(self, cell: Cell, heading: int, meant: Border | None = None) -> Border | None:
        """Return the border that a step from a cell crosses; of several the one meant, or the last."""
        crossed = [border for border in self.borders if border.outward == heading and cell in border.cells]
        return meant if meant in crossed else crossed[-1] if crossed else None

    def survey(self, start: Cell) -> Survey:
        """Look over what can be walked to without leaving the fragment.

        What lies just beyond a border is known, or will be, in the other fragment: it is no frontier here.
        """
        gates = [(*cell, border.outward) for border in self.borders for cell in border.cells]
        beyond = [cell for border in self.borders for cell in _strip_beyond(border)]
        return Survey(
            self.chart,
            start,
            np.array(gates, np.int64).reshape(-1, 3),
            np.array(beyond, np.int64).reshape(-1, 2),
        )


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

    def add(self, chart: LocalMap, keep: Iterable[int] = ()) -> int:
        """Add a fragment, forgetting another where there is no room; return its number.

        Args:
            chart: its map.
            keep: fragments that must not be forgotten.
        """
        number = self.made
        self.made += 1
        if self._slots is not None:
            claim = self._slots.claim(self._slot_of[other] for other in keep)
            if claim.replaced:
                self._forget(self._by_slot[claim.slot])
            self._by_slot[claim.slot], self._slot_of[number] = number, claim.slot
        self._fragments[number] = Fragment(chart)
        return number

    def use(self, number: int) -> None:
        """Note that a fragment is in use now."""
        if self._slots is not None:
            self._slots.use([self._slot_of[number]])

    def tie(self, near: int, far: int, position: Cell, heading: int) -> None:
        """Make a border where the agent stands; the far fragment's coordinates begin there.

        Args:
            near: the fragment that is being left.
            far: the new one.
            position: the fracture point in the near fragment.
            heading: the agent's.
        """
        chart = self._fragments[near].chart
        cells = _free_run(chart, position, heading)
        row, column = position
        moved = tuple((r - row, c - column) for r, c in cells)
        self._fragments[near].borders.append(Border(far, position, cells, heading, (-row, -column)))
        self._fragments[far].borders.append(Border(near, (0, 0), moved, heading ^ 1, (row, column)))

    def leave(self, number: int, time: int) -> None:
        """Tell the neighbours of a fragment that is being left how much is left to explore in it."""
        fragment = self._fragments[number]
        fragment.left = time
        for border in fragment.borders:
            quotient = fragment.survey(border.anchor).quotient
            for other in self._fragments[border.to].borders:
                back = (other.anchor[0] + other.shift[0], other.anchor[1] + other.shift[1])
                if other.to == number and back == border.anchor:
                    other.quotient = quotient

    def way_to_unexplored(
        self, start: int, first: Iterable[Border], tried: Collection[Border]
    ) -> list[Border]:
        """Return the borders, as few as can be, over which something unexplored is reached; [] if none is.

        Args:
            start: number of the present fragment.
            first: its borders that can be walked to.
            tried: borders that the way may cross but not end with.
        """
        seen = {start}
        wave = [[border] for border in first]
        while wave:
            following = []
            for way in wave:
                border = way[-1]
                if border.quotient > 0 and border not in tried:
                    return way
                if border.to not in seen:
                    seen.add(border.to)
                    following += [[*way, further] for further in self._fragments[border.to].borders]
            wave = following
        return []

    def _forget(self, number: int) -> None:
        del self._fragments[number], self._slot_of[number]
        for fragment in self._fragments.values():
            fragment.borders = [border for border in fragment.borders if border.to != number]


def _free_run(chart: LocalMap, position: Cell, heading: int) -> tuple[Cell, ...]:
    """Return the known empty cells in a row through a position, across a heading."""
    across = STEPS[3] if heading < 2 else STEPS[1]
    rows, columns = across.tolist()
    run = [position]
    for sign in (-1, 1):
        row, column = position[0] + sign * rows, position[1] + sign * columns
        while chart.colour(row, column) == EMPTY:
            run.append((row, column))
            row, column = row + sign * rows, column + sign * columns
    return tuple(sorted(run))


def _strip_beyond(border: Border) -> NDArray[np.int64]:
    """Return the cells next to a border in the other fragment, one more at either end."""
    cells = np.array(border.cells) + STEPS[border.outward]
    along = np.abs(STEPS[border.outward][::-1])
    return np.vstack([cells[:1] - along, cells, cells[-1:] + along])
