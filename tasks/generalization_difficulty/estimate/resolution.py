"""The spatial resolution delta: the smallest distance between points of different classes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import as_float, rows_of
from generalization_difficulty.estimate.distances import approximate_squares, exact_squares
from gridcell.data.seeds import generator
from gridcell.errors import UserError

_BLOCK = 2048  # points compared with as many at a time, at most
_MIN_LARGEST = 10  # fewer extremes than this say nothing about a tail
_PAIRS_PER_EXTREME = 10  # extremes are at most this share of the pairs


@dataclass(frozen=True, slots=True)
class Least:
    """The least distance above zero between points of different classes.

    Attributes:
        distance: infinity where there is none.
        pair: rows of the two points, or None.
        duplicates: pairs of equal points of different classes.
        duplicate: rows of one of these, or None.
    """

    distance: float
    pair: tuple[int, int] | None
    duplicates: int
    duplicate: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least distance between classes by extreme value theory.

    Attributes:
        distance: the estimate, at most ``least``.
        least: of the pairs that were looked at.
        tail_index: gamma of the inverse distances; None where the extremes are all equal.
        pairs: looked at.
        largest: extremes used.
        duplicates: pairs of equal points among them, left out.
    """

    distance: float
    least: float
    tail_index: float | None
    pairs: int
    largest: int
    duplicates: int


def least_distance(points: NDArray[Any], codes: NDArray[np.int64]) -> Least:
    """Find the least distance between classes among all pairs (estimator ``sample``), exactly, in blocks.

    Args:
        points: shape (n, features), real; uint8 is scaled to [0, 1].
        codes: int64 (n,), classes.
    """
    square, pair = math.inf, None
    duplicates, duplicate = 0, None
    block = min(_BLOCK, rows_of(points.shape[1]))
    for i in range(0, len(points), block):
        first = as_float(points[i : i + block])
        for j in range(i, len(points), block):
            second = as_float(points[j : j + block])
            rough, slack = approximate_squares(first, second)
            rough[codes[i : i + block, None] == codes[None, j : j + block]] = np.inf
            if i == j:
                rough[np.tril_indices(len(first))] = np.inf  # each pair once
            apart = np.where(rough > slack, rough, np.inf)  # these can't be equal
            limit = min(square, float(apart.min(initial=np.inf)) + slack)
            rows, columns = np.nonzero(np.isfinite(rough) & (rough <= limit + slack))
            squares = exact_squares(first, second, rows, columns)
            equal = np.flatnonzero(squares == 0)
            duplicates += equal.size
            if equal.size and duplicate is None:
                duplicate = (i + int(rows[equal[0]]), j + int(columns[equal[0]]))
            squares[equal] = np.inf
            if squares.size and squares.min() < square:
                place = int(squares.argmin())
                square, pair = float(squares[place]), (i + int(rows[place]), j + int(columns[place]))
    return Least(math.sqrt(square), pair, duplicates, duplicate)


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
    distances = np.sqrt(exact_squares(points, points, rows, columns))
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
    distance = min(1 / value, least)
    return Extreme(distance, least, index, int(rows.size), used, int(distances.size - apart.size))


def extreme_inverse(
    exceedances: NDArray[np.float64], *, share: float, total: int
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
