"""The least distance between classes, extrapolated from random pairs by extreme value theory."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.estimate.distances import exact_distances
from gridcell import UserError
from gridcell.data import generator

_DRAWS = 1000  # of the interval
_MIN_LARGEST = 10  # fewer extremes than this say nothing about a tail
_PAIRS_PER_EXTREME = 10  # extremes are at most this share of the pairs


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least distance between classes by extreme value theory.

    Attributes:
        distance: the estimate, at most ``least``.
        low: lower end of its 95 % interval, see :func:`extreme_interval`.
        high: upper end, at most ``least``.
        least: of the pairs that were looked at.
        tail_index: gamma of the inverse distances; None where the extremes are all equal.
        pairs: looked at.
        largest: extremes used.
        duplicates: pairs of equal points among them, left out.
    """

    distance: float
    low: float
    high: float
    least: float
    tail_index: float | None
    pairs: int
    largest: int
    duplicates: int


def extreme_distance(
    points: NDArray[Any], codes: NDArray[np.int64], *, total: int, pairs: int, largest: int, seed: int
) -> Extreme:
    """Estimate the least distance between classes from random pairs of different classes (estimator ``evt``).

    Where there are no more than ``pairs`` pairs, all of them are looked at.

    Args:
        points: shape (n, features), real; uint8 is scaled to [0, 1].
        codes: int64 (n,), classes.
        total: how many pairs of different classes the whole data have, of which the points may be a sample.
        pairs: to look at.
        largest: extremes to use; a tenth of the pairs where that is fewer.
        seed: of the choice of pairs.

    Raises:
        UserError: there are too few pairs.
    """
    rows, columns = _pairs(codes, pairs, seed)
    distances = exact_distances(points, points, rows, columns)
    apart = distances[distances > 0]
    used = min(largest, apart.size // _PAIRS_PER_EXTREME)
    if used < _MIN_LARGEST:
        raise UserError(
            f"{apart.size} pairs of points of different classes are too few for extreme value theory "
            f"({_MIN_LARGEST * _PAIRS_PER_EXTREME} are needed): give more samples, or use resolution=sample"
        )
    least = float(apart.min())
    nearest = np.partition(apart, used)[: used + 1]
    value, index = extreme_inverse(1 / nearest, share=used / apart.size, total=total)
    low, high = extreme_interval(1 / nearest, share=used / apart.size, total=total, seed=seed)
    distance = min(1 / value, least)
    return Extreme(
        distance,
        min(1 / high, least),
        min(1 / low, least),
        least,
        index,
        int(rows.size),
        used,
        int(distances.size - apart.size),
    )


def extreme_inverse(
    exceedances: NDArray[np.float64], *, share: float, total: float
) -> tuple[float, float | None]:
    """Return the largest of ``total`` values as expected from the largest few, and their tail index.

    Source: the moment estimator of Dekkers, Einmahl and de Haan, "A moment estimator for the index of an
    extreme-value distribution", Annals of Statistics 1989: with M1, M2 the first moments of ln(z_i / z_0),
    gamma = M1 + 1 - 0.5 / (1 - M1^2 / M2), and the quantile z_0 (1 + M1 (a^gamma - 1) / gamma), a = share *
    total. (For gamma < 0 that paper divides M1 by 1 / (1 - gamma); the published difficulties don't, and
    with them nor does this: there, delta comes out larger and is capped by the least distance.)

    Args:
        exceedances: float64 (k + 1,), the largest values, in any order; the smallest of them is z_0.
        share: k over the number of values they were picked from.
        total: how many values there are in all.
    """
    threshold = float(exceedances.min())
    logs = np.sort(np.log(exceedances / threshold))[1:]
    first, second = float(logs.mean()), float(np.square(logs).mean())
    if second <= 0 or first**2 >= second:  # all extremes equal: the largest is one of them
        return float(exceedances.max()), None
    index = first + 1 - 0.5 / (1 - first**2 / second)
    log_ratio = math.log(share * total)
    growth = log_ratio if index == 0 else math.expm1(min(index * log_ratio, 700.0)) / index
    return threshold * (1 + first * growth), index


def extreme_interval(
    exceedances: NDArray[np.float64], *, share: float, total: int, seed: int, draws: int = _DRAWS
) -> tuple[float, float]:
    """Return the 95 % interval of the largest of ``total`` values; the largest few of some are known.

    Two things are uncertain: the tail, for which the exceedances are drawn again with replacement, and the
    largest value itself, whose probability of being exceeded is exponential with mean 1 / total.

    Args:
        exceedances: as for :func:`extreme_inverse`.
        share: likewise.
        total: likewise.
        seed: of the draws.
        draws: how many.
    """
    random = generator(seed, "extreme interval")
    threshold = float(exceedances.min())
    above = np.sort(exceedances)[1:]
    values = []
    for expected in random.exponential(size=draws):
        drawn = np.append(threshold, random.choice(above, size=len(above)))
        values.append(extreme_inverse(drawn, share=share, total=max(1.0, total / expected))[0])
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _pairs(codes: NDArray[np.int64], wanted: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of all pairs of different classes, or of ``wanted`` random ones where they are more."""
    counts = np.bincount(codes)
    ends = np.cumsum(counts)
    order = np.argsort(codes, kind="stable")  # class by class
    others = len(codes) - counts
    if int((counts * others).sum()) // 2 <= wanted:
        later = [order[ends[code] :] for code in codes[order]]
        rows = np.repeat(order, [len(part) for part in later])
        return rows, np.concatenate([np.empty(0, dtype=np.int64), *later])
    random = generator(seed, "pairs")
    share = counts * others / (counts * others).sum()
    chosen = random.choice(len(counts), size=wanted, p=share)
    starts = ends - counts
    rows = order[starts[chosen] + random.integers(counts[chosen])]
    places = random.integers(others[chosen])  # among the points of other classes: step over its own
    return rows, order[places + np.where(places >= starts[chosen], counts[chosen], 0)]
