"""Distances in blocks: fast approximate squares that say which pairs deserve an exact look."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import PIECE, as_float


def approximate_squares(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return |x|^2 + |y|^2 - 2 x.y, shape (first, second), and a bound on its rounding error.

    The bound follows from the standard one for sums of d products, d u |x||y| (Higham, "Accuracy and
    Stability of Numerical Algorithms", 3.1), so a pair whose approximate square exceeds a limit by more than
    the bound is truly farther apart than the limit.
    """
    squares = np.einsum("ij,ij->i", first, first)
    others = np.einsum("ij,ij->i", second, second)
    rough = (-2 * first) @ second.T
    rough += others
    rough += squares[:, None]
    largest = float(squares.max(initial=0.0) + others.max(initial=0.0))
    return rough, (2 * first.shape[1] + 8) * np.finfo(np.float64).eps * largest


def exact_squares(
    first: NDArray[Any], second: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return |first[rows[i]] - second[columns[i]]|^2 for each i, shape (pairs,), from differences.

    Equal points give exactly zero. uint8 is scaled to [0, 1].
    """
    result = np.empty(len(rows))
    step = max(1, PIECE // max(1, first.shape[1]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        difference = as_float(first[rows[part]]) - as_float(second[columns[part]])
        result[part] = np.einsum("ij,ij->i", difference, difference)
    return result
