"""What an agent sees: a cone of the cells ahead of it, with exact occlusion.

A cell is seen if the straight line from the middle of the agent's cell to some point of it (border included)
meets no wall on its way; two walls that touch at a corner leave no gap. Between two neighbouring directions
to corners of cells every ray meets the same cells in the same order. So one ray to each corner and one
between each two see all there is to see, and their paths are worked out once, in integers.
"""

from functools import cache
from itertools import pairwise
from math import gcd

import numpy as np
from numba import njit
from numpy.typing import NDArray

WINDOW = 15  # cells a side; the agent is in the middle of the bottom row
MIDDLE = WINDOW // 2
UNKNOWN = -1
CONE = (2_144, 1_000)  # sideways, ahead: the tangent of 65 degrees, half the field of view

Rays = tuple[NDArray[np.int32], NDArray[np.int8]]


@cache
def rays() -> Rays:
    """Return the paths of all rays.

    Returns:
        ``starts``, int32 of shape (rays + 1,): the steps of ray i are ``starts[i] .. starts[i + 1] - 1``.
        ``steps``, int8 of shape (steps, 6): the cells that a step touches as (ahead, right) three times: the
        one entered, and, where the ray passes through a corner, the two on either side of it; ahead is -1
        where there is none.
    """
    directions = _directions()
    paths = [_path(*direction) for direction in directions]
    starts = np.cumsum([0, *(len(path) for path in paths)], dtype=np.int32)
    return starts, np.array([step for path in paths for step in path], np.int8)


def _directions() -> list[tuple[int, int]]:
    """Return (right, ahead) of every corner in the cone, and one direction between each two and the edges."""
    corners = set()
    for ahead in range(1, 2 * WINDOW, 2):  # in half cells
        for right in range(-WINDOW, WINDOW + 1, 2):
            if abs(right) * CONE[1] < ahead * CONE[0]:
                shared = gcd(right, ahead)
                corners.add((right // shared, ahead // shared))
    left_to_right = sorted(corners, key=lambda corner: corner[0] / corner[1])
    bounded = [(-CONE[0], CONE[1]), *left_to_right, CONE]
    between = [(a[0] + b[0], a[1] + b[1]) for a, b in pairwise(bounded)]
    return [*between, *left_to_right]


def _path(right: int, ahead: int) -> list[tuple[int, ...]]:
    """Follow a ray from the agent's cell to the window's edge; see ``rays``."""
    none = (-1, 0)
    side = 1 if right > 0 else -1
    x = y = 0
    path: list[tuple[int, ...]] = []
    while True:
        # The next line between columns is crossed at (2 |x| + 1) / (2 |right|), between rows at ...
        column, row = (2 * abs(x) + 1) * ahead, (2 * y + 1) * abs(right)
        if right == 0 or row < column:
            y, touched = y + 1, (none, none)
        elif column < row:
            x, touched = x + side, (none, none)
        else:
            touched = ((y, x + side), (y + 1, x))
            x, y = x + side, y + 1
        cells = [cell if _inside(*cell) else none for cell in ((y, x), *touched)]
        if all(cell == none for cell in cells):
            return path
        path.append(tuple(number for cell in cells for number in cell))
        if cells[0] == none:
            return path


def _inside(ahead: int, right: int) -> bool:
    return 0 <= ahead < WINDOW and abs(right) <= MIDDLE


@njit(cache=True)
def place(row: int, column: int, heading: int, ahead: int, right: int) -> tuple[int, int]:
    """Return the cell that lies so far ahead and to the right of an agent (0 up, 1 down, 2 left, 3 right)."""
    if heading == 0:
        return row - ahead, column + right
    if heading == 1:
        return row + ahead, column - right
    if heading == 2:
        return row - right, column - ahead
    return row + right, column + ahead


@njit(cache=True)
def look(
    colours: NDArray[np.int32],
    row: int,
    column: int,
    heading: int,
    starts: NDArray[np.int32],
    steps: NDArray[np.int8],
    view: NDArray[np.int32],
    seen: NDArray[np.bool_],
) -> int:
    """Cast all rays.

    Args:
        colours: the world, int32 of shape (height, width), 0 free; the agent stands within walls.
        row: the agent's.
        column: the agent's.
        heading: 0 up, 1 down, 2 left, 3 right.
        starts: from ``rays``.
        steps: from ``rays``.
        view: filled with what is seen, int32 of shape (15, 15): -1 unknown, else a colour.
        seen: bool of the world's shape; what is seen is marked.

    Returns:
        How many cells were marked that had not been.
    """
    view[:] = UNKNOWN
    view[WINDOW - 1, MIDDLE] = colours[row, column]
    new = 0
    if not seen[row, column]:
        seen[row, column] = True
        new += 1
    for ray in range(len(starts) - 1):
        for step in range(starts[ray], starts[ray + 1]):
            walls = 0
            entered = False
            for cell in range(3):
                ahead, right = steps[step, 2 * cell], steps[step, 2 * cell + 1]
                if ahead < 0:
                    continue
                r, c = place(row, column, heading, ahead, right)
                colour = colours[r, c]
                if view[WINDOW - 1 - ahead, MIDDLE + right] == UNKNOWN:
                    view[WINDOW - 1 - ahead, MIDDLE + right] = colour
                    if not seen[r, c]:
                        seen[r, c] = True
                        new += 1
                if cell == 0:
                    entered = colour == 0
                elif colour != 0:
                    walls += 1
            if not entered or walls == 2:
                break
    return new
