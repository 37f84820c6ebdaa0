"""Matrices on a page: drawn without matplotlib, yet each thing where matplotlib would put it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from matplotlib.colors import to_hex

from gridcell.plots import Matrices
from gridcell.plots.heatmap_plot import draw_matrices
from gridcell.plots.matrix_svg import matrix_svgs
from gridcell.report import Picture
from gridcell.report.pictures import write_pictures

AXES = {"row_axis": "fine-tuned on", "column_axis": "tested on", "unit": "points"}


def parsed(matrices):
    return [
        ElementTree.fromstring(svg.replace('<i class="break"></i>', ""))
        for svg in matrix_svgs(matrices, "what is seen")
    ]


def made(rows=4, columns=5, panels=2, **options):
    values = np.linspace(-50, 50, rows * columns).reshape(rows, columns)
    return Matrices(
        {f"method {index}": values * (index + 1) for index in range(panels)},
        [f"row-{index}" for index in range(rows)],
        [f"column-{index}" for index in range(columns)],
        **AXES,
        **options,
    )


numbers = st.one_of(st.just(float("nan")), st.floats(-1e3, 1e3))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4), st.booleans())
@example([[float("nan"), 0.0, 1.1e-308]], False)
@example([[1e-288, -1e-289, 0.0]], False)
def test_cells_have_the_colours_and_numbers_of_matplotlib(values, diverging):
    one = Matrices(
        {"p": np.array(values)},
        [f"r{i}" for i in range(len(values))],
        list("abc"),
        diverging=diverging,
        **AXES,
    )
    _, svg = parsed(one)
    axes = draw_matrices(one).axes[0]
    mesh = axes.collections[0]
    known = np.isfinite(one.panels["p"])
    expected = [
        to_hex(mesh.cmap(mesh.norm(value))) for value in one.panels["p"].ravel() if np.isfinite(value)
    ]
    cells = [rect for rect in svg.iter("rect") if rect.get("data-t")]
    assert [rect.get("fill") for rect in cells if rect.get("fill")] == expected
    assert [rect.get("class") == "Fwash" for rect in cells] == (~known).ravel().tolist()
    (group,) = (group for group in svg.iter("g") if group.get("class") == "numbers")
    assert [text.text for text in group.findall("text")] == [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("rows", [2, 8])  # with the axis' name in the corner, and up the side
def test_all_stands_where_matplotlib_puts_it(rows):
    one = made(rows, outlined=[(0, 0)], divider=3)
    figure = draw_matrices(one)
    figure.canvas.draw()
    for svg, axes, part in zip(parsed(one)[1:], figure.axes, figure.parts[1:], strict=False):
        left, top = part.left * figure.dpi, (part.bottom + part.height) * figure.dpi
        width, height = (float(size) for size in svg.get("viewBox").split()[2:])
        drawn = {text.text: (float(text.get("x")), float(text.get("y"))) for text in svg.iter("text")}
        labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title, axes.xaxis.label]
        for label in labels:
            box = label.get_window_extent()
            x, y = drawn[label.get_text()]
            assert box.x0 - left - 9 <= x <= box.x1 - left + 9, label
            assert top - box.y1 - 9 <= y <= top - box.y0 + 9, label
        assert all(0 <= x <= width and 0 <= y <= height for x, y in drawn.values())
        assert "fine-tuned on" in drawn
        rule = next(path for path in svg.iter("path") if "V" in path.get("d"))
        x = float(re.match(r"M([0-9.]+)", rule.get("d"))[1])
        assert x == pytest.approx(axes.transData.transform((3, 0))[0] - left, abs=0.1)


@pytest.mark.parametrize(("limit", "arrows"), [(None, 0), (60.0, 2), (100.0, 0)])
def test_the_bar_has_an_arrow_where_values_lie_beyond_it(limit, arrows):
    one = made(diverging=True, limit=limit)
    bar = parsed(one)[0]
    assert sum("z" in path.get("d") for path in bar.iter("path")) == arrows
    ticks = [float(text.text.replace("−", "-")) for text in bar.iter("text") if text.text != "points"]
    assert ticks[0] == -ticks[-1]
    assert 0.5 * one.end <= ticks[-1] <= one.end
    places = [float(text.get("x")) for text in bar.iter("text") if text.text != "points"]
    assert np.diff(places) == pytest.approx(np.diff(places)[0], abs=0.2)
    fills = [rect.get("fill") for rect in bar.iter("rect")]
    assert (fills[0], fills[-1]) == (to_hex(one.colours(0.0)), to_hex(one.colours(1.0)))


def test_a_report_takes_matrices_in_place_of_a_figure(tmp_path):
    names = {"<ft>": np.array([[1.0, np.nan]]), "lp": np.array([[2.0, 3.0]])}
    one = Matrices(names, ["a & b"], ["x", "y"], **AXES, title="Title")
    blank = Matrices({"": np.full((1, 2), np.nan)}, ["a"], ["x", "y"], **AXES)
    pictures = [
        Picture("matrix", "answer", "A <matrix>.", one, png=False),
        Picture("blank", "answer", "Nothing.", blank),
    ]
    (shown,) = write_pictures(pictures, tmp_path, ["pdf"])
    assert [file.name for file in tmp_path.iterdir()] == ["matrix.pdf"]
    assert (shown.title, shown.legend, len(shown.parts)) == ("Title", [], 3)
    texts = [text.text for text in ElementTree.fromstring(shown.parts[1]).iter("text")]
    assert {"<ft>", "a & b", "1.0"} <= set(texts)
    assert one.records == [("<ft>", "a & b", "x", 1.0), ("lp", "a & b", "x", 2.0), ("lp", "a & b", "y", 3.0)]
