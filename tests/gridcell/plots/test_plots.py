"""Figures: what is drawn, that it fits, and that drawing leaves no trace."""

import base64
import subprocess
import sys
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from gridcell.plots import style
from gridcell.plots.bar_plot import grouped_bars
from gridcell.plots.heatmap_plot import heatmap
from gridcell.plots.line_plot import Curve, curves
from gridcell.plots.numbers import interval, signed
from gridcell.plots.radar_plot import radar

LONG = "vit_base_patch16_224.augreg_in21k_ft_in1k"
AXES = {"row_axis": "fine-tuned on", "column_axis": "tested on", "unit": "accuracy (%)"}


def panel_axes(figure: Figure):
    return figure.axes[:-1]  # the colour bar is drawn last


def visible_texts(figure: Figure) -> list[Text]:
    ticks = [
        (axis, tick)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
    ]
    # Ticks beyond the view exist but are not drawn.
    unseen = [tick.label1 for axis, tick in ticks if not in_view(tick.get_loc(), axis.get_view_interval())]
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if text not in unseen]


def in_view(location: float, ends) -> bool:
    return min(ends) - 1e-9 <= location <= max(ends) + 1e-9


def assert_fits(figure: Figure) -> None:
    """Every text that is drawn lies within the figure."""
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    for text in visible_texts(figure):
        box = text.get_window_extent()
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert inside, f"{text.get_text()!r} leaves the figure: {box}"


def assert_no_overlap(texts: list[Text]) -> None:
    for one, other in combinations(texts, 2):
        assert not one.get_window_extent().overlaps(other.get_window_extent()), (
            one.get_text(),
            other.get_text(),
        )


def luminance(colour) -> float:
    return float(
        np.dot(
            [0.2126, 0.7152, 0.0722],
            [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)],
        )
    )


def test_heatmap_writes_every_known_cell_and_hatches_the_others():
    values = np.array([[1.25, -3.0, np.nan], [0.0, 12.345, -0.01]])
    figure = heatmap({"one": values, "two": -values}, ["r", "s"], ["x", "y", "z"], diverging=True, **AXES)
    one, two = panel_axes(figure)
    assert [text.get_text() for text in one.texts] == ["+1.2", "−3.0", "0.0", "+12.3", "0.0"]
    assert len(two.texts) == 5
    hatched = [patch for patch in one.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert [patch.get_xy() for patch in hatched] == [(2, 0)]


def test_heatmap_shares_a_scale_centred_on_zero():
    figure = heatmap(
        {"small": np.array([[1.0, 0.0]]), "large": np.array([[-8.0, 8.0]])},
        ["r"],
        ["x", "y"],
        diverging=True,
        **AXES,
    )
    meshes = [axes.collections[0] for axes in panel_axes(figure)]
    assert {mesh.get_clim() for mesh in meshes} == {(-8.0, 8.0)}
    zero, lost, gained = meshes[0].cmap(meshes[0].norm([0.0, -8.0, 8.0]))
    assert zero[:3] == pytest.approx([0.97, 0.97, 0.97], abs=0.03)
    assert lost[0] > lost[2]  # red
    assert gained[2] > gained[0]  # blue


def test_heatmap_of_accuracies_starts_at_zero():
    figure = heatmap({"": np.array([[20.0, 80.0]])}, ["r"], ["x", "y"], limit=100, **AXES)
    mesh = panel_axes(figure)[0].collections[0]
    assert mesh.get_clim() == (0, 100)
    light, dark = (luminance(colour[:3]) for colour in mesh.cmap(mesh.norm([20.0, 80.0])))
    assert light > dark


@pytest.mark.parametrize(
    ("rows", "columns", "panels"), [(8, 9, 9), (2, 9, 1), (1, 3, 1), (3, 4, 4), (20, 9, 1), (8, 9, 2)]
)
@pytest.mark.parametrize("names", ["set", LONG])
def test_heatmap_fits(rows, columns, panels, names):
    values = np.linspace(-99, 99, rows * columns).reshape(rows, columns)
    figure = heatmap(
        {f"method {index}": values for index in range(panels)},
        [f"{names}{index}" for index in range(rows)],
        [f"{names[:12]}{index}" for index in range(columns)],
        title=f"{LONG}: change of accuracy by fine-tuning",
        diverging=True,
        **AXES,
    )
    assert_fits(figure)
    for axes in panel_axes(figure):
        assert_no_overlap(axes.texts[: 3 * columns])


def test_heatmap_refuses_other_shapes():
    with pytest.raises(ValueError, match="shape"):
        heatmap({"": np.ones((2, 2))}, ["r"], ["x", "y"], **AXES)
    with pytest.raises(ValueError, match="panel"):
        heatmap({}, ["r"], ["x"], **AXES)


def test_heatmap_without_any_value_is_blank():
    figure = heatmap({"": np.full((2, 2), np.nan)}, ["r", "s"], ["x", "y"], diverging=True, **AXES)
    assert len(panel_axes(figure)[0].texts) == 0
    assert_fits(figure)


def test_bars_have_their_heights_whiskers_and_crosses():
    means = np.array([[1.0, -2.0], [np.nan, 3.0]])
    figure = grouped_bars(
        means, ["g", "h"], ["s", "t"], low=means - 1, high=means + 1, value_axis="mRI (percentage points)"
    )
    (axes,) = figure.axes
    assert sorted(patch.get_height() for patch in axes.patches) == [-2, 1, 3]
    ends = [tuple(segment[:, 1]) for lines in axes.collections for segment in lines.get_segments()]
    assert sorted(ends) == [(-3, -1), (0, 2), (2, 4)]
    assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "x") == 1
    with pytest.raises(ValueError, match="low"):
        grouped_bars(means, ["g", "h"], ["s", "t"], low=means[:1], value_axis="")


@pytest.mark.parametrize("series", [1, 4, 20])
@pytest.mark.parametrize("groups", [["ft", "lp"], [f"a-long-method-name-{index}" for index in range(12)]])
def test_bars_fit(series, groups):
    means = np.arange(len(groups) * series, dtype=float).reshape(len(groups), series)
    names = [f"{LONG}{index}" for index in range(series)]
    figure = grouped_bars(means, groups, names, value_axis="mRI (percentage points)", title="Title")
    assert_fits(figure)
    assert_no_overlap(figure.legends[0].get_texts())
    looks = {(style.colour(index), style.hatch(index)) for index in range(series)}
    assert len(looks) == series


def test_curves_keep_a_label_in_its_colour_across_panels():
    x = np.array([0.0, 0.5, 1.0])
    a, b = Curve("a", x, x, x - 1, x + 1), Curve("b", x, -x)
    figure = curves({"p": [a, b], "q": [b]}, x_axis="α", y_axis="accuracy (%)", title="Title")
    p, q = figure.axes
    assert p.lines[1].get_color() == q.lines[0].get_color() != p.lines[0].get_color()
    assert len(p.collections) == 1  # the band of a
    assert p.get_ylim() == q.get_ylim()
    assert p.get_ylim()[0] <= -1
    with pytest.raises(ValueError, match="panel"):
        curves({}, x_axis="", y_axis="")


@pytest.mark.parametrize("panels", [1, 2, 5])
def test_curves_fit(panels):
    x = np.linspace(0, 1, 11)
    names = [f"{LONG}{index}" for index in range(panels)]
    lines = [Curve("set fine-tuned on", x, 90 * x), Curve("mean over the other sets", x, 50 - x)]
    figure = curves(
        dict.fromkeys(names, lines), x_axis="α (0 = pre-trained)", y_axis="accuracy (%)", title="T"
    )
    assert_fits(figure)
    assert_no_overlap([axes.title for axes in figure.axes])


def test_radar_closes_profiles_and_fits():
    spokes = ["short", "a-rather-long-set", "c", "another-long-name", "e"]
    figure = radar(
        spokes,
        {"before": np.arange(5.0), "after": np.array([1, np.nan, 1, 1, 1])},
        limit=10,
        unit="accuracy (%)",
        title=f"{LONG}, before and after",
    )
    (axes,) = figure.axes
    assert list(axes.lines[0].get_ydata()) == [0, 1, 2, 3, 4, 0]
    assert len(axes.patches) == 1  # only the complete profile is filled
    assert [text.get_text() for text in axes.texts] == spokes
    assert_fits(figure)
    with pytest.raises(ValueError, match="three"):
        radar(["a", "b"], {}, limit=1, unit="")
    with pytest.raises(ValueError, match="shape"):
        radar(spokes, {"p": np.ones(4)}, limit=1, unit="")


def test_dollar_signs_are_no_formula():
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    names = ["$a_1", "b$^"]
    for figure in (
        heatmap({"$x^$$": values}, names, names, title="$\\bad$", **AXES),
        grouped_bars(values, names, names, value_axis="$"),
        curves({"$\\x$": [Curve("$\\y$", values[0], values[1])]}, x_axis="x", y_axis="y"),
        radar([*names, "$\\z$"], {"$\\p$": np.ones(3)}, limit=2, unit="$\\u$"),
    ):
        assert style.to_png(figure).startswith(b"\x89PNG")


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_text_can_be_read_on_any_colour(background):
    text = luminance(style.readable_on((*background, 1.0)))
    light, dark = sorted([text, luminance(background)], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # what WCAG 2 asks of small text


def test_png_is_repeatable_and_keeps_white(tmp_path):
    def draw() -> Figure:
        return heatmap({"": np.array([[20.0, 80.0]])}, ["r"], ["x", "y"], **AXES)

    png = style.save(draw(), tmp_path / "new" / "figure.png")
    assert (tmp_path / "new" / "figure.png").read_bytes() == png == style.to_png(draw())
    image = Image.open(BytesIO(png)).convert("RGB")
    assert image.getpixel((1, 1)) == (255, 255, 255)
    figure = draw()
    figure.canvas.draw()
    exact = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    assert image.size == exact.shape[1::-1]
    assert abs(np.asarray(image).astype(int) - exact).max() <= 2
    assert base64.b64decode(style.to_data_uri(png).removeprefix("data:image/png;base64,")) == png


def test_drawing_touches_no_global_state():
    code = (
        "import sys, numpy as np, matplotlib; before = matplotlib.rcParams.copy();"
        "from gridcell.plots import style, heatmap, grouped_bars, curves, radar;"
        "style.to_png(grouped_bars(np.ones((2, 2)), ['a', 'b'], ['c', 'd'], value_axis='v'));"
        "style.to_png(heatmap({'': np.eye(2)}, 'ab', 'cd', row_axis='', column_axis='', unit=''));"
        "assert matplotlib.rcParams.copy() == before; assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(1.26, 1, "+1.3"), (-0.04, 1, "0.0"), (0.04, 1, "0.0"), (-12.346, 2, "−12.35")],
)
def test_signed(value, decimals, text):
    assert signed(value, decimals) == text


def test_interval():
    assert interval(-1.26, 0.0) == "[−1.3, 0.0]"


@given(st.text(max_size=50), st.integers(3, 60))
def test_shorten_keeps_both_ends(label, longest):
    short = style.shorten(label, longest)
    if len(label) <= longest:
        assert short == label
        return
    assert len(short) == longest
    cut = (longest - 1) // 2
    assert short[cut] == "…"
    assert label.startswith(short[:cut])
    assert label.endswith(short[cut + 1 :])


def test_shorten_all_never_merges_names():
    names = ["abcdefXghijkl", "abcdefYghijkl"]
    assert style.shorten_all(names, 8) == names
    assert style.shorten_all(["abcdefghijkl", "x"], 8) == ["abc…ijkl", "x"]


def test_panels_with_an_abscissa_of_their_own():
    line = Curve("a", np.array([1.0, 10.0, 100.0]), np.array([1.0, 2.0, 3.0]))
    short = Curve("a", np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    figure = curves({"n": [line], "m": [short]}, x_axis="", y_axis="y", own_x=True, log_x=["n"])
    wide, narrow = figure.axes
    assert (wide.get_xscale(), narrow.get_xscale()) == ("log", "linear")
    assert wide.get_xlim()[1] > 100
    assert narrow.get_xlim()[1] < 2
    assert wide.get_ylim() == narrow.get_ylim()


def test_figures_that_share_an_order_give_a_label_one_colour():
    line = Curve("b", np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    other = Curve("a", line.x, line.y)
    (both,) = curves({"": [other, line]}, x_axis="", y_axis="y").axes
    (alone,) = curves({"": [line]}, x_axis="", y_axis="y", order=["a", "b"]).axes
    assert alone.lines[0].get_color() == both.lines[1].get_color() != both.lines[0].get_color()
    assert [text.get_text() for text in alone.figure.legends[0].get_texts()] == ["b"]
