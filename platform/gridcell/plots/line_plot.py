"""Lines with interval bands, one or as small multiples on shared axes."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from gridcell.plots import style
from gridcell.plots.legend import heading, heading_height, stroke

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class Curve:
    """One line: ``x``, ``y`` of shape (points,), a band from ``low`` to ``high``; NaN or None: no band."""

    label: str
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64] | None = None
    high: npt.NDArray[np.float64] | None = None


def curves(
    panels: Mapping[str, Sequence[Curve]],
    *,
    x_axis: str,
    y_axis: str,
    title: str = "",
    panels_per_row: int = 3,
    own_x: bool = False,
    own_y: bool = False,
    log_x: Collection[str] = (),
    order: Sequence[str] = (),
) -> Figure:
    """Draw panels of curves on shared axes; a label has the same colour and marker in every panel.

    Args:
        panels: title of each panel -> its curves. Points that are NaN leave a gap.
        x_axis: label of the abscissa, with its unit.
        y_axis: label of the ordinate, with its unit.
        title: above all panels.
        panels_per_row: how many panels stand side by side.
        own_x: whether each panel has an abscissa of its own, which its title then names.
        own_y: whether each panel has an ordinate of its own: panels that share a unit but not its scale.
        log_x: titles of the panels whose abscissa is logarithmic; without ``own_x`` all or none.
        order: labels, drawn or not, that come first when colours are given: figures that share it agree.

    Raises:
        ValueError: there are no panels.

    Example:
        >>> steps = np.arange(5.0)
        >>> panels = {"large maps": [Curve("farmap", steps, steps * 20)]}
        >>> figure = curves(panels, x_axis="steps", y_axis="coverage (%)")
    """
    if not panels:
        raise ValueError("curves need at least one panel")
    labels = list(dict.fromkeys(curve.label for group in panels.values() for curve in group))
    place = {label: index for index, label in enumerate(dict.fromkeys([*order, *labels]))}
    across = min(panels_per_row, len(panels))
    down = math.ceil(len(panels) / across)
    width = {1: 6.0, 2: 4.9}.get(across, 3.35)
    height = 3.0 if down == 1 else 2.4
    left, right, bottom, gap_y = 0.85, 0.2, 0.62, 0.72 if own_x else 0.5
    gap_x = 0.6 if own_y else 0.3
    total_width = left + across * width + (across - 1) * gap_x + right
    top = heading_height(title, labels, total_width) + 0.30
    total_height = bottom + down * height + (down - 1) * gap_y + top
    figure = style.new_figure(total_width, total_height)
    heading(figure, title, labels, [stroke(place[label], "-", _marker(place[label])) for label in labels])
    first = None
    for index, (name, group) in enumerate(panels.items()):
        across_index, down_index = index % across, index // across
        y = total_height - top - height - down_index * (height + gap_y)
        x = left + across_index * (width + gap_x)
        shared = {"sharex": None if own_x else first, "sharey": None if own_y else first}
        axes = style.place(figure, x, y, width, height, **shared)
        if name in log_x:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())  # labels between the powers would overlap
        first = first or axes
        for curve in group:
            _draw(axes, curve, place[curve.label])
        style.tidy(axes, grid="both")
        longest = max(8, int(width / (style.LABEL_SIZE * 0.62 / 72)))
        axes.set_title(
            style.shorten(name, longest), fontsize=style.LABEL_SIZE, color=style.INK, parse_math=False
        )
        lowest = index + across >= len(panels)
        axes.tick_params(labelleft=own_y or across_index == 0, labelbottom=own_x or lowest)
        if across_index == 0:
            axes.set_ylabel(y_axis, fontsize=style.LABEL_SIZE, color=style.INK)
        if index + across >= len(panels):
            axes.set_xlabel(x_axis, fontsize=style.LABEL_SIZE, color=style.INK)
    return figure


def _draw(axes: Axes, curve: Curve, index: int) -> None:
    colour = style.colour(index)
    if curve.low is not None and curve.high is not None:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(curve.x, curve.y, color=colour, linewidth=1.7, marker=_marker(index), markersize=4.2)


def _marker(index: int) -> str:
    return _MARKERS[index % len(_MARKERS)]
