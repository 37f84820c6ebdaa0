"""Statistics that reports of several tasks state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def student_interval(
    sample: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean over the first axis, and half the width of Student's interval around it.

    The half width is ``t s / sqrt(n)``, with s the standard deviation (``n - 1`` in its denominator) and t
    the quantile ``(1 + level) / 2`` of his distribution with ``n - 1`` degrees of freedom (Student 1908).

    Args:
        sample: of shape (n, ...), independent along the first axis; NaN where a value is missing, so that n
            may differ from place to place.
        level: chance with which the interval covers the mean.

    Returns:
        Mean and half width, float64 of shape (...): NaN where there is no value, and for the half width also
        where there is but one.

    Example:
        >>> mean, half = student_interval([1.0, 2.0, 3.0])
        >>> float(mean), round(float(half), 3)
        (2.0, 2.484)
    """
    from scipy.stats import t

    values = np.asarray(sample, np.float64)
    present = ~np.isnan(values)
    count = present.sum(axis=0)
    mean = np.where(count > 0, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
    several = np.maximum(count, 2)  # no division by zero where there is no interval
    squares = np.where(present, values - mean, 0.0) ** 2
    deviation = np.sqrt(squares.sum(axis=0) / (several - 1))
    half = t.ppf((1 + level) / 2, several - 1) * deviation / np.sqrt(several)
    return mean, np.where(count > 1, half, np.nan)
