"""How much reward, or error, rises again at cells that were known better before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
