"""Radar: several profiles over the same named axes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gridcell.plots import style
from gridcell.plots.drawing import Drawing, Spot, belongs
from gridcell.plots.legend import heading, heading_height, stroke
from gridcell.plots.numbers import short

_STYLES = ("-", "--", "-.", ":")


def radar(
    spokes: Sequence[str],
    profiles: Mapping[str, npt.NDArray[np.float64]],
    *,
    limit: float,
    unit: str,
    title: str = "",
    order: Sequence[str] = (),
) -> Drawing:
    """Draw closed profiles on one spoke per name, from 0 in the centre to ``limit`` on the rim.

    Args:
        spokes: names around the rim, clockwise from the top; at least three.
        profiles: name in the legend -> values, shape (spokes,); NaN leaves the profile open there.
        limit: value at the rim.
        unit: what is drawn, with its unit, under the plot.
        title: above the plot.
        order: names, drawn or not, that come first when colours are given: figures that share it agree.

    Raises:
        ValueError: fewer than three spokes, or a profile of another length.

    Example:
        >>> profile = {"ewc": np.array([60.0, 55.0, 70.0])}
        >>> figure = radar(["v2", "a", "r"], profile, limit=100, unit="accuracy (%)")
    """
    if len(spokes) < 3:
        raise ValueError("a radar needs at least three spokes")
    for name, values in profiles.items():
        if np.shape(values) != (len(spokes),):
            raise ValueError(f"profile {name!r} has shape {np.shape(values)}, not {(len(spokes),)}")
    names = style.shorten_all(spokes, 20)
    labels = list(profiles)
    place = {name: index for index, name in enumerate(dict.fromkeys([*order, *labels]))}
    size = 4.0
    side = 0.35 + style.text_width(names, style.TICK_SIZE)
    total_width = max(size + 2 * side, 6.4)
    top = heading_height(title, labels, total_width) + 0.40
    total_height = 0.75 + size + top
    drawing = style.new_figure(total_width, total_height)
    heading(
        drawing, title, labels, [stroke(place[name], _line(index), "o") for index, name in enumerate(labels)]
    )
    drawing.columns = ("spoke", "profile", "value")
    style.write(drawing, total_width / 2, 0.14, unit, ha="center", color=style.FAINT)

    axes: Any = style.place(drawing, (total_width - size) / 2, 0.75, size, size, projection="polar")
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    angles = np.linspace(0, 2 * np.pi, len(spokes), endpoint=False)
    for index, (label, values) in enumerate(profiles.items()):
        closed = np.append(values, values[0])
        around = np.append(angles, angles[0])
        (line,) = axes.plot(
            around,
            closed,
            color=style.colour(place[label]),
            linewidth=1.9,
            linestyle=_line(index),
            marker="o",
            markersize=3.2,
        )
        belongs(line, index)
        if np.isfinite(values).all():
            (area,) = axes.fill(around, closed, color=style.colour(place[label]), alpha=0.06, linewidth=0)
            belongs(area, index)
        for angle, spoke, value in zip(angles, spokes, values, strict=True):
            if np.isfinite(value):
                told = f"{spoke}, {label}: {short(value)}"
                drawing.spots.append(Spot(axes, float(angle), float(value), told, index))
                drawing.rows.append([spoke, label, value])
    axes.set_ylim(0, limit)
    rings = np.linspace(0, limit, 5)[1:]
    # Ring labels run between the first two spokes, where no name stands.
    axes.set_rgrids(rings, [f"{ring:g}" for ring in rings], angle=180 / len(spokes))
    axes.set_xticks(angles, [""] * len(spokes))
    for angle, name in zip(angles, names, strict=True):
        across = np.sin(angle)
        align = "center" if abs(across) < 0.1 else ("left" if across > 0 else "right")
        vertical = {True: "bottom", False: "top"}[bool(np.cos(angle) > 0)] if align == "center" else "center"
        axes.text(
            angle,
            limit * 1.06,
            name,
            ha=align,
            va=vertical,
            fontsize=style.TICK_SIZE,
            color=style.INK,
            parse_math=False,
        )
    axes.tick_params(labelsize=style.CELL_SIZE, colors=style.FAINT)
    axes.grid(color=style.RULE, linewidth=0.7)
    axes.spines["polar"].set_color(style.RULE)
    return drawing


def _line(index: int) -> str:
    return _STYLES[index % len(_STYLES)]
