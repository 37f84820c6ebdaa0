"""Annotated matrices, one or as small multiples on a shared colour scale."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize, to_hex
from matplotlib.patches import Rectangle

from gridcell.plots import style
from gridcell.plots.drawing import Cells, Drawing, Part
from gridcell.plots.numbers import short, signed
from gridcell.plots.panels import Panels, panel_title

CELL_WIDTH, CELL_HEIGHT = 0.41, 0.30  # inches: "−12.3" at CELL_SIZE fits with air on both sides
_SCALE, _BAR = 0.68, 2.4  # inches that the colour bar takes with its labels, and its width

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
) -> Drawing:
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
    row_names = style.shorten_all(rows, 26 if across > 1 else 44)
    column_names = style.shorten_all(columns, 18)
    width, height = len(columns) * CELL_WIDTH, len(rows) * CELL_HEIGHT
    low = height < style.text_width([row_axis], style.LABEL_SIZE)  # for a label that runs up the side
    left = 0.2 + style.text_width(row_names, style.TICK_SIZE) + (0 if low else 0.25)
    left = max(left, style.text_width([row_axis], style.LABEL_SIZE) + 0.15) if low else left
    bottom = 0.5 + 0.72 * style.text_width(column_names, style.TICK_SIZE)
    # Under panels of few columns stands the axis' name, which is wider than they.
    right = max(0.15, (style.text_width([column_axis], style.LABEL_SIZE) - width) / 2 + 0.05)
    layout = Panels(len(panels), across, width, height, left, right, bottom, 0.34, above=_SCALE)
    drawing = layout.figure(title, at_least=0.6 + max(_BAR, style.text_width([unit], style.LABEL_SIZE)))
    drawing.columns = ("panel", row_axis, column_axis, "value")
    for (name, values), axes in zip(panels.items(), layout.place(drawing, xticks=[], yticks=[]), strict=True):
        known = np.asarray(values, dtype=float)
        drawing.cells.append(
            Cells(
                axes,
                _draw_panel(axes, known, norm, cmap, diverging, decimals),
                _hex(known, norm, cmap),
                _written(known, lambda value: _number(value, diverging, decimals), ""),
                _tips(known, rows, columns, diverging, decimals),
            )
        )
        drawing.rows += [
            (name, rows[row], columns[column], float(known[row, column]))
            for row, column in np.argwhere(np.isfinite(known)).tolist()
        ]
        _frame(axes, len(rows), len(columns), outlined, divider)
        panel_title(axes, name, width + right)
        axes.set_yticks(np.arange(len(rows)) + 0.5, row_names)
        if low:
            x, y = axes.get_position().x0 - 0.07 / drawing.get_size_inches()[0], axes.get_position().y1
            drawing.text(
                x,
                y + 0.05 / drawing.get_size_inches()[1],
                row_axis,
                ha="right",
                color=style.FAINT,
                fontsize=style.LABEL_SIZE,
                parse_math=False,
            )
        else:
            axes.set_ylabel(row_axis, fontsize=style.LABEL_SIZE, color=style.FAINT, labelpad=4)
        slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(np.arange(len(columns)) + 0.5, column_names, **slant)
        axes.set_xlabel(column_axis, fontsize=style.LABEL_SIZE, color=style.FAINT, labelpad=3)
    _colour_bar(drawing, ScalarMappable(norm, cmap.resampled(48)), extend, unit)
    return drawing


def _colour_bar(drawing: Drawing, colours: ScalarMappable, extend: str, unit: str) -> None:
    """Draw the scale that all panels share between heading and panels."""
    top = drawing.get_size_inches()[1] - drawing.heading
    width = 0.6 + max(_BAR, style.text_width([unit], style.LABEL_SIZE))
    drawing.parts.insert(0, Part(0, top - _SCALE, width, _SCALE, alone=True))
    style.write(drawing, 0.15, top - 0.2, unit)
    bar = style.place(drawing, 0.2, top - 0.4, _BAR, 0.13)
    scale = drawing.colorbar(colours, cax=bar, extend=extend, extendfrac=0.04, orientation="horizontal")
    scale.outline.set_visible(False)
    bar.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, length=2)


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
) -> list[Artist]:
    rows, columns = values.shape
    artists: list[Artist] = [
        axes.pcolormesh(
            np.ma.masked_invalid(values),
            cmap=cmap,
            norm=norm,
            edgecolors="white",
            linewidth=1.0,
            antialiased=True,
        )
    ]
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=style.TICK_SIZE, colors=style.INK, pad=3)
    colours = cmap(norm(np.nan_to_num(values)))
    for row, column in np.ndindex(rows, columns):
        value = float(values[row, column])
        if not np.isfinite(value):
            artists.append(axes.add_patch(Rectangle((column, row), 1, 1, **_BLANK)))
            continue
        artists.append(
            axes.text(
                column + 0.5,
                row + 0.52,
                _number(value, diverging, decimals),
                ha="center",
                va="center",
                fontsize=style.CELL_SIZE,
                color=style.readable_on(tuple(colours[row, column])),
                parse_math=False,
            )
        )
    return artists


def _number(value: float, diverging: bool, decimals: int) -> str:
    return signed(value, decimals) if diverging else f"{value:.{decimals}f}"


def _written(values: npt.NDArray[np.float64], write: Callable[[float], str], unknown: str) -> list[list[str]]:
    return [[write(value) if np.isfinite(value) else unknown for value in row] for row in values.tolist()]


def _hex(values: npt.NDArray[np.float64], norm: Normalize, cmap: Colormap) -> list[list[str]]:
    return _written(values, lambda value: to_hex(cmap(norm(value))), "")


def _tips(
    values: npt.NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    diverging: bool,
    decimals: int,
) -> list[list[str]]:
    told = _written(values, lambda x: signed(x, decimals + 1) if diverging else short(x), "not known")
    return [
        [f"{row}, {column}: {text}" for column, text in zip(columns, texts, strict=True)]
        for row, texts in zip(rows, told, strict=True)
    ]


def _frame(
    axes: Axes, rows: int, columns: int, outlined: Collection[tuple[int, int]], divider: int | None
) -> None:
    for row, column in outlined:
        axes.add_patch(
            Rectangle((column + 0.03, row + 0.04), 0.94, 0.92, fill=False, edgecolor=style.INK, linewidth=0.9)
        )
    if divider is not None and 0 < divider < columns:
        axes.plot([divider, divider], [0, rows], color=style.INK, linewidth=1.1, clip_on=False)
