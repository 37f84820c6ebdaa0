"""Recall by observation: does a stored map show what is seen now, and where would the agent stand in it?"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.local_map import EMPTY, LocalMap
from farmap.agents.reachable import Cell
from farmap.world.view import MIDDLE, UNKNOWN, WINDOW, place


class Match(NamedTuple):
    """A stored map that shows what is seen.

    Attributes:
        number: the fragment's.
        position: where the agent stands in it.
        likeness: share of the seen cells that it knows with the same colours.
    """

    number: int
    position: Cell
    likeness: float


def likeness(chart: LocalMap, view: NDArray[np.int32], position: Cell, heading: int) -> float:
    """Return the share of the seen cells that a map knows with the same colours, if the agent stands there.

    0 where the map doesn't know the agent's own cell as empty.

    Args:
        chart: the map.
        view: int32 (15, 15), -1 unknown, 0 empty, else a colour.
        position: the agent's, in the map's coordinates.
        heading: 0 up, 1 down, 2 left, 3 right.
    """
    return float(_likeness(chart.colours[0], view, *position, heading, *chart.origin))


def best_match(
    candidates: Iterable[tuple[int, LocalMap, Cell]],
    view: NDArray[np.int32],
    heading: int,
    least: float,
) -> Match | None:
    """Return the map that is most like what is seen, None where none is like it enough.

    Args:
        candidates: number, map, and the agent's position in it. Of equally good ones the first is taken.
        view: see ``likeness``.
        heading: see ``likeness``.
        least: share of the seen cells that it must know with the same colours.
    """
    best = None
    for number, chart, position in candidates:
        alike = likeness(chart, view, position, heading)
        if alike >= (least if best is None else np.nextafter(best.likeness, 2)):
            best = Match(number, position, alike)
    return best


def find_in(chart: LocalMap, view: NDArray[np.int32], heading: int) -> Cell | None:
    """Return where in a map the agent may stand by the colours of the walls that it sees, None for nowhere.

    Each wall cell in view and each of that colour on the map vote for a position; walls have colours of their
    own, so that the right one gets most votes. It needs no odometry: a loop is closed by it after drift.
    """
    if not chart.known:
        return None
    top, bottom, left, right = chart.bounds.tolist()
    box = chart.colours[0, top : bottom + 1, left : right + 1]
    row, column, votes = _vote(box, view, heading)
    return (row + top - chart.origin[0], column + left - chart.origin[1]) if votes else None


@njit(cache=True)
def _likeness(
    colours: NDArray[np.int32],
    view: NDArray[np.int32],
    row: int,
    column: int,
    heading: int,
    top: int,
    left: int,
) -> float:
    height, width = colours.shape
    r, c = row + top, column + left
    if not (0 <= r < height and 0 <= c < width) or colours[r, c] != EMPTY:
        return 0.0
    seen = same = 0
    for i in range(WINDOW):
        for j in range(WINDOW):
            if view[i, j] != UNKNOWN:
                r, c = place(row + top, column + left, heading, WINDOW - 1 - i, j - MIDDLE)
                seen += 1
                same += 0 <= r < height and 0 <= c < width and colours[r, c] == view[i, j]
    return same / seen


@njit(cache=True)
def _vote(box: NDArray[np.int32], view: NDArray[np.int32], heading: int) -> tuple[int, int, int]:
    """Return the position in the box's indices with most votes, and the votes."""
    height, width = box.shape
    walls = np.empty((WINDOW * WINDOW, 3), np.int64)  # colour, rows and columns from the agent
    count = 0
    for i in range(WINDOW):
        for j in range(WINDOW):
            if view[i, j] > EMPTY:
                rows, columns = place(0, 0, heading, WINDOW - 1 - i, j - MIDDLE)
                walls[count, 0], walls[count, 1], walls[count, 2] = view[i, j], rows, columns
                count += 1
    walls = walls[np.argsort(walls[:count, 0])]
    colours = walls[:, 0].copy()
    votes = np.zeros((height, width), np.int32)
    for r in range(height):
        for c in range(width):
            if box[r, c] > EMPTY:
                at = np.searchsorted(colours, box[r, c])
                while at < count and colours[at] == box[r, c]:
                    rr, cc = r - walls[at, 1], c - walls[at, 2]
                    if 0 <= rr < height and 0 <= cc < width:
                        votes[rr, cc] += 1
                    at += 1
    best = int(votes.argmax())
    return best // width, best % width, int(votes[best // width, best % width])
