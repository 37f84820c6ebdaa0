"""Grouped bars with intervals."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from gridcell.plots import style
from gridcell.plots.legend import heading, heading_height, swatch


def grouped_bars(
    means: npt.NDArray[np.float64],
    groups: list[str],
    series: list[str],
    *,
    low: npt.NDArray[np.float64] | None = None,
    high: npt.NDArray[np.float64] | None = None,
    value_axis: str,
    title: str = "",
) -> Figure:
    """Draw one cluster of bars per group, one bar per series, from zero, with interval whiskers.

    Args:
        means: heights, shape (groups, series); NaN is marked by a small cross at zero: nothing to show.
        groups: names along the bottom.
        series: names in the legend.
        low: lower ends of the intervals, shape (groups, series), NaN for none.
        high: upper ends, likewise.
        value_axis: label of the values, with its unit.
        title: above the plot.

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
    names = style.shorten_all(groups, 22)
    plot_width, plot_height = 10.2, 3.5
    slanted = style.text_width(names, style.TICK_SIZE) > plot_width / max(1, len(groups)) * 0.92
    bottom = 0.25 + (0.72 * style.text_width(names, style.TICK_SIZE) if slanted else 0.2)
    labels = style.shorten_all(series, 44)
    left, right = 0.95, 0.15
    width = left + plot_width + right
    height = bottom + plot_height + heading_height(title, labels, width) + 0.1
    figure = style.new_figure(width, height)
    heading(figure, title, labels, [swatch(index) for index in range(len(labels))])
    axes = style.place(figure, left, bottom, plot_width, plot_height)
    centres = np.arange(len(groups))
    bar = 0.8 / max(1, len(series))
    for index in range(len(series)):
        x = centres + (index - (len(series) - 1) / 2) * bar
        known = np.isfinite(means[:, index])
        axes.bar(
            x[known],
            means[known, index],
            bar * 0.92,
            color=style.colour(index),
            hatch=style.hatch(index),
            edgecolor="white",
            linewidth=0.4,
        )
        axes.plot(x[~known], np.zeros((~known).sum()), "x", color=style.FAINT, markersize=5)
        if low is not None and high is not None:
            shown = known & np.isfinite(low[:, index]) & np.isfinite(high[:, index])
            axes.vlines(x[shown], low[shown, index], high[shown, index], style.INK, linewidth=1.1)
    style.tidy(axes)
    axes.axhline(0, color=style.INK, linewidth=0.9)
    axes.set_xlim(-0.5, max(0.5, len(groups) - 0.5))
    axes.spines["bottom"].set_visible(False)
    turn: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(centres, names, **turn)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(value_axis, fontsize=style.LABEL_SIZE, color=style.INK)
    return figure
