"""Correlations against scipy's, and where there are none."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from imagenet_rib.distance.correlation import correlate, correlate_within


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


def test_within_models_it_is_the_correlation_of_what_each_model_has_standardised():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 9)) * [[1], [50], [0.1]] + [[0], [900], [3]]
    y = -x * [[1], [0.02], [9]] + rng.normal(size=(3, 9)) + [[5], [70], [0]]
    found = correlate_within(x, y)
    pooled = stats.pearsonr(stats.zscore(x, axis=1).ravel(), stats.zscore(y, axis=1).ravel()).statistic
    ranked = [stats.spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    assert found.pearson.value == pytest.approx(pooled)
    assert found.spearman.value == pytest.approx(np.mean(ranked))
    assert found.pearson.low < found.pearson.value < found.pearson.high


def test_many_alike_models_are_no_surer_than_one():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1, 8))
    y = x + rng.normal(size=(1, 8))
    one, many = correlate_within(x, y), correlate_within(np.repeat(x, 5, 0), np.repeat(y, 5, 0))
    assert (many.pearson.low, many.pearson.p) == pytest.approx((one.pearson.low, one.pearson.p))
    alone = correlate(x[0], y[0])
    assert (one.pearson.low, one.pearson.high) == pytest.approx(
        (alone.pearson.low, alone.pearson.high), abs=0.05
    )  # by permutation, and by Student's t
    permuted = stats.permutation_test(
        (x[0],),
        lambda a: stats.pearsonr(a, y[0]).statistic,
        permutation_type="pairings",
        n_resamples=4000,
        vectorized=False,
        rng=1,
    )
    assert one.pearson.p == pytest.approx(permuted.pvalue, abs=0.03)


@pytest.mark.parametrize("shape", [(0, 8), (2, 2)])
def test_none_within_models_where_it_is_not_defined(shape):
    assert correlate_within(np.ones(shape), np.ones(shape)) is None
    assert correlate_within(np.ones((2, 8)), np.ones((2, 8))) is None


@given(st.integers(3, 9), st.integers(0, 10_000))
def test_of_few_pairs_the_interval_leaves_out_zero_exactly_where_p_is_small(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    found = correlate(x, x + rng.normal(size=n))
    for coefficient in (found.pearson, found.spearman):
        assert coefficient.low - 1e-9 <= coefficient.value <= coefficient.high + 1e-9
        if abs(coefficient.p - 0.05) > 1e-6:
            assert (coefficient.low > 0 or coefficient.high < 0) == (coefficient.p < 0.05)


def test_of_eight_sets_the_interval_is_near_fishers():
    x = np.arange(8.0)
    y = np.array([1.0, 3, 0, 2, 6, 4, 7, 1])
    found = correlate(x, y).pearson
    r, reach = found.value, 1.96 / np.sqrt(5)
    assert (found.low, found.high) == pytest.approx(
        (np.tanh(np.arctanh(r) - reach), np.tanh(np.arctanh(r) + reach)), abs=0.02
    )


@pytest.mark.parametrize("sets", [5, 8, 14])
@pytest.mark.parametrize("resamples", [40, 399, 2000])
def test_within_models_the_interval_leaves_out_zero_exactly_where_p_is_small(sets, resamples):
    rejected = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(3, sets))
        found = correlate_within(x, 0.6 * x + rng.normal(size=(3, sets)), resamples=resamples)
        for coefficient in (found.pearson, found.spearman):
            rejected.append(coefficient.p < 0.05)
            assert (coefficient.low > 0 or coefficient.high < 0) == rejected[-1]
    assert any(rejected)
    assert not all(rejected)


def test_within_models_the_interval_covers_as_often_as_it_says():
    rho, draws = 0.7, 300
    covered = 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(1, 8))
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=(1, 8))
        found = correlate_within(x, y, resamples=300).pearson
        covered += found.low <= rho <= found.high
    assert covered / draws > 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws)


def test_three_sets_are_the_fewest():
    three, models = correlate([1, 2, 3], [1, 2, 4]), correlate_within(np.eye(3)[:2] + 1, np.eye(3)[1:] + 1)
    assert three is not None
    assert three.n == 3
    assert models is not None
    assert correlate_within(np.eye(2) + 1, np.eye(2) + 1) is None
