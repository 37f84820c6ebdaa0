"""A map of what was seen, with a confidence per cell and colour that fades with time (short-term memory)."""

from functools import cache
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.world.view import MIDDLE, UNKNOWN, WINDOW, place

EMPTY = 0
_FIRST = 64  # cells a side of a new map
_NOWHERE = 2**62
_POWERS = 1_024  # of gamma that are kept; what was not seen for longer is rare enough to be worked out


class LocalMap:
    """Confidences that decay by ``gamma`` at each step, and gain ``1 - gamma`` for what is observed.

    Hwang et al. 2024 (arXiv 2307.05793), section 3. Decay is lazy: a cell stores the step of its last update,
    so a step costs what is seen and not what is known. Per cell the two colours seen last are kept, which is
    exact wherever a cell shows no third one before the first has faded.

    The map has coordinates of its own, (0, 0) wherever the agent began it, and grows as needed.

    Args:
        gamma: in [0, 1).

    Attributes:
        colours: int32 (2, height, width): the colour seen last (-1 unknown, 0 empty) and the one before it.
        origin: index of the cell (0, 0) in the arrays.
        bounds: int64 (4,): indices of the first and last rows and columns that hold known cells.
        known: how many cells are known.
        fresh: int64 (225, 2): coordinates of the cells that the last update made known, the first
            ``learned``.
        learned: how many these are.
    """

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma
        self.colours = np.full((2, _FIRST, _FIRST), UNKNOWN, np.int32)
        self.origin = (_FIRST // 2, _FIRST // 2)
        self.bounds = np.array([_NOWHERE, -1, _NOWHERE, -1])
        self.known = 0
        self.fresh = np.empty((WINDOW * WINDOW, 2), np.int64)
        self.learned = 0
        self._confidence = np.zeros((2, _FIRST, _FIRST))
        self._touched = np.zeros((_FIRST, _FIRST), np.int32)
        self._room = room((_FIRST, _FIRST), self.origin)
        self._clock = 0
        self._fading = _powers(gamma)

    def integrate(self, view: NDArray[np.int32], row: int, column: int, heading: int) -> float:
        """Let a step pass and take in what is seen.

        Args:
            view: int32 (15, 15), -1 unknown, 0 empty, else a colour.
            row: the agent's, in this map's coordinates.
            column: the agent's.
            heading: 0 up, 1 down, 2 left, 3 right.

        Returns:
            The mean confidence, before this update, in the colours that are seen now: 1 - surprisal. Whether
            it is taken before or after the update is an affine change, so z-scores are the same.
        """
        self._make_room(row, column)
        self._clock += 1
        confidence, self.learned = _integrate(
            view,
            row,
            column,
            heading,
            *self.origin,
            self._clock,
            self._fading,
            self.colours,
            self._confidence,
            self._touched,
            self.bounds,
            self.fresh,
        )
        self.known += self.learned
        return confidence

    @property
    def box(self) -> tuple[int, int]:
        """Height and width of the rectangle around what is known; (0, 0) before anything is."""
        top, bottom, left, right = self.bounds.tolist()
        return (bottom - top + 1, right - left + 1) if self.known else (0, 0)

    def known_cells(self) -> NDArray[np.int64]:
        """Return the coordinates of all known cells, shape (known, 2)."""
        return np.argwhere(self.colours[0] != UNKNOWN) - self.origin

    def colour(self, row: int, column: int) -> int:
        """Return the colour seen last at a cell, -1 where nothing was."""
        r, c = row + self.origin[0], column + self.origin[1]
        inside = 0 <= r < self.colours.shape[1] and 0 <= c < self.colours.shape[2]
        return int(self.colours[0, r, c]) if inside else UNKNOWN

    def confidence(self, row: int, column: int, colour: int) -> float:
        """Return the present confidence that a cell has a colour."""
        r, c = row + self.origin[0], column + self.origin[1]
        faded = self.gamma ** (self._clock - int(self._touched[r, c]))
        match = self.colours[:, r, c] == colour
        return float((self._confidence[:, r, c] * match).sum() * faded)

    def _make_room(self, row: int, column: int) -> None:
        """Enlarge the arrays where the window might not fit, whatever the heading, with a margin to spare."""
        top, bottom, left, right = self._room
        if top <= row <= bottom and left <= column <= right:
            return
        height, width = self.colours.shape[1:]
        rows = growth(row + self.origin[0], height)
        columns = growth(column + self.origin[1], width)
        self.colours = enlarged(self.colours, rows, columns, UNKNOWN)
        self._confidence = enlarged(self._confidence, rows, columns)
        self._touched = enlarged(self._touched, rows, columns)
        self.origin = (self.origin[0] + rows, self.origin[1] + columns)
        self._room = room(self.colours.shape[1:], self.origin)
        if self.known:
            self.bounds += (rows, rows, columns, columns)


@cache
def _powers(gamma: float) -> NDArray[np.float64]:
    """Return the powers of gamma from 0, the same array for all maps: nobody writes to it."""
    powers: NDArray[np.float64] = np.power(gamma, np.arange(_POWERS), dtype=np.float64)
    return powers


def growth(index: int, size: int, margin: int = WINDOW) -> int:
    """Return by how much an axis must grow at either end so that a margin around an index fits."""
    short = max(margin - index, index - (size - margin) + 1)
    return max(size // 2, short) if short > 0 else 0


def room(shape: tuple[int, ...], origin: tuple[int, int], margin: int = WINDOW) -> tuple[int, int, int, int]:
    """Return the first and last rows and columns around which a margin fits into arrays of a shape."""
    (height, width), (row, column) = shape, origin
    return margin - row, height - margin - row - 1, margin - column, width - margin - column - 1


Values = TypeVar("Values", bound=np.generic)


def enlarged(array: NDArray[Values], rows: int, columns: int, fill: int = 0) -> NDArray[Values]:
    """Return an array with so many more rows and columns at either end of its last two axes."""
    height, width = array.shape[-2:]
    larger = np.full((*array.shape[:-2], height + 2 * rows, width + 2 * columns), fill, array.dtype)
    larger[..., rows : rows + height, columns : columns + width] = array
    return larger


@njit(cache=True)
def _integrate(
    view: NDArray[np.int32],
    row: int,
    column: int,
    heading: int,
    top: int,
    left: int,
    clock: int,
    fading: NDArray[np.float64],
    colours: NDArray[np.int32],
    confidence: NDArray[np.float64],
    touched: NDArray[np.int32],
    bounds: NDArray[np.int64],
    fresh: NDArray[np.int64],
) -> tuple[float, int]:
    gain = 1.0 - fading[1]
    total = 0.0
    seen = new = 0
    for i in range(WINDOW):
        for j in range(WINDOW):
            colour = view[i, j]
            if colour == UNKNOWN:
                continue
            y, x = place(row, column, heading, WINDOW - 1 - i, j - MIDDLE)
            r, c = y + top, x + left
            if colours[0, r, c] == UNKNOWN:
                fresh[new, 0], fresh[new, 1] = y, x
                new += 1
                bounds[0], bounds[1] = min(bounds[0], r), max(bounds[1], r)
                bounds[2], bounds[3] = min(bounds[2], c), max(bounds[3], c)
            passed = clock - 1 - touched[r, c]
            faded = fading[passed] if passed < len(fading) else fading[1] ** passed
            latest, before = confidence[0, r, c] * faded, confidence[1, r, c] * faded
            if colours[0, r, c] != colour:
                if colours[1, r, c] == colour:
                    latest, before = before, latest
                else:
                    latest, before = 0.0, latest
                colours[1, r, c] = colours[0, r, c]
                colours[0, r, c] = colour
            seen += 1
            total += latest
            confidence[0, r, c] = latest * fading[1] + gain
            confidence[1, r, c] = before * fading[1]
            touched[r, c] = clock
    return total / seen, new
