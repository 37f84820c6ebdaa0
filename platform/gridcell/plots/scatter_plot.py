"""Labelled points with a fitted line, one panel or as small multiples, each with its own scales."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Spot
from gridcell.plots.legend import stroke
from gridcell.plots.numbers import short
from gridcell.plots.panels import Legend, Panels, panel_title

_POINT_SIZE = 5.0  # points across
# Where a label may stand beside its point, the best first: offset in points, and how it is aligned.
_PLACES = (
    (5, 0, "left", "center"),
    (-5, 0, "right", "center"),
    (0, 5, "center", "bottom"),
    (0, -5, "center", "top"),
    (5, 5, "left", "bottom"),
    (-5, 5, "right", "bottom"),
    (5, -5, "left", "top"),
    (-5, -5, "right", "top"),
    (0, 15, "center", "bottom"),
    (0, -15, "center", "top"),
)


@dataclass(frozen=True)
class Points:
    """A panel's points.

    Attributes:
        labels: names.
        x: shape (points,).
        y: shape (points,).
        x_error: half the lengths of horizontal bars, shape (points,); None: no bars.
        y_error: of vertical bars that labels must not cover; they are drawn by who asks for it.
        note: written in a corner.
        series: what each point belongs to, which gives its colour; empty: all are alike.
    """

    labels: Sequence[str]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    x_error: npt.NDArray[np.float64] | None = None
    y_error: npt.NDArray[np.float64] | None = None
    note: str = ""
    series: Sequence[str] = ()


def scatter(
    panels: Mapping[str, Points],
    *,
    x_axis: str,
    y_axis: str,
    title: str = "",
    panels_per_row: int = 3,
    line: bool = True,
    plain: bool = False,
) -> Drawing:
    """Draw panels of labelled points, each with its own scales; a series has one colour in all panels.

    Args:
        panels: title of each panel -> its points, all finite.
        x_axis: label of the abscissa, with its unit.
        y_axis: label of the ordinate, with its unit.
        title: above all panels.
        panels_per_row: how many panels stand side by side.
        line: whether to draw the least-squares line; two points or fewer have none.
        plain: draw all in ink, without a legend, where colours mean something else on the page.

    Raises:
        ValueError: there are no panels, or a panel's arrays differ in length or are not finite.

    Example:
        >>> points = Points(["v2", "a"], np.array([1.0, 2.0]), np.array([3.0, 5.0]))
        >>> figure = scatter({"vit": points}, x_axis="distance", y_axis="drop (points)")
    """
    if not panels:
        raise ValueError("a scatter plot needs at least one panel")
    for name, points in panels.items():
        if not len(points.labels) == len(points.x) == len(points.y):
            raise ValueError(
                f"'{name}' has {len(points.labels)} labels, {len(points.x)} x, {len(points.y)} y"
            )
        if not (np.isfinite(points.x).all() and np.isfinite(points.y).all()):
            raise ValueError(f"'{name}' has points that are not finite")
        if points.series and len(points.series) != len(points.labels):
            raise ValueError(f"'{name}' has {len(points.labels)} labels, {len(points.series)} series")
    names = dict.fromkeys(name for points in panels.values() for name in points.series or [""])
    place = {name: index for index, name in enumerate(names)}
    mixed = any(len(set(points.series)) > 1 for points in panels.values())  # else the panels' titles say it
    legend = [name for name in names if name] if mixed and not plain else []
    series = {name: index for index, name in enumerate(legend)}
    across = min(panels_per_row, len(panels))
    crowded = max(len(points.labels) for points in panels.values()) > 12
    width, height = {1: 8.5 if crowded else 5.0, 2: 4.7}.get(across, 3.1), 5.2 if crowded else 3.4
    signs = [stroke(place[name], "", "o") for name in legend]
    top = 0.34 if any(panels) else 0.12
    layout = Panels(len(panels), across, width, height, 0.8, 0.15, 0.62, top, legend=Legend(legend, signs))
    drawing = layout.figure(title)
    drawing.columns = ("panel", "label", "series", "x", "y", "x error")
    for (name, points), axes in zip(panels.items(), layout.place(drawing), strict=True):
        style.tidy(axes, grid="both")
        panel_title(axes, name, width)
        axes.set_ylabel(y_axis, fontsize=style.LABEL_SIZE, color=style.INK)
        axes.set_xlabel(x_axis, fontsize=style.LABEL_SIZE, color=style.INK)
        groups = points.series or [""] * len(points.labels)
        _draw(axes, points, [style.INK if plain else style.colour(place[one]) for one in groups], line)
        label_points(axes, points)
        error = np.zeros_like(points.x) if points.x_error is None else points.x_error
        for label, group, x, y, off in zip(points.labels, groups, points.x, points.y, error, strict=True):
            told = f"{label}{f' ({group})' if mixed else ''}: {short(y)} at {short(x)}"
            drawing.spots.append(Spot(axes, float(x), float(y), told, series.get(group)))
            drawing.rows.append([name, label, group, x, y, off])
    return drawing


def fitted_line(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the least-squares line's slope and intercept; None unless two points differ in x."""
    centred = x - x.mean() if len(x) else x
    spread = float(centred @ centred)
    if spread == 0:
        return None
    slope = float(centred @ y) / spread
    return slope, float(y.mean() - slope * x.mean())


def _draw(axes: Axes, points: Points, colours: Sequence[str], line: bool) -> None:
    found = fitted_line(points.x, points.y) if line and len(points.x) > 2 else None  # two would fit exactly
    if found is not None:
        ends = np.array([points.x.min(), points.x.max()])
        axes.plot(ends, found[0] * ends + found[1], color=style.FAINT, linewidth=1.2, zorder=1.5)
    if points.x_error is not None:
        axes.hlines(points.y, points.x - points.x_error, points.x + points.x_error, colours, linewidth=1.0)
    axes.scatter(points.x, points.y, s=_POINT_SIZE**2, c=colours, zorder=2)
    axes.margins(x=0.14, y=0.12)
    axes.autoscale_view()  # now rather than when drawn: labels are placed by where the points will be


def label_points(axes: Axes, points: Points) -> None:
    """Write each point's name at the first place where it covers no point and no other name."""
    figure = axes.figure
    frame = axes.get_window_extent()
    radius = _POINT_SIZE / 2 * figure.dpi / 72
    spots = axes.transData.transform(np.column_stack([points.x, points.y]))
    error = np.zeros_like(points.x) if points.x_error is None else points.x_error
    reach = axes.transData.transform(np.column_stack([points.x + error, points.y]))[:, 0] - spots[:, 0]
    taken = [
        Bbox.from_extents(x - max(radius, bar), y - radius, x + max(radius, bar), y + radius)
        for (x, y), bar in zip(spots, reach, strict=True)
    ]
    if points.y_error is not None:
        ends = axes.transData.transform(np.column_stack([points.x, points.y + points.y_error]))[:, 1]
        taken += [
            Bbox.from_extents(x - 1, y - abs(end - y), x + 1, y + abs(end - y))
            for (x, y), end in zip(spots, ends, strict=True)
        ]
    if points.note:
        taken.append(_note(axes, points, spots, frame))
    for name, x, y in zip(points.labels, points.x, points.y, strict=True):
        text = axes.annotate(
            name,
            (x, y),
            textcoords="offset points",
            xytext=(0, 0),
            fontsize=style.CELL_SIZE,
            color=style.INK,
            parse_math=False,
        )
        boxes = []
        for dx, dy, ha, va in _PLACES:
            text.set(position=(dx, dy), ha=ha, va=va)
            box = text.get_window_extent()
            outside = not (
                frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 <= box.y1 <= frame.y1
            )
            boxes.append((sum(map(box.overlaps, taken)) + 10 * outside, box))
            if boxes[-1][0] == 0:
                break
        best = min(range(len(boxes)), key=lambda place: boxes[place][0])
        dx, dy, ha, va = _PLACES[best]
        text.set(position=(dx, dy), ha=ha, va=va)
        taken.append(boxes[best][1])


def _note(axes: Axes, points: Points, spots: npt.NDArray[np.float64], frame: Bbox) -> Bbox:
    """Write the note in the corner that is furthest from all points, and return what it covers."""
    corners = {
        (x, y): (frame.x0 + x * frame.width, frame.y0 + y * frame.height) for y in (1, 0) for x in (0, 1)
    }
    x, y = max(corners, key=lambda corner: float(np.hypot(*(spots - corners[corner]).T).min(initial=np.inf)))
    text = axes.annotate(
        points.note,
        (x, y),
        xycoords="axes fraction",
        textcoords="offset points",
        xytext=(6 - 12 * x, 6 - 12 * y),
        ha="right" if x else "left",
        va="top" if y else "bottom",
        fontsize=style.TICK_SIZE,
        color=style.FAINT,
        parse_math=False,
    )
    return text.get_window_extent()
