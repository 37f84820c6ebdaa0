"""Paired sign-flip permutation tests, and Holm's correction for the number of tests."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

EXACT_PAIRS = 40
"""Up to so many pairs all sign flips are counted, beyond it ``DRAWS`` of them are drawn."""

DRAWS = 200_000
ALPHA = 0.05


def sign_flip_p(differences: Sequence[float] | npt.NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a mean of paired differences.

    Under the null hypothesis that the two sides of each pair could as well be swapped, every sign pattern is
    as likely; p is the share of patterns whose mean is as far from zero (Fisher 1935; Good, "Permutation,
    Parametric and Bootstrap Tests of Hypotheses", 2005, section 3.2). Of drawn patterns it is
    ``(1 + hits) / (1 + draws)``, which keeps the test valid (Phipson and Smyth 2010).

    Args:
        differences: finite, shape (pairs,), at least one.

    Raises:
        ValueError: there are no pairs.

    Example:
        >>> sign_flip_p([1.0, 2.0, 0.5])
        0.25
    """
    d = np.asarray(differences, dtype=float)
    if not len(d):
        raise ValueError("a paired test needs at least one pair")
    least = abs(d.sum()) - 1e-9 * np.abs(d).sum()  # equal sums may differ by rounding
    if len(d) <= EXACT_PAIRS:
        return _share_beyond(d, least)
    hits = np.count_nonzero(np.abs(_drawn_sums(d)) >= least)
    return float((1 + hits) / (1 + DRAWS))


def _share_beyond(d: npt.NDArray[np.float64], least: float) -> float:
    """Return the share of all sign patterns whose sum is ``least`` or more, or its negative or less.

    A pattern is one of each half of the pairs, so sums of halves are counted against each other: 2^20 and
    2^20 in place of 2^40 (Horowitz and Sahni 1974).
    """
    if least <= 0:
        return 1.0
    one, other = (_all_sums(half) for half in np.array_split(d, 2))
    other.sort()
    above = (len(other) - np.searchsorted(other, least - one)).sum(dtype=np.int64)
    return float(2 * int(above) / 2 ** len(d))  # patterns come in pairs of opposite sums


def _all_sums(d: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sums of all sign patterns, shape (2 ** pairs,)."""
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums - value, sums + value])
    return sums


def _drawn_sums(d: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sums of ``DRAWS`` sign patterns."""
    parts = np.array_split(_drawn_signs(len(d)), 20)
    return np.concatenate([2 * (np.unpackbits(part, axis=1, count=len(d)) @ d) - d.sum() for part in parts])


@lru_cache(maxsize=2)
def _drawn_signs(pairs: int) -> npt.NDArray[np.uint8]:
    """Draw sign patterns, a bit for each pair: the same for every test of as many pairs."""
    return np.random.default_rng(0).integers(0, 256, (DRAWS, -(-pairs // 8)), dtype=np.uint8)


def smallest_p(pairs: int) -> float:
    """Return the least p-value that so many pairs can have."""
    return 2.0 ** (1 - pairs) if pairs <= EXACT_PAIRS else 1 / (1 + DRAWS)


def holm(p_values: Sequence[float], tests: int | None = None) -> list[float]:
    """Return p-values adjusted for their number, in the order given.

    Rejecting those below alpha keeps the chance of any false rejection below alpha (Holm, "A Simple
    Sequentially Rejective Multiple Test Procedure", 1979).

    Args:
        p_values: of the tests whose results are shown.
        tests: how many the family has, with those that are not shown: these count as if their p-values
            were larger, so that no selection makes a p-value smaller. At least as many as are shown.
    """
    tests = len(p_values) if tests is None else tests
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (tests - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted
