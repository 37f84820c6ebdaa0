"""The intrinsic dimension of data by maximum likelihood from nearest-neighbour distances."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError


@dataclass(frozen=True, slots=True)
class Dimension:
    """An estimate and its standard error over the points it was made from, taken as independent."""

    value: float
    error: float


def intrinsic_dimension(distances: NDArray[np.float64]) -> Dimension:
    """Return the inverse of the mean of ln(T_k / T_j) over points and j = 1 .. k-1.

    Source: Levina and Bickel, "Maximum Likelihood Estimation of Intrinsic Dimension", NIPS 2004, averaged
    over points before it is inverted (MacKay and Ghahramani 2005).

    Args:
        distances: shape (points, k), k >= 2, ascending and above zero: T_1 .. T_k of each point.

    Raises:
        UserError: fewer than two neighbours or points, or all neighbours of all points equally far.
    """
    if distances.ndim != 2 or distances.shape[1] < 2 or len(distances) < 2:
        raise UserError(
            "The intrinsic dimension needs 2 or more points with 2 or more neighbours each, "
            f"not {distances.shape}"
        )
    ratios = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    mean = float(ratios.mean())
    if mean <= 0:
        raise UserError(
            "All neighbours are equally far, so the intrinsic dimension can't be told: are the data a grid?"
        )
    error = float(ratios.std(ddof=1)) / math.sqrt(len(ratios))
    return Dimension(1 / mean, error / mean**2)


def by_neighbours(distances: NDArray[np.float64], counts: Iterable[int]) -> dict[int, float]:
    """Return k -> the estimate from the k nearest neighbours; a k whose estimate can't be told is left out.

    Args:
        distances: shape (points, largest k), ascending.
        counts: the k wanted, each from 2 to the largest.
    """
    found = {}
    for k in counts:
        try:
            found[k] = intrinsic_dimension(distances[:, :k]).value
        except UserError:  # all of so few neighbours are equally far
            continue
    return found
