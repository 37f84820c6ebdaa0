"""Annotated matrices, one or as small multiples on a shared colour scale, by matplotlib."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Rectangle

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Part
from gridcell.plots.matrices import BAR, SCALE, Matrices, Matrix
from gridcell.plots.matrix_svg import matrix_svgs
from gridcell.plots.panels import panel_title

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

    The arguments are those of ``Matrices``, which a report's ``Picture`` takes as well, and draws faster. On
    a page the matrices are drawn from these values: what is added to the axes later is not seen there.

    Raises:
        ValueError: a panel's shape is not (rows, columns), or there are no panels.

    Example:
        >>> change = {"ft": np.array([[5.0, -2.0], [-1.0, 4.0]])}
        >>> sets, axes = ["v2", "sketch"], {"row_axis": "fine-tuned on", "column_axis": "tested on"}
        >>> figure = heatmap(change, sets, sets, **axes, unit="points")
    """
    return draw_matrices(
        Matrices(
            panels,
            rows,
            columns,
            row_axis=row_axis,
            column_axis=column_axis,
            unit=unit,
            title=title,
            diverging=diverging,
            limit=limit,
            decimals=decimals,
            panels_per_row=panels_per_row,
            outlined=outlined,
            divider=divider,
        )
    )


def draw_matrices(matrices: Matrices) -> Drawing:
    """Draw matrices by matplotlib, for files and notebooks.

    Example:
        >>> axes = {"row_axis": "fine-tuned on", "column_axis": "tested on"}
        >>> one = Matrices({"ft": np.eye(2)}, ["v2", "sketch"], ["v2", "sketch"], **axes, unit="points")
        >>> figure = draw_matrices(one)
    """
    layout = matrices.layout
    drawing = layout.figure(matrices.title, at_least=matrices.bar_width)
    drawing.svgs = partial(matrix_svgs, matrices)
    drawing.columns, drawing.rows = matrices.headings, list(matrices.records)
    placed = layout.place(drawing, xticks=[], yticks=[])
    for (name, values), axes in zip(matrices.panels.items(), placed, strict=True):
        _draw_panel(axes, matrices, np.asarray(values, dtype=float))
        _frame(axes, matrices)
        panel_title(axes, name, layout.width + layout.right)
        _name_axes(drawing, axes, matrices)
    _colour_bar(drawing, matrices)
    return drawing


def _name_axes(drawing: Drawing, axes: Axes, matrices: Matrices) -> None:
    faint: dict[str, Any] = {"fontsize": style.LABEL_SIZE, "color": style.FAINT}
    axes.set_yticks(np.arange(len(matrices.rows)) + 0.5, matrices.row_names)
    if matrices.low:
        width, height = drawing.get_size_inches()
        box = axes.get_position()
        corner = (box.x0 - 0.07 / width, box.y1 + 0.05 / height)
        drawing.text(*corner, matrices.row_axis, ha="right", parse_math=False, **faint)
    else:
        axes.set_ylabel(matrices.row_axis, labelpad=4, **faint)
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(np.arange(len(matrices.columns)) + 0.5, matrices.column_names, **slant)
    axes.set_xlabel(matrices.column_axis, labelpad=3, **faint)


def _colour_bar(drawing: Drawing, matrices: Matrices) -> None:
    """Draw the scale that all panels share between heading and panels."""
    top = drawing.get_size_inches()[1] - drawing.heading
    drawing.parts.insert(0, Part(0, top - SCALE, matrices.bar_width, SCALE, alone=True))
    style.write(drawing, 0.15, top - 0.2, matrices.unit)
    bar = style.place(drawing, 0.2, top - 0.4, BAR, 0.13)
    below, above = matrices.beyond
    extend = {(True, True): "both", (False, True): "max", (True, False): "min"}.get((below, above), "neither")
    colours = ScalarMappable(matrices.norm, matrices.colours.resampled(48))
    scale = drawing.colorbar(colours, cax=bar, extend=extend, extendfrac=0.04, orientation="horizontal")
    scale.outline.set_visible(False)
    bar.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, length=2)


def _draw_panel(axes: Axes, matrices: Matrices, values: Matrix) -> None:
    rows, columns = values.shape
    axes.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=matrices.colours,
        norm=matrices.norm,
        edgecolors="white",
        linewidth=1.0,
        antialiased=True,
    )
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=style.TICK_SIZE, colors=style.INK, pad=3)
    colours, written = matrices.painted(values), matrices.written(values)
    for row, column in np.ndindex(rows, columns):
        if not written[row][column]:
            axes.add_patch(Rectangle((column, row), 1, 1, **_BLANK))
            continue
        axes.text(
            column + 0.5,
            row + 0.52,
            written[row][column],
            ha="center",
            va="center",
            fontsize=style.CELL_SIZE,
            color=style.readable_on(tuple(colours[row, column])),
            parse_math=False,
        )


def _frame(axes: Axes, matrices: Matrices) -> None:
    for row, column in matrices.outlined:
        axes.add_patch(
            Rectangle((column + 0.03, row + 0.04), 0.94, 0.92, fill=False, edgecolor=style.INK, linewidth=0.9)
        )
    rows, columns, divider = len(matrices.rows), len(matrices.columns), matrices.divider
    if divider is not None and 0 < divider < columns:
        axes.plot([divider, divider], [0, rows], color=style.INK, linewidth=1.1, clip_on=False)
