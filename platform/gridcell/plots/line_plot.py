"""Lines with interval bands, one or as small multiples on shared axes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Spot, belongs
from gridcell.plots.legend import stroke
from gridcell.plots.numbers import short
from gridcell.plots.panels import Legend, Panels, panel_title

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_FEWEST = 3  # points that a line joins: of two it would show nothing but itself


@dataclass(frozen=True)
class Curve:
    """One line: ``x``, ``y`` of shape (points,), a band from ``low`` to ``high``; NaN or None: no band.

    Attributes:
        label: its name in the legend.
        x: shape (points,).
        y: shape (points,); a point that is NaN leaves a gap. Fewer than three points are not joined.
        low: lower ends of the band.
        high: upper ends.
        colour: name that decides the colour; by default the label. Lines of one name differ by ``line``.
        line: matplotlib's line style: "-", "--", "-.", ":"; "" for points alone.
    """

    label: str
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64] | None = None
    high: npt.NDArray[np.float64] | None = None
    colour: str = ""
    line: str = "-"

    @property
    def name(self) -> str:
        """What decides the colour."""
        return self.colour or self.label


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
) -> Drawing:
    """Draw panels of curves on shared axes; a name has the same colour and marker in every panel.

    Args:
        panels: title of each panel -> its curves.
        x_axis: label of the abscissa, with its unit.
        y_axis: label of the ordinate, with its unit.
        title: above all panels.
        panels_per_row: how many panels stand side by side.
        own_x: whether each panel has an abscissa of its own, which its title then names.
        own_y: whether each panel has an ordinate of its own: panels that share a unit but not its scale.
        log_x: titles of the panels whose abscissa is logarithmic; without ``own_x`` all or none.
        order: names, drawn or not, that come first when colours are given: figures that share it agree.

    Raises:
        ValueError: there are no panels.

    Example:
        >>> steps = np.arange(5.0)
        >>> panels = {"large maps": [Curve("farmap", steps, steps * 20)]}
        >>> figure = curves(panels, x_axis="steps", y_axis="coverage (%)")
    """
    if not panels:
        raise ValueError("curves need at least one panel")
    shown = {curve.label: curve for group in reversed(list(panels.values())) for curve in reversed(group)}
    labels = list(dict.fromkeys(curve.label for group in panels.values() for curve in group))
    names = dict.fromkeys([*order, *(shown[label].name for label in labels)])
    place = {name: index for index, name in enumerate(names)}
    series = {label: index for index, label in enumerate(labels)}
    signs = [
        stroke(place[shown[label].name], shown[label].line, _marker(place[shown[label].name]))
        for label in labels
    ]
    across = min(panels_per_row, len(panels))
    width = {1: 6.0, 2: 4.7}.get(across, 3.1)
    height = 3.0 if len(panels) <= across else 2.4
    bottom = 0.62 if x_axis else 0.4
    layout = Panels(
        len(panels), across, width, height, 0.85, 0.15, bottom, 0.34, legend=Legend(labels, signs)
    )
    drawing = layout.figure(title)
    drawing.columns = ("panel", "series", "x", "y", "low", "high")
    first = None
    for (name, group), axes in zip(panels.items(), layout.place(drawing), strict=True):
        if first is not None:
            axes.sharex(first) if not own_x else None
            axes.sharey(first) if not own_y else None
        if name in log_x:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())  # labels between the powers would overlap
        first = first or axes
        for curve in group:
            _draw(axes, curve, place[curve.name], series[curve.label])
            _tell(drawing, axes, name, curve, series[curve.label], x_axis if not own_x else "")
        style.tidy(axes, grid="both")
        panel_title(axes, name, width)
        axes.set_ylabel(y_axis, fontsize=style.LABEL_SIZE, color=style.INK)
        axes.set_xlabel(x_axis, fontsize=style.LABEL_SIZE, color=style.INK)
    return drawing


def _draw(axes: Axes, curve: Curve, index: int, series: int) -> None:
    colour = style.colour(index)
    joined = int(np.isfinite(curve.y).sum()) >= _FEWEST
    if curve.low is not None and curve.high is not None:
        if joined:
            band = axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
        else:
            band = axes.vlines(curve.x, curve.low, curve.high, colour, linewidth=1.1)  # type: ignore[assignment]
        belongs(band, series)
    line = curve.line if joined else ""
    (drawn,) = axes.plot(
        curve.x, curve.y, color=colour, linestyle=line, linewidth=1.7, marker=_marker(index), markersize=4.2
    )
    belongs(drawn, series)


def _tell(drawing: Drawing, axes: Axes, panel: str, curve: Curve, series: int, x_axis: str) -> None:
    none = np.full(len(curve.x), np.nan)
    low = none if curve.low is None else curve.low
    high = none if curve.high is None else curve.high
    for x, y, *ends in zip(curve.x, curve.y, low, high, strict=True):
        if not np.isfinite(y):
            continue
        text = f"{curve.label}: {short(y)}"
        text += f" [{short(ends[0])}, {short(ends[1])}]" if np.isfinite(ends).all() else ""
        text += f" at {short(x)} {x_axis}".rstrip()
        drawing.spots.append(Spot(axes, float(x), float(y), text, series))
        drawing.rows.append([panel, curve.label, x, y, *ends])


def _marker(index: int) -> str:
    return _MARKERS[index % len(_MARKERS)]
