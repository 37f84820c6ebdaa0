"""Estimates against what they were taken from: delta against points compared, m against neighbours."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from generalization_difficulty.report.numbers import named
from gridcell.report import Picture

LINES = 8  # in a figure; more could not be told apart
DELTA = "δ against points compared"
DIMENSION = "m against neighbours k"
_CURVES = {DELTA: "delta_by_points", DIMENSION: "m_by_neighbours"}


def draw_choices(summary: Mapping[str, Any]) -> Iterator[Picture]:
    """Draw both for each measured task, where a measurement tells them; nothing where none does."""
    from gridcell.plots import Curve, curves

    measured = summary["measured"]
    names = [name for name in measured if any(measured[name][key] for key in _CURVES.values())]
    panels = {}
    for title, key in _CURVES.items():
        known = {name: measured[name][key] for name in names[:LINES]}
        lines = [
            Curve(named(summary, name), *_columns(points), colour=name)
            for name, points in known.items()
            if points
        ]
        if lines:
            panels[title] = lines
    if not panels:
        return
    figure = curves(
        panels,
        x_axis="",
        y_axis="",
        title="Estimates against what they are taken from",
        own_x=True,
        own_y=True,
        log_x=[title for title in panels if title == DELTA],
        order=list(summary["tasks"]),
    )
    more = f" The first {LINES} of {len(names)} data sets." if len(names) > LINES else ""
    caption = (
        "Left, the least distance between classes in samples of growing size. It can only fall, so that of a "
        "sample is an upper bound of that of all points. Right, the estimated dimension by the number of "
        "neighbours from which it is taken: where a line slopes, the choice of k counts. Of the first seed."
    )
    yield Picture("choices", "measured", caption + more, figure)


def _columns(points: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.array(points, dtype=float).T
    return x, y
