"""Labelled scatter plots: the line, and names that cover neither points nor one another."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib.text import Annotation

from gridcell.plots.scatter_plot import Points, fitted_line, scatter

AXES = {"x_axis": "distance", "y_axis": "loss (points)"}


def names_in(figure):
    return [text for text in figure.findobj(Annotation) if text.get_text()]


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=9))
def test_the_line_is_that_of_least_squares(pairs):
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) == 0:
        assert fitted_line(x, y) is None
    else:
        assert fitted_line(x, y) == pytest.approx(tuple(np.polyfit(x, y, 1)), abs=1e-8)


def test_names_stand_apart_even_where_points_are_close():
    x = np.array([1.0, 1.04, 1.02, 5.0, 9.0])
    y = np.array([2.0, 2.0, 2.3, 7.0, 1.0])
    names = ["objectnet", "drawing", "r", "sketch", "cartoon"]
    error = np.array([0.0, 0.0, 0.0, 2.0, 0.1])
    figure = scatter({"m": Points(names, x, y, error, note="r = +0.12")}, **AXES)
    figure.canvas.draw()
    texts = names_in(figure)
    assert sorted(text.get_text() for text in texts) == sorted([*names, "r = +0.12"])
    boxes = [text.get_window_extent() for text in texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    along = np.concatenate([np.column_stack([x + share * error, y]) for share in np.linspace(-1, 1, 41)])
    spots = figure.axes[0].transData.transform(along)
    assert not any(box.contains(*spot) for box in boxes for spot in spots)
    frame = figure.axes[0].get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)


@settings(max_examples=5)
@given(st.integers(1, 7))
def test_a_panel_for_each(count):
    points = Points(["a", "b"], np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.array([0.1, 0.0]))
    figure = scatter({f"model {index}": points for index in range(count)}, title="t", **AXES)
    assert [axes.get_title() for axes in figure.axes] == [f"model {index}" for index in range(count)]


def test_a_long_title_fits():
    title = "Distance from the pre-training data and accuracy lost on held-out pre-training data"
    figure = scatter({"m": Points(["a"], np.array([1.0]), np.array([2.0]))}, title=title, **AXES)
    figure.canvas.draw()
    assert figure.texts[0].get_text() == title
    assert figure.texts[0].get_window_extent().x1 <= figure.canvas.get_width_height()[0]


def test_a_single_point_has_no_line():
    figure = scatter({"m": Points(["a"], np.array([1.0]), np.array([2.0]))}, **AXES)
    assert not figure.axes[0].lines
    assert len(figure.axes[0].collections) == 1  # the point


def test_a_series_has_one_colour_in_all_panels_and_a_legend_where_they_mix():
    def points(series):
        return Points(["a", "b"], np.array([0.0, 1.0]), np.array([1.0, 0.0]), series=series)

    figure = scatter({"one": points(["n", "n"]), "both": points(["m", "n"])}, **AXES)
    one, both = (axes.collections[0].get_facecolors() for axes in figure.axes)
    assert (one[0] == one[1]).all()
    assert (one[0] == both[1]).all()
    assert (both[0] != both[1]).any()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["n", "m"]
    assert not scatter({"one": points(["n", "n"])}, **AXES).legends


def test_what_can_not_be_drawn_is_refused():
    with pytest.raises(ValueError, match="at least one panel"):
        scatter({}, **AXES)
    with pytest.raises(ValueError, match="1 labels, 2 x, 2 y"):
        scatter({"m": Points(["a"], np.zeros(2), np.zeros(2))}, **AXES)
    with pytest.raises(ValueError, match="not finite"):
        scatter({"m": Points(["a"], np.array([np.nan]), np.zeros(1))}, **AXES)
