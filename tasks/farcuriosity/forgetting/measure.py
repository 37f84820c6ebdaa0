"""How much reward, or error, rises again at cells that were known better before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcell.report import student_interval


def forgetting_map(
    cells: NDArray[np.integer], values: NDArray[np.floating], count: int
) -> NDArray[np.float64]:
    """Return for each cell the mean, over its visits but the first, of the value less the lowest one earlier.

    Positive where a value rises again, negative where it still falls.

    Args:
        cells: visited at each step, of shape ``(steps,)``.
        values: reward or error of each step; NaN where there was none.
        count: cells there are.

    Returns:
        Of shape ``(count,)``; NaN where there were fewer than two values.
    """
    found = np.full(count, np.nan)
    for cell in range(count):
        seen = values[(cells == cell) & ~np.isnan(values)]
        if len(seen) > 1:
            found[cell] = np.mean(seen[1:] - np.minimum.accumulate(seen)[:-1])
    return found


@dataclass(frozen=True)
class Returns:
    """What errors were on coming back to a place, against what they were when it was left.

    Attributes:
        left: mean error at the last visit of a cell before its room was left.
        back: mean error at the first visit of the same cell in a later stay.
        pairs: visits that were compared.
    """

    left: float
    back: float
    pairs: int

    @property
    def error(self) -> float:
        """How much was forgotten: the return error, ``back - left``; NaN where nobody came back."""
        return self.back - self.left


def returns(
    cells: NDArray[np.integer], rooms: NDArray[np.integer], values: NDArray[np.floating], *, skip: int = 0
) -> Returns:
    """Compare errors on coming back to a room with those at leaving it, cell by cell.

    A mean over all visits hides forgetting: most of them are within one stay, where errors only fall. A stay
    lasts as long as the path is in one room.

    Args:
        cells: visited at each step, of shape ``(steps,)``.
        rooms: that each of them is in, of shape ``(steps,)``.
        values: error of each step; NaN where there was none.
        skip: first steps of the path whose visits are not compared on coming back, but count as visits.
    """
    stays = np.concatenate([[0], np.cumsum(rooms[1:] != rooms[:-1])])
    left: list[float] = []
    back: list[float] = []
    last: dict[int, tuple[int, float]] = {}  # cell -> stay and value of its last visit
    for step, (cell, stay, value) in enumerate(
        zip(cells.tolist(), stays.tolist(), values.tolist(), strict=True)
    ):
        if value != value:
            continue
        before = last.get(cell)
        if before is not None and before[0] != stay and step >= skip:
            left.append(before[1])
            back.append(value)
        last[cell] = (stay, value)
    if not back:
        return Returns(float("nan"), float("nan"), 0)
    return Returns(float(np.mean(left)), float(np.mean(back)), len(back))


def fragments_per_room(rooms: NDArray[np.integer], fragments: NDArray[np.integer]) -> float:
    """Return the mean number of different fragments that a room's steps were in.

    Args:
        rooms: of each step, of shape ``(steps,)``.
        fragments: likewise.
    """
    pairs = np.unique(np.stack([rooms, fragments]), axis=1)
    return float(pairs.shape[1] / len(np.unique(rooms)))


def dwell(fragments: NDArray[np.integer]) -> float:
    """Return the mean number of steps for which a fragment is kept before another one is.

    Args:
        fragments: of each step, of shape ``(steps,)``.
    """
    return float(len(fragments) / (1 + np.count_nonzero(fragments[1:] != fragments[:-1])))


def mean_interval(
    table: NDArray[np.floating], level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean over seeds and the ends of Student's interval of it.

    Args:
        table: of shape ``(seeds, values)``; NaN where a seed has no value.
        level: chance with which the interval covers the mean.

    Returns:
        Mean, low and high, each of shape ``(values,)``; NaN where no seed has a value, and for the interval
        where fewer than two have.
    """
    mean, half = student_interval(table, level)
    return mean, mean - half, mean + half
