"""How many moves it takes until particles have forgotten their ancestors."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FORGOTTEN = 0.2
"""Correlation of the particles' ranks with their ancestors' that sweeps are chosen for."""

FIRST_SWEEPS = 4
"""Sweeps at the first level that is moved to, where nothing has been measured yet."""

MOST_SWEEPS = 60
"""Sweeps between two levels are never more."""

LEVELS_SEEN = 6
"""How many of the latest levels are pooled: the correlation of some 50 pairs alone is too noisy."""


def ranks(errors: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places in the order by error, then label, shape (particles,); equal particles share one."""
    _, places = np.unique(np.stack([errors, labels], axis=1), axis=0, return_inverse=True)
    return places.reshape(-1).astype(np.float64)


def enough_sweeps(seen: Sequence[tuple[int, float]]) -> int:
    """Return how many sweeps the next level takes, from the levels before it.

    A correlation that falls like ``exp(-rate * sweeps)`` is assumed, and the rate of the latest levels taken.
    Only levels that are over decide: to stop when the present particles happen to look well mixed would
    prefer some of them to others.

    Args:
        seen: sweeps and measured correlation of every level so far.

    Examples:
        >>> enough_sweeps([])
        4
        >>> enough_sweeps([(4, 0.2), (4, 0.2)])
        4
        >>> enough_sweeps([(4, 0.2**0.5)])
        8
    """
    if not seen:
        return FIRST_SWEEPS
    sweeps, correlations = zip(*seen[-LEVELS_SEEN:], strict=True)
    correlation = min(max(float(np.mean(correlations)), 0.02), 0.98)
    rate = -math.log(correlation) / float(np.mean(sweeps))
    return min(max(math.ceil(-math.log(FORGOTTEN) / rate - 1e-9), 1), MOST_SWEEPS)
