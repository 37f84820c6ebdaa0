"""Figures as SVG: every value stands where matplotlib would put it, and tells itself; nothing is fetched."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gridcell.plots import Curve, curves, grouped_bars, heatmap, pareto, short, style, tradeoff
from gridcell.plots.svg import sign_svg, to_svgs
from gridcell.plots.tradeoff_plot import FRONT, Estimates, Way

X = np.array([0.0, 1.0, 2.0])
TWO = {"one": [Curve("a", X, X), Curve("b", X, 5 - X)], "two": [Curve("b", X, 2 * X)]}


def parsed(svgs):
    return [ElementTree.fromstring(svg.replace('<i class="break"></i>', "")) for svg in svgs]


def spots(svg):
    return [one for one in svg.iter() if one.get("class") == "hit"]


def test_each_panel_stands_alone_and_each_point_tells_its_value_where_it_is():
    figure = curves(TWO, x_axis="steps", y_axis="y")
    one, two = parsed(to_svgs(figure, "what is seen"))
    assert [spot.get("data-t") for spot in spots(two)] == [f"b: {2 * x:g} at {x:g} steps" for x in X]
    assert one.get("aria-label") == "what is seen"
    for svg, axes, part in zip((one, two), figure.axes, figure.parts, strict=True):
        labels = [text.text for text in svg.iter("text")]
        assert {"steps", "y"} <= set(labels)  # each panel names its axes
        left, top = part.left * figure.dpi, (part.bottom + part.height) * figure.dpi
        drawn = {spot.get("data-t"): (float(spot.get("cx")), float(spot.get("cy"))) for spot in spots(svg)}
        for line in axes.lines:
            for x, y in line.get_xydata():
                at = axes.transData.transform((x, y)) - [left, top]
                near = [abs(cx - at[0]) + abs(cy + at[1]) < 0.2 for cx, cy in drawn.values()]
                assert any(near)


def test_what_belongs_to_a_series_can_be_hidden_with_it():
    figure = curves(TWO, x_axis="", y_axis="")
    one, two = parsed(to_svgs(figure, ""))
    keys = {key.label: str(key.series) for key in figure.keys}
    for svg, labels in ((one, "ab"), (two, "b")):
        groups = {group.get("data-s") for group in svg.iter("g") if group.get("data-s")}
        assert groups == {keys[label] for label in labels}
        assert {spot.get("data-s") for spot in spots(svg)} == groups
    assert all("<svg" in sign_svg(key) for key in figure.keys)


def test_colours_are_left_to_the_page():
    (svg,) = to_svgs(grouped_bars(np.ones((1, 2)), ["g"], ["s", "t"], value_axis="v"), "")
    assert not {colour.lower() for colour in style.PALETTE} & set(re.findall(r'"(#[0-9a-f]{6})"', svg))
    assert {"Fc0", "Fc1", "Fink"} <= set(re.findall(r"[FS][a-z]+\d?", svg))
    assert "url(" not in svg
    assert "href" not in svg


def test_numbers_on_dark_cells_stay_white_in_the_dark():
    axes = {"row_axis": "", "column_axis": "", "unit": ""}
    _, svg = to_svgs(heatmap({"": np.array([[100.0, 0.0]])}, ["r"], ["x", "y"], limit=100, **axes), "")
    assert re.search(r'<text [^>]*fill="#fff"[^>]*>100.0</text>', svg)
    assert re.search(r'<text x="[0-9.]+" y="[0-9.]+">0.0</text>', svg)


def test_cells_and_bars_tell_their_values_also_where_none_is_known():
    values = np.array([[1.25, np.nan]])
    figure = heatmap({"": values}, ["r"], ["x", "y"], row_axis="", column_axis="", unit="", diverging=True)
    (_, svg) = parsed(to_svgs(figure, ""))
    told = {one.get("data-t"): float(one.get("x")) for one in svg.iter("rect") if one.get("data-t")}
    assert list(told) == ["r, x: +1.25", "r, y: not known"]
    assert not [one for one in svg.iter() if "Fpaper" in one.get("class", "")]  # nothing covers the cells
    left = figure.parts[1].left * figure.dpi
    for column, x in enumerate(told.values()):
        assert x == pytest.approx(figure.axes[0].transData.transform((column, 0))[0] - left, abs=0.1)
    assert figure.rows == [("", "r", "x", 1.25)]


def test_powers_on_a_logarithmic_axis_are_text():
    figure = curves({"p": [Curve("a", 10.0**X, X)]}, x_axis="", y_axis="", log_x=["p"])
    texts = [text.text for text in parsed(to_svgs(figure, ""))[0].iter("text")]
    assert {"10⁰", "10¹", "10²"} <= set(texts)
    assert not any("mathdefault" in text for text in texts)


def test_two_points_are_not_joined_and_three_are():
    def lines(points):
        figure = curves({"": [Curve("a", X[:points], X[:points])]}, x_axis="", y_axis="")
        return [line.get_linestyle() for line in figure.axes[0].lines]

    assert lines(2) == ["None"]
    assert lines(3) == ["-"]


def test_lines_of_one_colour_differ_by_their_strokes():
    lines = [Curve("exact", X, X, colour="rbf"), Curve("fitted", X, -X, colour="rbf", line="--")]
    (axes,) = curves({"": [*lines, Curve("mlp", X, 2 * X)]}, x_axis="", y_axis="").axes
    exact, fitted, mlp = axes.lines
    assert exact.get_color() == fitted.get_color() != mlp.get_color()
    assert (exact.get_linestyle(), fitted.get_linestyle()) == ("-", "--")


def test_a_name_has_one_colour_in_bars_and_lines_that_share_an_order():
    order = ["x", "b", "a"]
    bars = grouped_bars(np.ones((1, 1)), ["g"], ["a"], value_axis="", order=order).axes[0].patches[0]
    (line,) = curves({"": [Curve("a", X, X)]}, x_axis="", y_axis="", order=order).axes[0].lines
    assert style.colour(2) == line.get_color()
    assert bars.get_facecolor()[:3] == pytest.approx(
        [int(style.colour(2)[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    )


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=8))
def test_the_front_is_what_no_other_point_beats(points):
    def beaten(a, b):
        return b[0] >= a[0] and b[1] >= a[1] and b != a

    expected = {i for i, a in enumerate(points) if not any(beaten(a, b) for b in points)}
    found = pareto(*zip(*points, strict=True))
    assert set(found) == expected
    assert [points[index][0] for index in found] == sorted(points[index][0] for index in found)


def test_the_trade_off_names_every_method_and_draws_the_front():
    none = np.full((3, 2), np.nan)
    figure = tradeoff(
        Estimates(["ft", "lp", "bad"], np.array([9.0, 2.0, 1.0]), np.array([-3.0, 0.5, -4.0]), none, none),
        x_axis="gain",
        y_axis="mRI",
    )
    (svg,) = parsed(to_svgs(figure, ""))
    assert {"ft", "lp", "bad", "before"} <= {text.text for text in svg.iter("text")}
    assert "ft: +9.0, −3.0" in [spot.get("data-t") for spot in spots(svg)]
    (front,) = (line for line in figure.axes[0].lines if line.get_linestyle() == "--")
    assert front.get_xydata().tolist() == [[2.0, 0.5], [9.0, -3.0]]
    assert figure.keys[-1].label == FRONT


def test_the_front_is_of_the_points_on_ways_too():
    none = np.full((2, 2), np.nan)
    way = Way("α", "ft", ["0", "0.5", "1"], np.array([0.0, 6.0, 9.0]), np.array([0.0, 1.0, -3.0]))
    figure = tradeoff(
        Estimates(["ft", "lp"], np.array([9.0, 2.0]), np.array([-3.0, 0.5]), none, none),
        x_axis="gain",
        y_axis="mRI",
        ways=[way],
    )
    (front,) = (line for line in figure.axes[0].lines if line.get_linestyle() == "--")
    assert front.get_xydata().tolist()[0] == [6.0, 1.0]
    assert [2.0, 0.5] not in front.get_xydata().tolist()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-1234.5, "−1,234"),
        (0.00012, "0.00012"),
        (3.0, "3"),
        (2.5e7, "2.5e+07"),
        (0.0, "0"),
        (12.3456, "12.35"),
    ],
)
def test_short(value, text):
    assert short(value) == text
