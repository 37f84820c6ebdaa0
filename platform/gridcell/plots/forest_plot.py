"""Ranked estimates with intervals: one row each, and bars that join what can't be told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Spot
from gridcell.plots.numbers import interval, signed
from gridcell.plots.panels import Panels, panel_title

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
        joined: rows of each line at the right, which has a dot at each of them.
    """

    labels: Sequence[str]
    mean: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    joined: Sequence[Sequence[int]] = ()


def forest(
    panels: Mapping[str, Ranking], *, x_axis: str, title: str = "", panels_per_row: int = 3
) -> Drawing:
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
    names = {name: style.shorten_all(one.labels, 24) for name, one in panels.items()}
    numbers = {name: [signed(value) for value in one.mean] for name, one in panels.items()}
    label = 0.15 + max(style.text_width(labels, style.TICK_SIZE) for labels in names.values())
    number = 0.14 + max(style.text_width(texts, style.TICK_SIZE) for texts in numbers.values())
    bars = 0.08 + _BAR * max(len(one.joined) for one in panels.values())
    width = {1: 4.2, 2: 3.3}.get(across, 2.3)
    height = _ROW * max(len(one.labels) for one in panels.values())
    layout = Panels(len(panels), across, width, height, label, number + bars + 0.15, 0.62, 0.34)
    drawing = layout.figure(title)
    total_width, total_height = drawing.get_size_inches()
    drawing.columns = ("panel", "label", "mean", "low", "high")
    every = np.concatenate([np.ravel([one.mean, one.low, one.high]) for one in panels.values()])
    known = np.append(every[np.isfinite(every)], 0.0)
    margin = 0.05 * (float(np.ptp(known)) or 1.0)
    for (name, one), axes in zip(panels.items(), layout.place(drawing), strict=True):
        rows = len(one.labels)
        box = axes.get_position()
        shrunk = box.height * rows * _ROW / height  # panels with fewer rows end higher
        axes.set_position((box.x0, box.y1 - shrunk, box.width, shrunk))
        style.tidy(axes, grid="x")
        axes.set_xlim(known.min() - margin, known.max() + margin)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.axvline(0, color=style.FAINT, linewidth=0.9, zorder=1.5)
        place = np.arange(rows)
        axes.hlines(place, one.low, one.high, style.INK, linewidth=1.6)
        axes.plot(one.mean, place, "o", color=style.INK, markersize=5)
        axes.set_yticks(place, names[name])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        panel_title(axes, name, width + number)
        axes.set_xlabel(x_axis, fontsize=style.LABEL_SIZE, color=style.INK)
        for row, text in enumerate(numbers[name]):
            style.write(
                drawing,
                (box.x1 * total_width) + number - 0.04,
                box.y1 * total_height - _ROW * (row + 0.5) - style.TICK_SIZE / 72 * 0.36,
                text,
                ha="right",
                fontsize=style.TICK_SIZE,
            )
            ends = [one.low[row], one.high[row]]
            told = f"{one.labels[row]}: {text}" + (f" {interval(*ends)}" if np.isfinite(ends).all() else "")
            drawing.spots.append(Spot(axes, float(one.mean[row]), float(row), told))
            drawing.rows.append([name, one.labels[row], one.mean[row], *ends])
        for place_of_bar, members in enumerate(one.joined):
            at = 1 + (number + 0.08 + _BAR * place_of_bar) / width
            axes.plot(
                [at] * len(members),
                list(members),
                "o-",
                transform=axes.get_yaxis_transform(),
                color=style.INK,
                linewidth=1.2,
                markersize=4,
                clip_on=False,
            )
    return drawing
