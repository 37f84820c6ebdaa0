"""What a cell reports stays small, and keeps its first and last points."""

import itertools
import json
import math

import numpy as np
import pytest

from gridcell.cell import Cell
from gridcell.context import MAX_CURVE_POINTS, Context, Curves


def _context(store, folder, reporter):
    return Context(Cell("t", "k", {}), store, outputs=folder, scratch=folder, cache=folder, reporter=reporter)


def test_a_curve_is_thinned_by_half_only_when_it_grows_beyond_its_limit():
    curves = Curves()
    for step in range(MAX_CURVE_POINTS):
        curves.add(step, {"loss": step / 2})
    assert curves.points["loss"] == [(step, step / 2) for step in range(MAX_CURVE_POINTS)]
    curves.add(MAX_CURVE_POINTS, {"loss": 0.0})
    kept = curves.points["loss"]
    assert kept[0] == (0, 0.0)
    assert kept[-1] == (MAX_CURVE_POINTS, 0.0)
    assert [step for step, _ in kept] == list(range(0, MAX_CURVE_POINTS + 1, 2))


def test_a_long_curve_keeps_its_past_as_finely_as_its_end():
    curves = Curves()
    for step in range(20_000):
        curves.add(step, {"loss": step / 2})
    steps = [step for step, _ in curves.points["loss"]]
    gaps = {after - before for before, after in itertools.pairwise(steps[:-1])}
    assert (steps[0], steps[-1], gaps) == (0, 19_999, {64})
    assert steps[-1] - steps[-2] <= 64


def test_the_mean_of_a_thinned_curve_is_that_of_the_whole():
    """A curve that falls in its first half: a mean over too few early points would be too low."""
    values = np.concatenate([np.linspace(1, 0.8, 1500), np.full(1500, 0.8)])
    curves = Curves()
    for step, value in enumerate(values):
        curves.add(step, {"forgotten": value})
    told = np.array(curves.points["forgotten"])
    assert np.trapezoid(told[:, 1], told[:, 0]) / 2999 == pytest.approx(values.mean(), abs=1e-4)


def test_curves_go_on_from_a_checkpoint_as_if_they_had_not_stopped():
    whole, before, after = Curves(), Curves(), Curves()
    for step in range(3000):
        whole.add(step, {"loss": step / 2})
        before.add(step, {"loss": step / 2}) if step < 1234 else after.add(step, {"loss": step / 2})
        if step == 1233:
            after.restore(json.loads(json.dumps(before.state())))
    assert (after.points, after.step) == (whole.points, whole.step)


def test_a_step_of_numpy_is_a_step(store, tmp_path):
    told = []
    context = _context(store, tmp_path, lambda step, metrics: told.append(step))
    for step in np.arange(3):
        context.report(step, loss=np.float32(1.0))
    assert (
        json.dumps([told, context.curves.points]) == '[[0, 1, 2], {"loss": [[0, 1.0], [1, 1.0], [2, 1.0]]}]'
    )


def test_a_loop_within_a_training_leaves_its_step_alone(store, tmp_path):
    told = []
    context = _context(store, tmp_path, lambda step, metrics: told.append((step, dict(metrics))))
    context.report(4000, loss=1.0)
    assert list(context.alive("ab")) == ["a", "b"]
    assert told == [(4000, {"loss": 1.0}), (4000, {}), (4000, {})]


def test_what_is_not_finite_is_told_to_the_driver_and_kept_out_of_curves(store, tmp_path):
    told = []
    context = _context(store, tmp_path, lambda step, metrics: told.append((step, set(metrics))))
    context.report(3, loss=math.nan, lr=0.1)
    assert context.curves.points == {"lr": [(3, 0.1)]}
    assert told == [(3, {"loss", "lr"})]


def test_a_loop_without_steps_reports_that_the_cell_lives(store, tmp_path):
    told = []
    context = _context(store, tmp_path, lambda step, metrics: told.append((step, set(metrics))))
    assert list(context.alive("ab")) == ["a", "b"]
    assert told == [(0, set()), (0, set())]


def test_a_whole_number_beyond_floats_is_kept_out_of_curves(store, tmp_path):
    told = []
    context = _context(store, tmp_path, lambda step, metrics: told.append(metrics))
    context.report(3, size=10**400, lr=0.1)
    assert context.curves.points == {"lr": [(3, 0.1)]}
    assert told == [{"size": math.inf, "lr": 0.1}]
