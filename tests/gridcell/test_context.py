"""What a cell reports stays small, and keeps its first and last points."""

import math

from gridcell.cell import Cell
from gridcell.context import MAX_CURVE_POINTS, Context, Curves


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


def test_what_is_not_finite_is_told_to_the_driver_and_kept_out_of_curves(store, tmp_path):
    told = []
    context = Context(
        cell=Cell("t", "k", {}),
        store=store,
        outputs=tmp_path,
        scratch=tmp_path,
        cache=tmp_path,
        reporter=lambda step, metrics: told.append((step, set(metrics))),
    )
    context.report(3, loss=math.nan, lr=0.1)
    assert context.curves.points == {"lr": [(3, 0.1)]}
    assert told == [(3, {"loss", "lr"})]
    assert list(context.alive("ab")) == ["a", "b"]
    assert told[1:] == [(0, set()), (0, set())]


def test_a_whole_number_beyond_floats_is_kept_out_of_curves(store, tmp_path):
    told = []
    context = Context(
        cell=Cell("t", "k", {}),
        store=store,
        outputs=tmp_path,
        scratch=tmp_path,
        cache=tmp_path,
        reporter=lambda step, metrics: told.append(metrics),
    )
    context.report(3, size=10**400, lr=0.1)
    assert context.curves.points == {"lr": [(3, 0.1)]}
    assert told == [{"size": math.inf, "lr": 0.1}]
