"""Paired sign-flip permutation tests, and Holm's correction for the number of tests."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

EXACT_PAIRS = 14
"""Up to so many pairs all sign flips are counted, beyond it ``DRAWS`` of them are drawn."""

DRAWS = 20_000
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
    """
    d = np.asarray(differences, dtype=float)
    if not len(d):
        raise ValueError("a paired test needs at least one pair")
    rounding = 1e-9 * np.abs(d).sum()
    hits = np.count_nonzero(np.abs(_signs(len(d)) @ d) >= abs(d.sum()) - rounding)
    if len(d) <= EXACT_PAIRS:
        return float(hits / 2 ** len(d))
    return float((1 + hits) / (1 + DRAWS))


@lru_cache(maxsize=2)
def _signs(pairs: int) -> npt.NDArray[np.float64]:
    """Return sign patterns, shape (patterns, pairs): the same for every test of as many pairs."""
    if pairs <= EXACT_PAIRS:
        return np.array(list(product((-1.0, 1.0), repeat=pairs)))
    return np.random.default_rng(0).choice([-1.0, 1.0], (DRAWS, pairs))


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
