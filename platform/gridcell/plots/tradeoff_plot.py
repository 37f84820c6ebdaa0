"""Two measures against each other, both the better the higher: points, paths between them, Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Spot, belongs
from gridcell.plots.legend import stroke
from gridcell.plots.numbers import interval, signed
from gridcell.plots.panels import Legend, Panels
from gridcell.plots.scatter_plot import Points, label_points

FRONT = "not beaten in both (Pareto front)"
"""The legend's name of the front."""


@dataclass(frozen=True)
class Estimates:
    """Points with intervals.

    Attributes:
        labels: names.
        x: shape (points,), finite.
        y: likewise.
        x_ends: ends of the intervals of x, shape (points, 2), NaN for none.
        y_ends: of y, likewise.
    """

    labels: Sequence[str]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    x_ends: npt.NDArray[np.float64]
    y_ends: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """Points that one parameter runs through, joined by a line.

    Attributes:
        label: what runs, in the legend.
        colour: name whose colour it has; see ``order`` of ``tradeoff``.
        values: the parameter's, told on hover.
        x: shape (values,).
        y: shape (values,).
    """

    label: str
    colour: str
    values: Sequence[str]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


def pareto(x: npt.ArrayLike, y: npt.ArrayLike) -> list[int]:
    """Return the indices of the points that no other is at least as good as in both and better in one, by x.

    Example:
        >>> pareto([1, 2, 3, 2], [3, 2, 1, 1])
        [0, 1, 2]
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    kept = [
        index
        for index in range(len(xs))
        if not ((xs >= xs[index]) & (ys >= ys[index]) & ((xs > xs[index]) | (ys > ys[index]))).any()
    ]
    return sorted(kept, key=lambda index: (xs[index], -ys[index]))


def tradeoff(
    points: Estimates,
    *,
    x_axis: str,
    y_axis: str,
    title: str = "",
    ways: Sequence[Way] = (),
    order: Sequence[str] = (),
) -> Drawing:
    """Draw differences from a starting point at (0, 0), with the front of the points and of those on ways.

    Args:
        points: each with a colour of its own; the origin stands for doing nothing.
        x_axis: label of the abscissa, with its unit.
        y_axis: label of the ordinate, with its unit.
        title: above the plot.
        ways: drawn beneath the points.
        order: names that decide colours: figures that share it agree.

    Example:
        >>> none = np.full((2, 2), np.nan)
        >>> points = Estimates(["ft", "lp"], np.array([24.0, 5.0]), np.array([-6.4, 0.1]), none, none)
        >>> figure = tradeoff(points, x_axis="gain (points)", y_axis="mRI (points)")
    """
    place = {name: index for index, name in enumerate(dict.fromkeys([*order, *points.labels]))}
    legend = [*(way.label for way in ways), FRONT]
    signs = [stroke(place.get(way.colour, len(place)), "-", ".") for way in ways]
    front = stroke(0, "--", "")
    front.set_color(style.FAINT)  # type: ignore[attr-defined]
    layout = Panels(1, 1, 4.4, 3.7, 0.8, 0.15, 0.62, 0.12, legend=Legend(legend, [*signs, front]))
    drawing = layout.figure(title)
    (axes,) = layout.place(drawing)
    style.tidy(axes, grid="both")
    drawing.columns = ("series", "label", "x", "x low", "x high", "y", "y low", "y high")
    axes.axhline(0, color=style.FAINT, linewidth=0.9)
    axes.axvline(0, color=style.FAINT, linewidth=0.9)
    for index, way in enumerate(ways):
        colour = style.colour(place.get(way.colour, len(place)))
        (line,) = axes.plot(way.x, way.y, "-", color=colour, linewidth=1.3, marker=".", markersize=5)
        belongs(line, index)
        for value, x, y in zip(way.values, way.x, way.y, strict=True):
            told = f"{way.label}, {value}: {signed(x)}, {signed(y)}"
            drawing.spots.append(Spot(axes, float(x), float(y), told, index))
            drawing.rows.append([way.label, value, x, np.nan, np.nan, y, np.nan, np.nan])
    all_x = np.concatenate([points.x, *(way.x for way in ways)])
    all_y = np.concatenate([points.y, *(way.y for way in ways)])
    best = pareto(all_x, all_y)
    if len(best) > 1:
        (line,) = axes.plot(
            all_x[best], all_y[best], "--", color=style.FAINT, linewidth=1.4, drawstyle="steps-pre"
        )
        belongs(line, len(ways))
    for index, label in enumerate(points.labels):
        colour = style.colour(place[label])
        at, up = float(points.x[index]), float(points.y[index])
        (left, right), (low, high) = points.x_ends[index], points.y_ends[index]
        axes.hlines(up, left, right, colour, linewidth=1.2)
        axes.vlines(at, low, high, colour, linewidth=1.2)
        axes.plot(at, up, "o", color=colour, markersize=7, zorder=3)
        ends = [interval(*pair) if np.isfinite(pair).all() else "" for pair in ((left, right), (low, high))]
        told = f"{label}: {f'{signed(at)} {ends[0]}'.strip()}, {f'{signed(up)} {ends[1]}'.strip()}"
        drawing.spots.append(Spot(axes, at, up, told))
        drawing.rows.append(["", label, at, left, right, up, low, high])
    axes.plot(0, 0, "x", color=style.INK, markersize=7)
    axes.set_xlabel(x_axis, fontsize=style.LABEL_SIZE, color=style.INK)
    axes.set_ylabel(y_axis, fontsize=style.LABEL_SIZE, color=style.INK)
    axes.margins(x=0.12, y=0.12)
    axes.autoscale_view()
    x_error, y_error = (
        np.append(0.0, np.nan_to_num(np.ptp(ends, axis=1) / 2)) for ends in (points.x_ends, points.y_ends)
    )
    x, y = np.append(0.0, points.x), np.append(0.0, points.y)
    label_points(axes, Points(["before", *points.labels], x, y, x_error=x_error, y_error=y_error))
    return drawing
