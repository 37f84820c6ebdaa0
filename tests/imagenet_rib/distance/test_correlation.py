"""Correlations against scipy's, and where there are none."""

import numpy as np
import pytest
from scipy import stats

from imagenet_rib.distance.correlation import correlate


def test_coefficients_and_p_values_are_scipys():
    rng = np.random.default_rng(0)
    x = rng.normal(size=12)
    y = x + rng.normal(size=12)
    found = correlate(x, y)
    assert (found.pearson.value, found.pearson.p) == pytest.approx(tuple(stats.pearsonr(x, y)))
    assert (found.spearman.value, found.spearman.p) == pytest.approx(tuple(stats.spearmanr(x, y)))
    assert found.n == 12


def test_intervals_are_scipys_bootstrap():
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    y = x + rng.normal(size=40)
    found = correlate(x, y, resamples=8000)
    for coefficient, function in ((found.pearson, stats.pearsonr), (found.spearman, stats.spearmanr)):
        expected = stats.bootstrap(
            (x, y),
            lambda a, b, function=function: function(a, b).statistic,
            paired=True,
            vectorized=False,
            n_resamples=3000,
            method="percentile",
            rng=2,
        ).confidence_interval
        assert (coefficient.low, coefficient.high) == pytest.approx(tuple(expected), abs=0.03)


def test_repeatable_and_within_bounds_on_few_pairs_with_ties():
    x, y = [1.0, 1.0, 2.0, 3.0], [2.0, 1.0, 2.0, 5.0]
    found = correlate(x, y)
    assert found == correlate(x, y)
    for coefficient in (found.pearson, found.spearman):
        assert -1 - 1e-12 <= coefficient.low <= coefficient.high <= 1 + 1e-12


@pytest.mark.parametrize(("x", "y"), [([], []), ([1.0, 2.0], [1.0, 2.0]), ([1.0] * 5, [1.0, 2, 3, 4, 5])])
def test_none_where_it_is_not_defined(x, y):
    assert correlate(x, y) is None


def test_pairs_are_needed():
    with pytest.raises(ValueError, match="takes pairs"):
        correlate([1.0, 2.0, 3.0], [1.0, 2.0])
