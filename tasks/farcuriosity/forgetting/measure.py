"""How much reward, or error, rises again at cells that were known better before."""

from __future__ import annotations

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
