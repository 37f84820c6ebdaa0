"""RI and mRI against matrices worked out by hand; intervals against foreign references and closed forms."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from imagenet_rib import metrics

PRE = np.array([60.0, 50.0, 40.0])
AFTER = np.array([[90.0, 45.0, 37.0], [58.0, 80.0, 43.0], [54.0, 47.0, 70.0]])
percents = st.floats(0, 100, allow_nan=False, width=32)


def test_ri_by_hand():
    # Row 1: ((45 - 50) + (37 - 40)) / 2 = -4. Row 2: ((58 - 60) + (43 - 40)) / 2 = 0.5.
    # Row 3: ((54 - 60) + (47 - 50)) / 2 = -4.5. Their mean: -8 / 3.
    assert metrics.robustness_improvement(AFTER, PRE) == pytest.approx([-4.0, 0.5, -4.5])
    assert (metrics.mri_coefficients(3) * (AFTER - PRE)).sum() == pytest.approx(-8 / 3)


def test_ri_ignores_the_diagonal_even_if_it_is_missing():
    holes = AFTER.copy()
    np.fill_diagonal(holes, np.nan)
    assert metrics.robustness_improvement(holes, PRE) == pytest.approx([-4.0, 0.5, -4.5])


def test_a_missing_entry_takes_its_row_and_mri_with_it():
    holes = AFTER.copy()
    holes[1, 2] = np.nan
    ri = metrics.robustness_improvement(holes, PRE)
    assert np.isnan(ri[1])
    assert ri[[0, 2]] == pytest.approx([-4.0, -4.5])
    assert np.isnan((metrics.mri_coefficients(3) * (holes - PRE)).sum())


@pytest.mark.parametrize(
    ("matrix", "pre"), [(AFTER[:2], PRE), (AFTER, PRE[:2]), (np.ones((1, 1)), np.ones(1))]
)
def test_ri_refuses_other_shapes(matrix, pre):
    with pytest.raises(ValueError, match="n >= 2"):
        metrics.robustness_improvement(matrix, pre)


@given(
    hnp.arrays(float, (4, 4), elements=percents),
    hnp.arrays(float, 4, elements=percents),
    hnp.arrays(float, 4, elements=percents),
)
def test_ri_does_not_change_if_a_set_is_easier_before_and_after(matrix, pre, easier):
    moved = metrics.robustness_improvement(matrix + easier, pre + easier)
    assert moved == pytest.approx(metrics.robustness_improvement(matrix, pre), abs=1e-6)


@given(hnp.arrays(float, (4, 4), elements=percents), hnp.arrays(float, 4, elements=percents))
def test_mri_coefficients_are_mri(matrix, pre):
    by_sum = float((metrics.mri_coefficients(4) * (matrix - pre)).sum())
    assert by_sum == pytest.approx(metrics.robustness_improvement(matrix, pre).mean(), abs=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=60))
def test_accuracy_in_groups_is_the_mean_over_groups(images):
    correct = np.array([right for right, _ in images])
    groups = np.array([group for _, group in images])
    by_group = [[right for right, group in images if group == index] for index in set(groups.tolist())]
    expected = 100 * sum(sum(group) / len(group) for group in by_group) / len(by_group)
    assert metrics.accuracy(correct, groups) == pytest.approx(expected)
    assert 100 * (metrics.image_weights(len(correct), groups) * correct).sum() == pytest.approx(expected)


def test_accuracy_without_groups_counts_images():
    correct = np.array([True, True, True, False])
    assert metrics.accuracy(correct) == 75.0
    assert metrics.accuracy(correct, np.array([0, 0, 0, 1])) == 50.0  # (100 + 0) / 2


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=8).filter(lambda values: np.std(values) > 1e-3))
def test_student_interval_is_scipys(values):
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert metrics.student_interval(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_student_interval_needs_two_seeds():
    with pytest.raises(ValueError, match="two"):
        metrics.student_interval([1.0])


def test_image_scores_add_up_to_the_weighted_accuracies():
    rng = np.random.default_rng(3)
    coefficients = rng.normal(size=(3, 3))
    answers = {(i, j): rng.random(40) < 0.6 for i in range(3) for j in range(3)}
    pre = {j: rng.random(40) < 0.5 for j in range(3)}
    groups = [None, np.arange(40) % 3, None]
    weights = [metrics.image_weights(40, group) for group in groups]
    expected = sum(
        coefficients[i, j]
        * (metrics.accuracy(answers[i, j], groups[j]) - metrics.accuracy(pre[j], groups[j]))
        for i in range(3)
        for j in range(3)
    )
    scores = metrics.image_scores(answers, pre, coefficients, weights)
    assert sum(score.sum() for score in scores) == pytest.approx(expected)


def test_bootstrap_has_the_standard_error_of_a_proportion():
    n, p = 400, 0.3
    scores = {"set": 100 / n * (np.arange(n) < p * n)[None]}
    totals = metrics.bootstrap_totals(scores, resamples=4000)
    assert totals.shape == (4000, 1)
    assert totals.std() == pytest.approx(100 * np.sqrt(p * (1 - p) / n), rel=0.05)
    assert totals.mean() == pytest.approx(100 * p, abs=0.2)
    low, high = metrics.percentile_interval(totals)[0]
    assert (low + high) / 2 == pytest.approx(30, abs=0.5)
    assert high - low == pytest.approx(2 * 1.96 * totals.std(), rel=0.05)


def test_bootstrap_sums_the_variances_of_sets_and_groups():
    one, other = np.arange(200) < 100, np.arange(300) < 60
    groups = np.repeat([7, 3], [100, 200])  # group 7 is 60 of 100 right, group 3 none of 200
    weights = metrics.image_weights(300, groups)
    totals = metrics.bootstrap_totals(
        {"one": 0.5 * one[None], "other": 100 * (weights * other)[None]}, {"other": groups}, resamples=4000
    )
    expected = 100**2 * (0.5 * 0.5 / 200 + (1 / 2) ** 2 * 0.6 * 0.4 / 100)
    assert totals.var() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("sizes", [(30_000,), (20_000, 4_001, 7)])
def test_bunches_of_images_spread_as_images_do(monkeypatch, sizes):
    """Against the closed form: the variance of a total is the sum over groups of size times variance."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    draws = np.random.default_rng(3)
    draws.shuffle(groups)
    scores = draws.normal(groups, 1 + groups, (2, len(groups))) + 5
    monkeypatch.setattr(metrics, "MANY_IMAGES", 1000)
    monkeypatch.setattr(metrics, "_BUNCHES", 2000)
    totals = metrics.bootstrap_totals({"c": scores}, {"c": groups}, resamples=4000)
    of_group = [scores[:, groups == group] for group in range(len(sizes))]
    deviation = np.sqrt(sum(one.shape[1] * one.var(axis=1) for one in of_group))
    assert totals.std(axis=0) == pytest.approx(deviation, rel=0.05)
    assert totals.mean(axis=0) == pytest.approx(scores.sum(axis=1), abs=5 * deviation.max() / 4000**0.5)
    alone = metrics.bootstrap_totals({"c": scores[1:]}, {"c": groups}, resamples=4000)
    assert np.allclose(alone[:, 0], totals[:, 1])  # whichever other statistics are estimated with it


def test_bootstrap_draws_within_groups():
    groups = np.array([5, 1, 1, 5, 1, 5, 5])
    totals = metrics.bootstrap_totals({"set": (groups == 5).astype(float)[None]}, {"set": groups})
    assert (totals == 4).all()  # each draw has as many images of each group as there are
    assert metrics.bootstrap_totals({"set": (groups == 5).astype(float)[None]}).std() > 0.5


def test_bootstrap_is_paired_and_repeatable():
    scores = np.random.default_rng(0).normal(size=(2, 50))
    totals = metrics.bootstrap_totals({"set": scores[[0, 1, 0]]})
    assert (totals[:, 0] == totals[:, 2]).all()
    assert (totals[:, 0] != totals[:, 1]).any()
    assert np.array_equal(totals, metrics.bootstrap_totals({"set": scores[[0, 1, 0]]}))
    assert not np.array_equal(totals, metrics.bootstrap_totals({"set": scores[[0, 1, 0]]}, seed=1))


def test_bootstrap_in_chunks_still_resamples_everything(monkeypatch):
    scores = {"set": (np.arange(400) < 120)[None] / 4.0}
    monkeypatch.setattr(metrics, "_DRAWS_AT_ONCE", 400 * 7)  # 1,000 is no multiple of 7
    totals = metrics.bootstrap_totals(scores)
    assert totals.std() == pytest.approx(100 * np.sqrt(0.3 * 0.7 / 400), rel=0.1)
    assert len(np.unique(totals[-6:])) > 1
    assert totals.min() > 0


@given(st.integers(-5, 5))
def test_bootstrap_moves_with_a_constant(constant):
    scores = np.random.default_rng(1).normal(size=(1, 30))
    still = metrics.bootstrap_totals({"set": scores}, resamples=50)
    moved = metrics.bootstrap_totals({"set": scores + constant}, resamples=50)
    assert moved - still == pytest.approx(np.full((50, 1), 30.0 * constant), abs=1e-9)


def test_each_set_has_draws_of_its_own_that_follow_from_the_seed_and_its_name():
    scores = np.random.default_rng(0).normal(size=(1, 60))

    def totals(name, seed=0):
        return metrics.bootstrap_totals({name: scores}, resamples=50, seed=seed)

    assert np.array_equal(totals("a"), totals("a"))
    assert not np.array_equal(totals("a"), totals("b"))
    assert not np.array_equal(totals("a"), totals("a", seed=1))
    both = metrics.bootstrap_totals({"a": scores, "b": -scores}, resamples=2000)
    # Sets are independent: variances add up. With the same draws in both the totals would all be 0.
    expected = 2 * scores.var() * scores.size
    assert both.var() == pytest.approx(expected, rel=0.15)


def test_the_mean_of_what_is_known_is_numpys_without_nan():
    stack = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, np.nan], [8.0, np.nan, -1.0]])
    assert np.array_equal(metrics.mean_of_known(stack), [4.0, np.nan, 2.0], equal_nan=True)


def test_two_sets_are_enough_for_ri():
    ri = metrics.robustness_improvement(np.array([[9.0, 5.0], [7.0, 9.0]]), np.array([6.0, 6.0]))
    assert ri.tolist() == [-1.0, 1.0]


def test_a_bootstrap_is_of_a_thousand_resamples():
    assert len(metrics.bootstrap_totals({"set": np.arange(5.0)[None]})) == 1_000


@pytest.mark.parametrize("groups", [None, [0, 0, 0, 0], [0, 1, 1, 1], [5, 5, 2, 2]])
def test_a_resample_draws_every_image_as_often_within_its_group(groups):
    by_set = None if groups is None else {"set": np.array(groups)}
    times = metrics.bootstrap_totals({"set": np.eye(4)}, by_set, resamples=4000)
    assert times.mean(axis=0) == pytest.approx(np.ones(4), abs=0.07)  # four standard errors
    assert (times.sum(axis=1) == 4).all()
    for group in set(groups or ()):
        mine = np.array(groups) == group
        assert (times[:, mine].sum(axis=1) == mine.sum()).all()
        size = mine.sum()
        assert times[:, mine].var() == pytest.approx(1 - 1 / size, abs=0.1)


@pytest.mark.parametrize(("images", "bunched"), [(9, False), (10, False), (11, True)])
def test_only_sets_of_more_images_than_many_are_drawn_in_bunches(monkeypatch, images, bunched):
    calls, whole = [], metrics._bunched
    monkeypatch.setattr(metrics, "MANY_IMAGES", 10)
    monkeypatch.setattr(metrics, "_bunched", lambda *given: calls.append(given) or whole(*given))
    metrics.bootstrap_totals({"set": np.ones((1, images))}, resamples=3)
    assert len(calls) == bunched
