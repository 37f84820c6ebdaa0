"""Grouped bars with intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Spot, belongs
from gridcell.plots.legend import heading, heading_height, swatch
from gridcell.plots.numbers import short


def grouped_bars(
    means: npt.NDArray[np.float64],
    groups: Sequence[str],
    series: Sequence[str],
    *,
    low: npt.NDArray[np.float64] | None = None,
    high: npt.NDArray[np.float64] | None = None,
    value_axis: str,
    title: str = "",
    order: Sequence[str] = (),
) -> Drawing:
    """Draw one cluster of bars per group, one bar per series, from zero, with interval whiskers.

    Args:
        means: heights, shape (groups, series); NaN is marked by a small cross at zero: nothing to show.
        groups: names along the bottom.
        series: names in the legend.
        low: lower ends of the intervals, shape (groups, series), NaN for none.
        high: upper ends, likewise.
        value_axis: label of the values, with its unit.
        title: above the plot.
        order: names, drawn or not, that come first when colours are given: figures that share it agree.

    Raises:
        ValueError: an array's shape is not (groups, series).

    Example:
        >>> means = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> figure = grouped_bars(means, ["small", "large"], ["farmap", "frontier"], value_axis="steps")
    """
    shape = (len(groups), len(series))
    for name, array in (("means", means), ("low", low), ("high", high)):
        if array is not None and np.shape(array) != shape:
            raise ValueError(f"{name} has shape {np.shape(array)}, not {shape}")
    place = {name: index for index, name in enumerate(dict.fromkeys([*order, *series]))}
    look = [place[name] for name in series]
    alone = len(series) == 1 and not order  # of one series the colour says nothing
    names = style.shorten_all(groups, 22)
    plot_width, plot_height = min(10.2, max(4.0, 0.9 + 0.27 * len(groups) * (len(series) + 1))), 3.2
    slanted = style.text_width(names, style.TICK_SIZE) > plot_width / max(1, len(groups)) * 0.92
    bottom = 0.25 + (0.72 * style.text_width(names, style.TICK_SIZE) if slanted else 0.2)
    labels = style.shorten_all(series, 44)
    # A slanted name runs to the left of its bar: the first needs room.
    left = max(0.95, 0.75 * style.text_width(names[:1], style.TICK_SIZE) * slanted)
    width = max(left + plot_width + 0.15, style.text_width([title], style.TITLE_SIZE) * 1.1 + 0.3)
    height = bottom + plot_height + heading_height(title, labels, width) + 0.1
    drawing = style.new_figure(width, height)
    heading(drawing, title, labels, [swatch(index) for index in look])
    axes = style.place(drawing, left, bottom, plot_width, plot_height)
    centres = np.arange(len(groups))
    bar = 0.8 / max(1, len(series))
    drawing.columns = ("group", "series", "value", "low", "high")
    for index, label in enumerate(series):
        x = centres + (index - (len(series) - 1) / 2) * bar
        known = np.isfinite(means[:, index])
        ends = np.full((2, len(groups)), np.nan)
        bars = axes.bar(
            x[known],
            means[known, index],
            bar * 0.92,
            color=style.FAINT if alone else style.colour(look[index]),
            hatch=style.hatch(look[index]),
            edgecolor="white",
            linewidth=0.4,
        )
        crosses = axes.plot(x[~known], np.zeros((~known).sum()), "x", color=style.FAINT, markersize=5)
        artists: list[Any] = [*bars, *crosses]
        if low is not None and high is not None:
            ends = np.array([low[:, index], high[:, index]])
            shown = known & np.isfinite(ends).all(axis=0)
            artists.append(axes.vlines(x[shown], ends[0, shown], ends[1, shown], style.INK, linewidth=1.1))
        for artist in artists:
            belongs(artist, index)
        for row in np.flatnonzero(known).tolist():
            value, interval = float(means[row, index]), ends[:, row]
            text = (
                f"{groups[row]}, {label}: {short(value)}"
                if len(series) > 1
                else f"{groups[row]}: {short(value)}"
            )
            text += f" [{short(interval[0])}, {short(interval[1])}]" if np.isfinite(interval).all() else ""
            sides = (float(x[row] - bar / 2), float(x[row] + bar / 2))
            drawing.spots.append(Spot(axes, sides, (min(0.0, value), max(0.0, value)), text, index))
            drawing.rows.append([groups[row], label, value, *interval])
    style.tidy(axes)
    axes.axhline(0, color=style.INK, linewidth=0.9)
    axes.set_xlim(-0.5, max(0.5, len(groups) - 0.5))
    axes.spines["bottom"].set_visible(False)
    turn: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(centres, names, **turn)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(value_axis, fontsize=style.LABEL_SIZE, color=style.INK)
    return drawing
