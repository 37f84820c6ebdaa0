"""Student's interval against scipy's, and against the closed form of its quantile for three values."""

import math

import numpy as np
import pytest
from scipy import stats

from gridcell.report.intervals import student_interval


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("shape", [(2,), (7,), (5, 3), (4, 2, 3)])
def test_it_is_scipys_interval(shape, level):
    sample = np.random.default_rng(len(shape)).normal(3.0, 2.0, shape)
    mean, half = student_interval(sample, level)
    low, high = stats.t.interval(level, shape[0] - 1, sample.mean(axis=0), stats.sem(sample, axis=0))
    assert mean.shape == half.shape == shape[1:]
    np.testing.assert_allclose(mean - half, low, rtol=1e-12)
    np.testing.assert_allclose(mean + half, high, rtol=1e-12)


def test_three_values_by_hand():
    # With two degrees of freedom the quantile at p is (2 p - 1) / sqrt(2 p (1 - p)); s = 1, n = 3.
    mean, half = student_interval([1, 2, 3])
    assert mean == 2
    assert half == pytest.approx(0.95 / math.sqrt(2 * 0.975 * 0.025) / math.sqrt(3))


def test_what_is_missing_is_left_out():
    nan = math.nan
    mean, half = student_interval([[1.0, nan, nan, 5.0], [2.0, 4.0, nan, 5.0], [4.0, 8.0, 7.0, 5.0]])
    np.testing.assert_allclose(mean, [7 / 3, 6.0, 7.0, 5.0])
    for column, values in enumerate(([1.0, 2.0, 4.0], [4.0, 8.0])):
        assert half[column] == pytest.approx(student_interval(values)[1])
    assert math.isnan(half[2])
    assert half[3] == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("sample", "expected"), [([], math.nan), ([math.nan] * 3, math.nan), ([3.0], 3.0)])
def test_of_fewer_than_two_values_there_is_no_interval(sample, expected):
    mean, half = student_interval(sample)
    np.testing.assert_equal(float(mean), expected)
    assert math.isnan(half)
