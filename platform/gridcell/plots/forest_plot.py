"""Ranked estimates with intervals: one row each, and bars that join what can't be told apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from gridcell.plots import style
from gridcell.plots.legend import heading, heading_height
from gridcell.plots.numbers import signed

_ROW = 0.29  # inches
_BAR = 0.11  # inches from one joining bar to the next


@dataclass(frozen=True)
class Ranking:
    """A panel's rows, the first on top.

    Attributes:
        labels: of the rows.
        mean: shape (rows,).
        low: lower ends of the intervals, shape (rows,), NaN for none.
        high: upper ends, likewise.
        joined: first and last row of each bar at the right.
    """

    labels: Sequence[str]
    mean: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    joined: Sequence[tuple[int, int]] = ()


def forest(panels: Mapping[str, Ranking], *, x_axis: str, title: str = "", panels_per_row: int = 3) -> Figure:
    """Draw rankings on one shared abscissa, each with its own rows.

    Args:
        panels: title of each panel -> its rows.
        x_axis: label of the abscissa, with its unit.
        title: above all panels.
        panels_per_row: how many panels stand side by side.

    Raises:
        ValueError: there are no panels, or a panel's arrays differ in length.

    Example:
        >>> means = np.array([1.0, -2.0])
        >>> ranking = Ranking(["ewc", "ft"], means, means - 1, means + 1)
        >>> figure = forest({"vit": ranking}, x_axis="mRI (points)")
    """
    if not panels:
        raise ValueError("a forest plot needs at least one panel")
    for name, one in panels.items():
        if not len(one.labels) == len(one.mean) == len(one.low) == len(one.high):
            raise ValueError(f"'{name}' has {len(one.labels)} labels and {len(one.mean)} means")
    across = min(panels_per_row, len(panels))
    down = math.ceil(len(panels) / across)
    names = {name: style.shorten_all(one.labels, 24) for name, one in panels.items()}
    numbers = {name: [signed(value) for value in one.mean] for name, one in panels.items()}
    label = 0.12 + max(style.text_width(labels, style.TICK_SIZE) for labels in names.values())
    number = 0.14 + max(style.text_width(texts, style.TICK_SIZE) for texts in numbers.values())
    bars = 0.08 + _BAR * max(len(one.joined) for one in panels.values())
    width = {1: 5.2, 2: 3.3}.get(across, 2.3)
    height = _ROW * max(len(one.labels) for one in panels.values())
    bottom, gap_y, right = 0.6, 0.62, 0.15
    step = label + width + number + bars + 0.15
    total_width = max(across * step + right, style.text_width([title], style.TITLE_SIZE) * 1.1 + 0.3)
    top = heading_height(title, [], total_width) + 0.30
    total_height = bottom + down * height + (down - 1) * gap_y + top
    figure = style.new_figure(total_width, total_height)
    heading(figure, title, [], [])
    ends = np.concatenate([np.ravel([one.mean, one.low, one.high]) for one in panels.values()])
    known = np.append(ends[np.isfinite(ends)], 0.0)
    margin = 0.05 * (float(np.ptp(known)) or 1.0)
    for index, (name, one) in enumerate(panels.items()):
        across_index, down_index = index % across, index // across
        rows = len(one.labels)
        x = 0.05 + across_index * step + label
        y = total_height - top - _ROW * rows - down_index * (height + gap_y)
        axes = style.place(figure, x, y, width, _ROW * rows)
        style.tidy(axes, grid="x")
        axes.set_xlim(known.min() - margin, known.max() + margin)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.axvline(0, color=style.INK, linewidth=0.9, zorder=1.5)
        place = np.arange(rows)
        axes.hlines(place, one.low, one.high, style.colour(0), linewidth=1.6)
        axes.plot(one.mean, place, "o", color=style.colour(0), markersize=5)
        axes.set_yticks(place, names[name])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        longest = max(8, int((width + number) / (style.LABEL_SIZE * 0.62 / 72)))
        axes.set_title(
            style.shorten(name, longest), fontsize=style.LABEL_SIZE, color=style.INK, parse_math=False
        )
        if index + across >= len(panels):
            axes.set_xlabel(x_axis, fontsize=style.LABEL_SIZE, color=style.INK)
        for row, text in enumerate(numbers[name]):
            bottom_of_text = y + _ROW * (rows - row - 0.5) - style.TICK_SIZE / 72 * 0.36
            right_edge = x + width + number - 0.04
            style.write(figure, right_edge, bottom_of_text, text, ha="right", fontsize=style.TICK_SIZE)
        for place_of_bar, (first, last) in enumerate(one.joined):
            at = 1 + (number + 0.08 + _BAR * place_of_bar) / width
            axes.plot(
                [at, at],
                [first - 0.28, last + 0.28],
                transform=axes.get_yaxis_transform(),
                color=style.INK,
                linewidth=2.4,
                solid_capstyle="butt",
                clip_on=False,
            )
    return figure
