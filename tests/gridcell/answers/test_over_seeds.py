"""Means over seeds: their interval, and what is not in them."""

import math

import numpy as np
import pytest
import scipy.stats
import toy_task

import gridcell as package
from gridcell.answers.over_seeds import over_seeds
from gridcell.cli.results import _means
from gridcell.report.tidy import tidy
from gridcell.task import find_task
from made_up import made_up


def test_means_over_seeds_have_students_interval_and_say_what_is_not_in_them(tmp_path):
    values = {("a", 0): 1.0, ("a", 1): 2.0, ("a", 2): 4.5, ("b", 0): 7.0, ("b", 1): None, ("c", 0): None}
    metrics = [None if value is None else {"x": value, "y": [1]} for value in values.values()]
    labels = [{"method": method, "seed": seed} for method, seed in values]
    means = over_seeds(tidy(made_up(metrics, labels, tmp_path)))
    assert means.columns == ["method", "n", "x", "x.low", "x.high", "missing", "stale", "cells"]
    a, b, c = means.rows
    sample = [1.0, 2.0, 4.5]
    low, high = scipy.stats.t.interval(0.95, 2, loc=np.mean(sample), scale=scipy.stats.sem(sample))
    assert (a["n"], a["x"], len(a["cells"])) == (3, pytest.approx(2.5), 3)
    assert (a["x.low"], a["x.high"]) == (pytest.approx(low), pytest.approx(high))
    assert (b["n"], b["missing"], b["x"], b["x.low"]) == (1, 1, 7.0, None)
    assert (c["n"], c["missing"], c.get("x")) == (0, 1, None)
    assert list(means.notes) == ["1 metric is no number and has no mean."]


def test_a_value_that_is_not_finite_is_in_no_mean_which_is_said(tmp_path):
    metrics = [{"x": 1.0}, {"x": float("nan")}, {"x": 3.0}, {"z": 1}]
    labels = [{"m": "a", "seed": seed} for seed in range(3)] + [{"m": "other", "seed": 0}]
    means = over_seeds(tidy(made_up(metrics, labels, tmp_path)))
    assert (means.rows[0]["n"], means.rows[0]["x"], means.rows[0]["x.n"]) == (3, 2.0, 2)
    assert "x.n" in means.columns
    assert "z.n" not in means.columns
    low, high = scipy.stats.t.interval(0.95, 1, loc=2.0, scale=scipy.stats.sem([1.0, 3.0]))
    shown = _means(means, [], whole=False)
    assert shown.rows[0][shown.columns.index("x")] == f"2.000 ± {(high - low) / 2:.2g} (n = 2)"
    assert list(means.notes) == ["1 value is missing or not finite, and in no mean."]


HUGE = 3 * 10**400
"""A whole number that no float holds: cells may answer it, JSON keeps it."""


def test_a_whole_number_beyond_floats_is_in_no_mean(tmp_path):
    labels = [{"m": "a", "seed": seed} for seed in range(3)]
    means = over_seeds(tidy(made_up([{"x": 1}, {"x": HUGE}, {"x": 3}], labels, tmp_path)))
    assert (means.rows[0]["x"], means.rows[0]["x.n"]) == (2.0, 2)
    assert list(means.notes) == ["1 value is missing or not finite, and in no mean."]


@pytest.fixture
def huge_toy(monkeypatch):
    """The toy task without a report of its own, whose cells report and answer what no float holds."""

    def step(cell, context):
        context.report(1, sum=HUGE)
        (context.outputs / "sum.txt").write_text("1")
        return {"sum": HUGE + cell.config["add"], "share": 0.5}

    monkeypatch.setattr(toy_task, "step", step)
    monkeypatch.setattr(toy_task, "total", lambda cell, context: {"sum": -HUGE, "share": 1})
    task, own = find_task("toy"), find_task("toy").report
    object.__setattr__(task, "report", "gridcell.report.default:write")
    yield
    object.__setattr__(task, "report", own)


def test_all_that_shows_results_takes_a_whole_number_beyond_floats(huge_toy, gridcell):
    seeds = {"one": "seeds=[0,1]", "two": "seeds=[0,1]"}
    for storage, values in seeds.items():
        code, output, errors = gridcell(
            "run", "toy", "--executor", "inline", "--storage", storage, "--set", values
        )
        assert code == 0, output + errors
    for more in ("--over seed", "--format table", "--format csv", "--format latex", "--format json"):
        code, _, errors = gridcell("results", "toy", "--storage", "one", "--set", seeds["one"], *more.split())
        assert code == 0, errors
    assert gridcell("compare", "one", "two")[0] == 0
    long = package.results("toy", storage="one", settings={"seeds": [0, 1]}, long=True)
    assert set(long.value) == {math.inf, -math.inf, 0.5, 1.0}
