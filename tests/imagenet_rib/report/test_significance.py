"""The paired test against scipy's, against counting by hand, and against its own promise; Holm's by hand."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from imagenet_rib.report.significance import DRAWS, EXACT_PAIRS, holm, sign_flip_p, smallest_p


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=7))
def test_few_pairs_are_counted_out(differences):
    totals = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    expected = sum(total >= abs(sum(differences)) for total in totals) / len(totals)
    assert sign_flip_p(np.array(differences) * 0.1) == pytest.approx(expected)


def counted(differences):
    """Count sign patterns by their sums, one pair after another, in whole numbers of any size."""
    sums = Counter({0: 1})
    for value in differences:
        longer = Counter()
        for total, count in sums.items():
            longer[total + value] += count
            longer[total - value] += count
        sums = longer
    least = abs(sum(differences))
    return sum(count for total, count in sums.items() if abs(total) >= least) / 2 ** len(differences)


@given(st.lists(st.integers(-40, 60), min_size=15, max_size=EXACT_PAIRS))
@settings(max_examples=20, deadline=None)
def test_many_pairs_are_counted_out(differences):
    assert sign_flip_p(np.array(differences) / 7) == pytest.approx(counted(differences), rel=1e-12)


def test_more_pairs_are_drawn_closely():
    differences = np.random.default_rng(1).integers(-20, 28, 96).tolist()
    expected = counted(differences)
    assert 0.001 < expected < 0.1
    error = 4 * np.sqrt(expected / DRAWS)  # of a count of rare draws
    assert sign_flip_p(differences) == pytest.approx(expected, abs=error)


@pytest.mark.parametrize("pairs", [10, 40])
def test_it_is_scipys_permutation_test(pairs):
    differences = np.random.default_rng(pairs).normal(0.3, 1, pairs)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, vectorized=True, rng=1
    ).pvalue
    assert sign_flip_p(differences) == pytest.approx(expected, abs=0.01)


def test_false_alarms_are_as_rare_as_promised():
    rng = np.random.default_rng(0)
    p = [sign_flip_p(rng.standard_t(3, 12)) for _ in range(400)]
    assert np.mean(np.array(p) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize("pairs", [1, 8, EXACT_PAIRS, EXACT_PAIRS + 20])
def test_the_smallest_p_is_that_of_differences_that_all_agree(pairs):
    assert sign_flip_p(np.ones(pairs)) == pytest.approx(smallest_p(pairs))
    assert smallest_p(8) == 2 / 256
    assert smallest_p(100) == 1 / (1 + DRAWS)


def test_no_difference_has_p_one():
    assert sign_flip_p(np.zeros(30)) == 1
    assert sign_flip_p([0.0]) == 1
    with pytest.raises(ValueError, match="at least one pair"):
        sign_flip_p([])


def test_holm_by_hand():
    # Sorted .005 .01 .03 .04 times 4 3 2 1 is .02 .03 .06 .04, and never less than the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.01, 0.04, 0.03, 0.005], tests=10) == pytest.approx([0.09, 0.28, 0.24, 0.05])


@given(st.data())
def test_a_selection_makes_no_corrected_p_value_smaller(data):
    """Of a family of tests any part is shown: each of them is at most as sure as among all."""
    whole = data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=9))
    part = sorted(data.draw(st.sets(st.integers(0, len(whole) - 1), min_size=1)))
    shown = holm([whole[index] for index in part], tests=len(whole))
    among_all = holm(whole)
    assert all(p >= among_all[index] for p, index in zip(shown, part, strict=True))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_none_and_bonferroni(p_values):
    for raw, adjusted in zip(p_values, holm(p_values), strict=True):
        assert raw <= adjusted <= min(1.0, len(p_values) * raw) + 1e-12
    assert sorted(range(len(p_values)), key=p_values.__getitem__) == sorted(
        range(len(p_values)), key=lambda k: (holm(p_values)[k], p_values[k], k)
    )
