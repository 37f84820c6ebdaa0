"""Samplers: the next point is a function of what was told, and of nothing else."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.stats import kstest
from scipy.stats.qmc import Sobol

from gridcell.errors import UserError
from gridcell.search.population import explored
from gridcell.search.samplers import BLIND, SAMPLERS, Told, check_sampler, suggest
from gridcell.search.space import Space
from gridcell.search.trial import Ended, Trial

SPACE = Space.parse(
    ["a=loguniform(1e-3, 1e3)", "b=int(1, 9)", "c=choice(x, [1, 2], null)", "d=logspace(1, 100, 3)"]
)
LISTED = Space.parse(["b=int(1, 4)", "c=choice(x, [1, 2], null)", "d=linspace(0, 1, 3)"])


def value(params):
    found = -((params["b"] - 3) ** 2) + (params["c"] == [1, 2])
    return found - (math.log10(params["a"]) - 1) ** 2 if "a" in params else found


def asked(sampler, space, count, *, seed=0, worse=(), maximise=True):
    """Ask for so many trials, one after another; those of some numbers diverge or fail."""
    told = []
    for number in range(count):
        trial = suggest(sampler, space, told, number=number, seed=seed, maximise=maximise)
        ended = Ended("done", value(trial.params) * (1 if maximise else -1))
        if number in worse:
            ended = Ended("diverged" if number % 2 else "failed")
        told.append(Told(Trial.from_record(trial.to_record()), ended))
    return told


def quick(sampler):
    return 6 if sampler == "gp" else 14


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_point_is_one_of_the_space_and_the_same_in_any_process(sampler):
    space = LISTED if sampler == "grid" else SPACE
    told = asked(sampler, space, quick(sampler), worse={1, 4})
    assert all(space.holds(one.trial.params) for one in told)
    last = told[-1].trial
    again = suggest(sampler, space, told[:-1], number=last.number, seed=0, maximise=True)
    assert again.params == last.params


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_points_differ(sampler):
    """With one seed for every ask a sampler that is made anew repeats its first point."""
    space = LISTED if sampler == "grid" else SPACE
    told = asked(sampler, space, quick(sampler))
    assert len({str(one.trial.params) for one in told}) > 0.8 * len(told)


@pytest.mark.parametrize("sampler", sorted(BLIND))
def test_blind_samplers_look_at_no_result(sampler):
    space = LISTED if sampler == "grid" else SPACE
    seen = asked(sampler, space, 8)
    unseen = asked(sampler, space, 8, worse=set(range(8)))
    assert [one.trial for one in seen] == [one.trial for one in unseen]


@pytest.mark.parametrize(
    ("sampler", "count", "maximise"),
    [
        ("tpe", 40, True),
        ("tpe", 40, False),
        ("cmaes", 60, True),
        ("cmaes", 60, False),
        pytest.param("gp", 18, True, marks=pytest.mark.slow),  # a second an ask
    ],
)
def test_samplers_that_look_find_more_than_they_began_with(sampler, count, maximise):
    space = Space.parse(["a=loguniform(1e-3, 1e3)", "b=int(1, 9)", "c=choice(x, [1, 2], null)"])
    gains = []
    for seed in range(1 if sampler == "gp" else 4):
        told = asked(sampler, space, count, seed=seed, maximise=maximise)
        values = [value(one.trial.params) for one in told]
        gains.append(np.mean(values[-count // 4 :]) - np.mean(values[: count // 4]))
    assert np.mean(gains) > 1.0


@pytest.mark.parametrize(
    "later",
    [
        ["a=uniform(0, 1)", "b=uniform(0, 1)", "added=uniform(0, 1)"],
        ["a=uniform(0, 1)"],
        ["a=uniform(0, 8)", "b=uniform(0, 1)"],
    ],
)
def test_cmaes_finds_the_top_again_after_its_space_was_changed(later):
    """Its state is of the space before: taken over, it draws at random, or is far off."""

    def climbed(space, count, told=()):
        told = list(told)
        for number in range(len(told), count):
            trial = suggest("cmaes", space, told, number=number, seed=0, maximise=True)
            height = -sum((value - 0.3) ** 2 for value in trial.params.values())
            told.append(Told(trial, Ended("done", height)))
        return told

    before = climbed(Space.parse(["a=uniform(0, 1)", "b=uniform(0, 1)"]), 30)
    space = Space.parse(later)
    kept = [
        replace(
            one,
            trial=replace(one.trial, params={key: one.trial.params.get(key, 0.3) for key in space.ranges}),
        )
        for one in before
    ]
    after = climbed(space, 130, kept)[-20:]
    fresh = climbed(space, 100)[-20:]

    def off(part):
        return np.mean([abs(value - 0.3) for one in part for value in one.trial.params.values()])

    assert off(after) < 2 * off(fresh) + 0.05


def test_tpe_avoids_where_trials_diverge_and_learns_nothing_of_those_that_fail():
    """Half of the space diverges: TPE comes there less often than if these trials had failed."""
    space = Space.parse(["a=uniform(0, 1)"])

    def share_of(state):
        inside = 0
        for seed in range(6):
            told = []
            for number in range(40):
                trial = suggest("tpe", space, told, number=number, seed=seed, maximise=True)
                bad = trial.params["a"] > 0.5
                told.append(Told(trial, Ended(state) if bad else Ended("done", 0.0)))
                inside += bad and number >= 20
        return inside / (6 * 20)

    assert share_of("diverged") < 0.25
    assert share_of("failed") > 0.5


def test_a_grid_is_every_point_once_and_then_ends():
    told = asked("grid", LISTED, 36)
    expected = itertools.product([1, 2, 3, 4], ["x", [1, 2], None], [0.0, 0.5, 1.0])
    found = [tuple(one.trial.params.values()) for one in told]
    assert found == list(expected)
    assert suggest("grid", LISTED, told, number=36, seed=0, maximise=True) is None


def test_random_draws_follow_the_law_of_their_range():
    draws = [suggest("random", SPACE, [], number=n, seed=5, maximise=True).params for n in range(400)]
    assert kstest([math.log10(one["a"]) for one in draws], "uniform", (-3, 6)).pvalue > 1e-3
    counts = [sum(one["b"] == value for one in draws) for value in range(1, 10)]
    assert max(counts) - min(counts) < 4 * math.sqrt(400 / 9) * 2


def test_quasi_random_points_are_scipys_sequence():
    space = Space.parse(["a=uniform(0, 1)", "b=uniform(0, 1)"])
    found = [suggest("qmc", space, [], number=n, seed=3, maximise=True).params.values() for n in range(16)]
    expected = Sobol(2, scramble=True, rng=3).random(16)
    np.testing.assert_allclose([list(one) for one in found], expected, rtol=1e-5)


@given(
    shares=st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4),
)
@settings(max_examples=50)
def test_each_share_of_a_space_is_a_point_of_it(shares):
    assert SPACE.holds(SPACE.at(shares))
    assert LISTED.holds(LISTED.at(shares[:3]))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (["a"], "must look like --param 'training.lr=loguniform"),
        (["a=3"], "is no range: write uniform"),
        (["a=lognormal(1, 2)"], "There is no range 'lognormal'.*did you mean 'loguniform'"),
        (["a=uniform(1, 0)"], "must begin with its smaller number"),
        (["a=uniform(0, 1)", "a=int(1, 2)"], "vary the same"),
        ([], "needs something to vary"),
        (["a=choice(3)"], "has one value"),
        (["a=loguniform(0, 1)"], "must be above 0"),
        (["a=uniform(1, 1)"], "must begin with its smaller number"),
        (["a=uniform(0, .inf)"], "with numbers"),
        (["a=int(0.5, 2)"], "of whole numbers"),
        (["a=choice()"], "nothing to choose from"),
        (["a=choice(1, 1)"], "twice"),
        (["seeds=choice([0], [1])"], "the best of several seeds is luck"),
        (["maps.seed=int(0, 9)"], "the best of several seeds is luck"),
        (["a=choice(1, 2)", "a.b=int(0, 9)"], "'a.b' lies within 'a'"),
        (["a=uniform(0, 1, n=3)"], r"how many values a sweep draws.*Write uniform\(0, 1\)"),
        (["a=int(0, 9, 3)"], "a search takes --trials"),
        (["a=uniform(0, 1, seed=0)"], "a search takes --trials and --seed"),
        (["a=uniform(0, 1, n=3, n=4)"], "says n twice"),
        (["a=linspace(0, 1, 1e9)"], "has 1000000000 values: at most 10000"),
        (["a=choice(.nan, 1)"], "not finite"),
        (["a=choice([1, .inf], b)"], "not finite"),
        (["a=choice(1, 1.0)"], "has the value 1.0 twice"),
        (["a=uniform(-1e308, 1e308)"], "wider than numbers"),
        (["a=loguniform(1e-320, 1)"], "wider than numbers"),
        (["a..b=uniform(0, 1)"], "is no setting's name"),
        ([".a=uniform(0, 1)"], "is no setting's name"),
        (["sweep.a=choice(1, 2)"], "is of the suite"),
        (["keep_weights=choice(all, none)"], "is of the suite"),
    ],
)
def test_a_wrong_space_is_one_sentence(params, sentence):
    with pytest.raises(UserError, match=sentence):
        Space.parse(params)


def test_a_grid_needs_values_that_can_be_listed():
    with pytest.raises(UserError, match=r"write logspace\(0.001, 1000, 5\)"):
        SPACE.check_grid()
    with pytest.raises(UserError, match="did you mean 'random'"):
        check_sampler("randm")


def test_true_and_one_are_two_values_everywhere():
    space = Space.parse(["a=choice(true, 1)"])
    assert [space.ranges["a"].place(value) for value in (True, 1)] == [0, 1]
    first = suggest("grid", space, (), number=0, seed=0, maximise=True)
    second = suggest("grid", space, [Told(first)], number=1, seed=0, maximise=True)
    assert [type(one.params["a"]) for one in (first, second)] == [bool, int]
    assert suggest("grid", space, [Told(first), Told(second)], number=2, seed=0, maximise=True) is None
    assert explored(space.ranges["a"], 1, 0.9, 0.1) is True


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "gp"])
def test_a_seed_may_be_as_large_as_the_settings_allow(sampler):
    found = suggest(sampler, SPACE, (), number=2, seed=2**32 - 1, maximise=True)
    assert found == replace(suggest(sampler, SPACE, (), number=1, seed=0, maximise=True), number=2)


@given(
    low=st.floats(1e-3, 1e9),
    wider=st.floats(1e-9, 1e-3),
    log=st.booleans(),
    share=st.floats(0, 1),
)
def test_each_point_of_a_range_has_another_apart_from_it(low, wider, log, share):
    try:
        space = Space.parse([f"a={'log' if log else ''}uniform({low!r}, {low * (1 + wider)!r})"])
    except UserError:
        assume(False)
    params = space.at([share])
    other = space.apart(params)
    assert other != params
    assert space.holds(other)
