"""Pearson's and Spearman's correlation, with p-values and bootstrap intervals."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_rib.metrics import FloatArray, mean_of_known

RESAMPLES = 2000
LEVEL = 0.95

FEWEST = 10
"""Pairs from which a bootstrap interval is given. Of fewer it is too narrow, and contradicts the p-value."""


@dataclass(frozen=True)
class Coefficient:
    """A correlation in [-1, 1], its two-sided p-value for "none", and its 95 % interval."""

    value: float
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Correlation:
    """Pearson's (linear) and Spearman's (monotone) correlation of ``n`` pairs."""

    n: int
    pearson: Coefficient
    spearman: Coefficient


def correlate(
    x: Sequence[float], y: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> Correlation | None:
    """Correlate pairs of numbers.

    Pearson's p-value is that of Student's t; Spearman's is, too, which is approximate below some ten pairs.
    Intervals are 95 % percentile bootstrap intervals over the pairs (Efron and Tibshirani, "An Introduction
    to the Bootstrap", 1993, chapter 13); resamples in which one side is constant have no correlation and are
    left out. With fewer than ten pairs they are too narrow: there it is the interval of those correlations
    that the test of the p-value does not reject, on Fisher's scale (:func:`accepted`).

    Args:
        x: finite, shape (n,).
        y: finite, shape (n,).
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        None where correlation is not defined or has no p-value: fewer than three pairs, or one side constant.

    Raises:
        ValueError: the lengths differ.
    """
    from scipy import stats

    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"Correlation takes pairs; got shapes {a.shape} and {b.shape}")
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    draws = np.random.default_rng(seed).integers(len(a), size=(resamples, len(a)))
    drawn_a, drawn_b = a[draws], b[draws]
    with warnings.catch_warnings():  # of nearly constant input: the coefficient is what it is
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        pearson, spearman = stats.pearsonr(a, b), stats.spearmanr(a, b)
    if len(a) < FEWEST:
        few = [
            Coefficient(
                float(test.statistic),
                float(test.pvalue),
                *accepted(float(test.statistic), _students_critical(len(a))),
            )
            for test in (pearson, spearman)
        ]
        return Correlation(len(a), *few)
    return Correlation(
        len(a),
        _coefficient(pearson, _row_correlations(drawn_a, drawn_b)),
        _coefficient(
            spearman, _row_correlations(stats.rankdata(drawn_a, axis=1), stats.rankdata(drawn_b, axis=1))
        ),
    )


def accepted(value: float, critical: float) -> tuple[float, float]:
    """Return the correlations that a test does not reject at 5 %, given one that was found.

    Fisher's z = artanh r has nearly the same spread whatever the correlation (Fisher 1921), so what a test of
    "none" needs to reject is needed on either side of any other correlation: the interval leaves out 0
    exactly where the test rejects.

    Args:
        value: the correlation that was found.
        critical: the least correlation, in absolute value, for which the test rejects "none".
    """
    within = 1 - 1e-12  # a perfect correlation is at infinity
    centre, reach = np.arctanh(np.clip([value, critical], -within, within))
    return float(np.tanh(centre - reach)), float(np.tanh(centre + reach))


def _students_critical(n: int) -> float:
    """Return the least correlation of n pairs that Student's t test rejects at 5 %."""
    from scipy import stats

    t = float(stats.t.ppf((1 + LEVEL) / 2, n - 2))
    return float(t / np.sqrt(n - 2 + t**2))


def correlate_within(
    x: FloatArray, y: FloatArray, *, resamples: int = RESAMPLES, seed: int = 0
) -> Correlation | None:
    """Correlate pairs within each of several models, and average the coefficients over the models.

    That is the correlation of all pairs once each model's are brought to mean 0 and standard deviation 1:
    differences between models, whose features differ in scale, have no part in it. Models share their sets,
    so it is sets that are permuted, alike in all models: with few sets many alike models make it no surer.
    p is two-sided, ``(1 + hits) / (1 + permutations)``, and the interval is that of the correlations which
    this test does not reject (:func:`accepted`), so the two never contradict each other.

    Args:
        x: finite, shape (models, n).
        y: finite, shape (models, n), of the same sets in the same order.
        resamples: how many permutations, at least 40: fewer can't reject at 5 %.
        seed: of the permutations.

    Returns:
        None with fewer than three sets, or where no model has a correlation.
    """
    from scipy import stats

    models, n = x.shape
    if n < 3 or not models:
        return None
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(n), (resamples, 1)), axis=1)

    def coefficient(rank: bool) -> Coefficient | None:
        def of(a: FloatArray, b: FloatArray) -> FloatArray:
            """Return the mean over models of shape (models, rows, n), shape (rows,)."""
            if rank:
                a, b = stats.rankdata(a, axis=-1), stats.rankdata(b, axis=-1)
            return mean_of_known(np.array([_row_correlations(*one) for one in zip(a, b, strict=True)]))

        value = float(of(x[:, None], y[:, None])[0])
        if np.isnan(value):
            return None
        chance = np.abs(of(x[:, orders], np.broadcast_to(y[:, None], (models, resamples, n))))
        equal = 1e-9  # of sums in another order
        hits = np.count_nonzero(chance >= abs(value) - equal)
        most = math.ceil((1 - LEVEL) * (1 + resamples)) - 2  # hits with which p is below 5 %
        critical = np.sort(chance)[::-1][most] + equal
        return Coefficient(value, (1 + hits) / (1 + resamples), *accepted(value, float(critical)))

    pearson, spearman = coefficient(False), coefficient(True)
    return None if pearson is None or spearman is None else Correlation(n, pearson, spearman)


def _coefficient(test: object, resampled: FloatArray) -> Coefficient:
    low, high = np.nanquantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value, p = float(test.statistic), float(test.pvalue)  # type: ignore[attr-defined]
    return Coefficient(value, p, float(low), float(high))


def _row_correlations(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the correlation of each row of a with that of b, NaN where one is constant, shape (rows,)."""
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    scale = np.abs(a).max() * np.abs(b).max() * a.shape[1]
    return np.where(norms > 1e-12 * scale, (a * b).sum(1) / np.where(norms == 0, 1.0, norms), np.nan)
