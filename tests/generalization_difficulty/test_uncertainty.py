"""The range of a difficulty against a search over everything its ingredients allow."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from generalization_difficulty import Classification, measure_arrays
from generalization_difficulty.data.synthetic import sphere
from generalization_difficulty.estimate.extremes import extreme_interval
from generalization_difficulty.estimate.uncertainty import propagate
from generalization_difficulty.report.uncertainty import FEWER, _of_origin
from gridcell.errors import UserError

TASK = Classification(n=60_000, m=14, radius=17.2, classes=10, delta=2.4, eps=0.001)


def bits(**change):
    return replace(TASK, **change).difficulty().log2_bits


def test_what_a_unit_of_m_is_worth():
    found = propagate(TASK, estimate=13.6, error=0.5, by_neighbours={3: 14.5, 10: 12.0}, delta=(2.0, 3.0))
    alone = {item.source: (item.low, item.high, item.log2_bits) for item in found.contributions}
    assert alone["error of m"][:2] == pytest.approx((13.6 - 0.98, 13.6 + 0.98))
    assert alone["error of m"][2] == pytest.approx((bits(m=13.6 - 0.98), bits(m=13.6 + 0.98)))
    assert alone["rounding of m"] == (13.6, 14, (bits(m=13.6), bits(m=14)))
    assert alone["choice of k"] == (12.0, 14.5, (bits(m=12.0), bits(m=14.5)))
    assert alone["delta"] == (2.0, 3.0, (bits(delta=3.0), bits(delta=2.0)))
    assert found.log2_bits == pytest.approx((bits(m=12.0, delta=3.0), bits(m=13.6 + 0.98, delta=2.0)))


@given(st.floats(2, 40), st.floats(0, 2), st.floats(0.05, 20), st.floats(1, 3))
def test_the_range_holds_everything_between_its_ends(m, error, delta, factor):
    task = replace(TASK, m=max(1, round(m)), delta=delta)
    ends = delta / factor, delta * factor
    try:
        task.difficulty()
    except UserError:
        return
    low, high = propagate(task, estimate=m, error=error, by_neighbours={}, delta=ends).log2_bits
    random = np.random.default_rng(0)
    for _ in range(20):
        try:
            value = replace(
                task,
                m=max(1.0, random.uniform(m - 1.96 * error, m + 1.96 * error)),
                delta=random.uniform(*ends),
            )
            value = value.difficulty().log2_bits
        except UserError:
            continue
        assert high is not None
        assert value <= high + 0.1
        assert low is None or value >= low - 0.1


def test_an_end_without_difficulty_is_none():
    found = propagate(TASK, estimate=14.0, error=0.0, by_neighbours={}, delta=(2.0, 1e6))
    assert found.log2_bits == (None, bits(delta=2.0))
    assert propagate(TASK, estimate=None, error=None, by_neighbours={}, delta=None).log2_bits == (
        bits(),
        bits(),
    )


def test_centred_points_do_not_depend_on_where_they_lie():
    points, labels = sphere(3, 300, 6, 0)
    near = measure_arrays(points, labels, eps=0.01, centre="mean")
    far = measure_arrays(points + 1e4, labels, eps=0.01, centre="mean")
    assert far.difficulty.log2_bits == pytest.approx(near.difficulty.log2_bits, abs=1e-6)
    uncentred = measure_arrays(points + 1e4, labels, eps=0.01)
    assert uncentred.difficulty.log2_bits > near.difficulty.log2_bits + 20
    assert uncentred.mean_norm > 1e4 * uncentred.spread


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6, 1.0, 4.0])
def test_it_is_said_where_the_origin_adds_a_factor(shift):
    """Against a measurement from the mean: where it is said, the bits are fewer by more than that."""
    points, labels = sphere(3, 300, 6, 0)
    here, there = (measure_arrays(points + shift, labels, eps=0.01, centre=one) for one in ("mean", "origin"))
    entry = {"radius": {"mean": there.task.radius}, "m": {"mean": there.task.m}}
    said = _of_origin("a", entry | {"mean_norm": there.mean_norm, "spread": there.spread})
    added = there.difficulty.log2_bits - here.difficulty.log2_bits
    assert bool(said) == (shift == 4)
    assert not said or added > math.log2(FEWER)


@pytest.mark.parametrize("unit", [2.0**1000, 2.0**664, 2.0**-664, 2.0**-1000])
@pytest.mark.parametrize(("share", "told"), [(0.5, False), (0.9, True)])
def test_what_is_said_of_the_origin_does_not_depend_on_the_unit(unit, share, told):
    """Squares of such values overflow or vanish."""
    in_ones, in_units = (
        _of_origin(
            "a",
            {"radius": {"mean": u}, "m": {"mean": 5}, "mean_norm": share * u, "spread": 0.2 * u},
        )
        for u in (1.0, unit)
    )
    assert bool(in_ones) == bool(in_units) == told


def test_nothing_is_said_of_the_origin_where_all_points_are_there():
    entry = {"radius": {"mean": 0.0}, "m": {"mean": 5}, "mean_norm": 0.0, "spread": 0.0}
    assert not _of_origin("a", entry)


@pytest.mark.parametrize("unit", [2.0**530, 2.0**-660])
def test_the_unit_of_the_points_does_not_matter(unit):
    """Squares of such values overflow or vanish; the points are no duplicates for that."""
    points, labels = sphere(3, 300, 6, 0)
    one, other = (measure_arrays(points * u, labels, eps=0.01) for u in (1.0, unit))
    assert other.difficulty.log2_bits == pytest.approx(one.difficulty.log2_bits, abs=1e-9)
    assert other.task.delta == one.task.delta * unit
    assert other.duplicates == 0
    assert other.spread == pytest.approx(one.spread * unit)


@pytest.mark.parametrize("index", [0.1, 0.25, 0.5])
def test_the_interval_of_an_extreme_covers_what_it_says(index):
    """200 draws of 20,000 of 10 million Pareto values; the largest of all is known in distribution."""
    covered = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        largest = np.sort(random.random(20_000) ** -index)[-501:]
        truth = (random.exponential() / 10**7) ** -index
        low, high = extreme_interval(largest, share=500 / 20_000, total=10**7, seed=seed, draws=200)
        covered += low <= truth <= high
    assert covered >= 180
