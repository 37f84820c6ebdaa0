"""Annotated matrices, one or as small multiples on a shared colour scale."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gridcell.plots import style
from gridcell.plots.numbers import signed

CELL_WIDTH, CELL_HEIGHT = 0.41, 0.30  # inches: "−12.3" at CELL_SIZE fits with air on both sides

_BLANK: dict[str, Any] = {"facecolor": style.MISSING, "edgecolor": "#c3c8cf", "hatch": "////", "linewidth": 0}


def heatmap(
    panels: Mapping[str, npt.NDArray[np.float64]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_axis: str,
    column_axis: str,
    unit: str,
    title: str = "",
    diverging: bool = False,
    limit: float | None = None,
    decimals: int = 1,
    panels_per_row: int = 3,
    outlined: Collection[tuple[int, int]] = (),
    divider: int | None = None,
) -> Figure:
    """Draw matrices as annotated heat maps that share rows, columns and colour scale.

    Args:
        panels: title of each panel -> values, shape (rows, columns); NaN is drawn hatched and without a
            number.
        rows: names down the side.
        columns: names along the bottom.
        row_axis: what a row is, e.g. "fine-tuned on".
        column_axis: what a column is, e.g. "tested on".
        unit: what the colour bar measures, with its unit.
        title: above all panels.
        diverging: for differences: zero is white, the scale symmetric, numbers carry their sign.
        limit: end of the scale, ``[-limit, limit]`` if diverging, else ``[0, limit]``; by default the largest
            magnitude. Values beyond it take the end's colour, and the colour bar shows an arrow.
        decimals: of the numbers in the cells.
        panels_per_row: how many panels stand side by side.
        outlined: (row, column) of cells to frame in every panel.
        divider: index of the first column to set apart by a rule.

    Raises:
        ValueError: a panel's shape is not (rows, columns), or there are no panels.

    Example:
        >>> change = {"ft": np.array([[5.0, -2.0], [-1.0, 4.0]])}
        >>> sets, axes = ["v2", "sketch"], {"row_axis": "fine-tuned on", "column_axis": "tested on"}
        >>> figure = heatmap(change, sets, sets, **axes, unit="points")
    """
    if not panels:
        raise ValueError("a heat map needs at least one panel")
    for name, values in panels.items():
        if np.shape(values) != (len(rows), len(columns)):
            raise ValueError(f"panel {name!r} has shape {np.shape(values)}, not {(len(rows), len(columns))}")
    norm, cmap, extend = _scale(list(panels.values()), diverging, limit)

    across = min(panels_per_row, len(panels))
    down = math.ceil(len(panels) / across)
    row_names = style.shorten_all(rows, 26 if across > 1 else 44)
    column_names = style.shorten_all(columns, 18)
    left = 0.45 + max(
        style.text_width(row_names, style.TICK_SIZE), style.text_width([row_axis], style.LABEL_SIZE) - 0.4
    )
    bottom = 0.44 + 0.72 * style.text_width(column_names, style.TICK_SIZE)
    top = 0.62 if title else 0.32
    gap_x, gap_y = 0.22, 0.40
    width, height = len(columns) * CELL_WIDTH, len(rows) * CELL_HEIGHT
    low = down * height < 1.5  # too low for the labels that else run up the sides
    title_width = style.text_width([title], style.TITLE_SIZE) * 1.1 + 0.3
    total_width = max(
        left + across * width + (across - 1) * gap_x + 1.05,
        title_width + (style.text_width([unit], style.LABEL_SIZE) if low else 0),
    )
    total_height = bottom + down * height + (down - 1) * gap_y + top
    figure = style.new_figure(total_width, total_height)
    if title:
        style.write(figure, 0.12, total_height - 0.27, title, fontsize=style.TITLE_SIZE, fontweight="bold")
    if low:
        style.write(figure, left - 0.07, total_height - top + 0.06, row_axis, ha="right", color=style.FAINT)
        style.write(figure, total_width - 0.12, total_height - 0.27, unit, ha="right")

    for index, (name, values) in enumerate(panels.items()):
        across_index, down_index = index % across, index // across
        x = left + across_index * (width + gap_x)
        y = total_height - top - height - down_index * (height + gap_y)
        axes = style.place(figure, x, y, width, height, xticks=[], yticks=[])
        _draw_panel(axes, np.asarray(values, dtype=float), norm, cmap, diverging, decimals)
        _frame(axes, len(rows), len(columns), outlined, divider)
        longest = max(8, int(width / (style.LABEL_SIZE * 0.62 / 72)))
        axes.set_title(
            style.shorten(name, longest), fontsize=style.LABEL_SIZE, color=style.INK, pad=4, parse_math=False
        )
        if across_index == 0:
            axes.set_yticks(np.arange(len(rows)) + 0.5, row_names)
            if not low:
                axes.set_ylabel(row_axis, fontsize=style.LABEL_SIZE, color=style.FAINT, labelpad=4)
        if index + across >= len(panels):  # nothing stands below this panel: it carries the names
            slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(np.arange(len(columns)) + 0.5, column_names, **slant)
            axes.set_xlabel(column_axis, fontsize=style.LABEL_SIZE, color=style.FAINT, labelpad=3)

    bar_height = min(2.6, down * height)
    bar_left = left + across * width + (across - 1) * gap_x + 0.2
    bar = style.place(figure, bar_left, total_height - top - bar_height, 0.14, bar_height)
    scale = figure.colorbar(ScalarMappable(norm, cmap), cax=bar, extend=extend, extendfrac=0.04)
    if not low:
        scale.set_label(unit, fontsize=style.LABEL_SIZE, color=style.INK)
    scale.outline.set_visible(False)
    bar.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, length=2)
    return figure


def _scale(
    panels: list[npt.NDArray[np.float64]], diverging: bool, limit: float | None
) -> tuple[Normalize, Colormap, str]:
    values = np.concatenate([np.ravel(values) for values in panels])
    known = values[np.isfinite(values)]
    if limit is None:
        limit = float(np.abs(known).max()) if known.size else 1.0
    limit = limit or 1.0
    above, below = bool((known > limit).any()), bool((known < (-limit if diverging else 0)).any())
    extend = {(True, True): "both", (True, False): "max", (False, True): "min"}.get((above, below), "neither")
    if diverging:  # red for what was lost, blue for what was gained: apart for red-green blindness too
        ends = colormaps["RdBu"](np.linspace(0.06, 0.94, 256))
        return Normalize(-limit, limit), ListedColormap(ends), extend
    return Normalize(0, limit), ListedColormap(colormaps["Blues"](np.linspace(0.02, 0.92, 256))), extend


def _draw_panel(
    axes: Axes,
    values: npt.NDArray[np.float64],
    norm: Normalize,
    cmap: Colormap,
    diverging: bool,
    decimals: int,
) -> None:
    rows, columns = values.shape
    axes.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=cmap,
        norm=norm,
        edgecolors="white",
        linewidth=1.0,
        antialiased=True,
    )
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=style.TICK_SIZE, colors=style.INK, pad=3)
    colours = cmap(norm(np.nan_to_num(values)))
    for row, column in np.ndindex(rows, columns):
        value = float(values[row, column])
        if not np.isfinite(value):
            axes.add_patch(Rectangle((column, row), 1, 1, **_BLANK))
            continue
        axes.text(
            column + 0.5,
            row + 0.52,
            signed(value, decimals) if diverging else f"{value:.{decimals}f}",
            ha="center",
            va="center",
            fontsize=style.CELL_SIZE,
            color=style.readable_on(tuple(colours[row, column])),
            parse_math=False,
        )


def _frame(
    axes: Axes, rows: int, columns: int, outlined: Collection[tuple[int, int]], divider: int | None
) -> None:
    for row, column in outlined:
        axes.add_patch(
            Rectangle((column + 0.03, row + 0.04), 0.94, 0.92, fill=False, edgecolor=style.INK, linewidth=0.9)
        )
    if divider is not None and 0 < divider < columns:
        axes.plot([divider, divider], [0, rows], color=style.INK, linewidth=1.1, clip_on=False)
