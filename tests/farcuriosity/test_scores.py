"""Aggregates against SciPy and by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import mannwhitneyu, trim_mean

from farcuriosity.report.scores import (
    atari_references,
    human_normalised,
    interval,
    iqm,
    mean,
    median_of_means,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_iqm_is_scipys_trimmed_mean(values):
    assert iqm(np.array(values)) == pytest.approx(trim_mean(values, 0.25), abs=1e-6)


def test_median_is_over_games_and_gap_counts_nothing_beyond_one():
    scores = np.array([[0.0, 2.0, 5.0], [0.5, 0.0, 7.0]])
    assert median_of_means(scores) == 1.0  # of 0.25, 1 and 6
    assert optimality_gap(scores) == pytest.approx(1 - (0 + 1 + 1 + 0.5 + 0 + 1) / 6)


def test_random_play_has_zero_and_a_human_one():
    assert len(atari_references()) == 57
    assert human_normalised("ALE/Pong-v5", np.array([-20.7, 14.6])) == pytest.approx([0, 1])
    assert human_normalised("CartPole-v1", np.array([1.0])) is None


def test_every_reference_is_a_game_that_there_is():
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    assert set(atari_references()) <= set(gymnasium.registry)


def test_interval_keeps_games_apart_and_covers_as_it_says():
    games = np.array([0.0, 1000.0])  # were seeds drawn across games, the mean would swing by hundreds
    draws = np.random.default_rng(0)
    covered = []
    for repeat in range(200):
        scores = games + draws.normal(size=(20, 2))
        low, high = interval(scores, mean, seed=repeat, resamples=200)
        assert high - low < 3
        covered.append(low <= 500.0 <= high)
    assert 0.85 <= np.mean(covered) <= 0.99
    assert interval(scores[:1], mean) is None


@pytest.mark.parametrize(("seeds", "given"), [(2, False), (3, False), (4, False), (5, True)])
def test_few_seeds_give_no_interval_since_it_would_seldom_hold_the_truth(seeds, given):
    scores = np.arange(seeds * 3.0).reshape(seeds, 3)
    assert (interval(scores, iqm) is not None) == given


def test_five_seeds_give_an_interval_that_mostly_holds_the_truth():
    draws = np.random.default_rng(0)
    ends = [interval(draws.normal(size=(5, 1)), iqm, seed=repeat, resamples=200) for repeat in range(200)]
    assert 0.8 <= np.mean([low <= 0 <= high for low, high in ends]) <= 0.95


def test_the_probability_of_improvement_counts_every_pair_of_runs_of_a_game():
    draws = np.random.default_rng(0)
    one, other = draws.integers(5, size=(4, 3)).astype(float), draws.integers(5, size=(6, 3)).astype(float)
    wins = [
        (mine > theirs) + 0.5 * (mine == theirs)
        for game in range(3)
        for mine in one[:, game]
        for theirs in other[:, game]
    ]
    assert probability_of_improvement(one, other) == pytest.approx(np.mean(wins))
    per_game = [mannwhitneyu(one[:, game], other[:, game]).statistic / 24 for game in range(3)]
    assert probability_of_improvement(one, other) == pytest.approx(np.mean(per_game))


def test_a_performance_profile_is_the_share_of_runs_above_a_threshold():
    values = np.random.default_rng(0).normal(size=(5, 4))
    thresholds = np.linspace(-2, 2, 9)
    found = performance_profile(values, thresholds)
    assert found.tolist() == [sum(value > tau for value in values.ravel()) / 20 for tau in thresholds]
