"""Ranked estimates: the rows stand in their order, what is joined is, and all of it fits."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib.text import Text

from gridcell.plots.forest_plot import Ranking, forest


def ranking(rows, joined=()):
    mean = np.linspace(3, -40, rows)
    width = np.where(np.arange(rows) == 1, np.nan, 2.0)
    return Ranking([f"method {k}" for k in range(rows)], mean, mean - width, mean + width, joined)


def test_rows_intervals_and_bars():
    figure = forest({"one": ranking(4, [(0, 1), (1, 3)])}, x_axis="points", title="Title")
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [f"method {k}" for k in range(4)]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top
    segments = axes.collections[0].get_segments()
    assert segments[0].tolist() == [[1.0, 0.0], [5.0, 0.0]]
    low, high = axes.get_xlim()
    assert low < -42
    assert high > 5
    bars = [line for line in axes.lines if not line.get_clip_on()]
    assert [tuple(np.round(line.get_ydata())) for line in bars] == [(0, 1), (1, 3)]
    assert bars[0].get_xdata()[0] < bars[1].get_xdata()[0]
    assert "+3.0" in [text.get_text() for text in figure.texts]


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 7), st.integers(1, 11))
def test_it_fits(panels, rows):
    joined = [(k, min(k + 2, rows - 1)) for k in range(max(1, rows - 2))]
    name = "vit_base_patch16_224.augreg_in21k_ft_in1k"
    figure = forest({f"{name} {k}": ranking(rows, joined) for k in range(panels)}, x_axis="points", title="T")
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    shown = [text for text in figure.findobj(Text) if text.get_text().strip() and text in figure.texts]
    for axes in figure.axes:
        shown += [axes.title, *axes.get_yticklabels()]
    for box in (text.get_window_extent() for text in shown):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    for axes in figure.axes:
        for line in axes.lines:
            assert line.get_window_extent().x1 <= width


def test_what_can_not_be_drawn_is_refused():
    with pytest.raises(ValueError, match="at least one panel"):
        forest({}, x_axis="")
    with pytest.raises(ValueError, match="1 labels and 2 means"):
        forest({"m": Ranking(["a"], np.zeros(2), np.zeros(2), np.zeros(2))}, x_axis="")
