"""The pictures of the study: where reward rises again, and how it goes from lap to lap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farcuriosity.forgetting.measure import forgetting_map, mean_interval
from gridcell.plots import Curve, Drawing, curves, style

_CELL = 0.17  # inches
_WALL = "#4b5563"


@dataclass(frozen=True)
class Visits:
    """What a cell of the study left: its path, and what it was rewarded with there.

    Attributes:
        cells: visited at each step, int64, of shape ``(steps,)``.
        rewards: intrinsic, NaN where a step was not scored, of shape ``(steps,)``.
        errors: that they come from, of shape ``(steps,)``.
        lap: steps of a lap.
        positions: (y, x) of each cell on the map, of shape ``(cells, 2)``.
        shape: of the map in cells.
    """

    cells: NDArray[np.int64]
    rewards: NDArray[np.float64]
    errors: NDArray[np.float64]
    lap: int
    positions: NDArray[np.int64]
    shape: tuple[int, int]


def read(path: Path) -> Visits:
    """Read the artifact of :func:`farcuriosity.cells.forgetting.run`."""
    with np.load(path) as file:
        rows, columns, _ = file["colours"].shape
        return Visits(
            file["cells"],
            file["rewards"],
            file["errors"],
            int(file["lap"]),
            file["positions"],
            (rows, columns),
        )


def maps(studies: Mapping[str, Sequence[Visits]]) -> Drawing:
    """Draw forgetting on the map of the rooms, a map for each curiosity, the mean over seeds.

    Above each: the mean over cells, with its 95% interval over seeds.
    Doors differ between seeds: a cell's mean is over the seeds in which it can be walked on.

    Args:
        studies: name -> visits of each seed, all in worlds of one size.

    Raises:
        ValueError: there are no studies.
    """
    if not studies:
        raise ValueError("maps need at least one study")
    drawn = {f"{name}: {_figure(seeds)}": _mean_map(seeds) for name, seeds in studies.items()}
    rows, columns = next(iter(drawn.values())).shape
    width, height, bottom, top = columns * _CELL, rows * _CELL, 0.15, 0.72
    over = style.text_width(drawn, style.LABEL_SIZE) - width  # of a name above a narrow map
    left, gap = 0.15 + max(0.0, over / 2), max(0.25, 0.4 + over)
    title = "How much intrinsic reward rises again where it was lower before"
    across = max(
        left + len(drawn) * (width + gap) + 1.1, 0.3 + 1.1 * style.text_width([title], style.TITLE_SIZE)
    )
    figure = style.new_figure(across, bottom + height + top)
    figure.heading = 0.42  # inches of the title, which a page writes itself
    figure.columns = ("curiosity", "row", "column", "intrinsic reward")
    figure.rows = [
        (name, row, column, float(mean[row, column]))
        for name, mean in zip(studies, drawn.values(), strict=True)
        for row, column in np.argwhere(np.isfinite(mean)).tolist()
    ]
    style.write(
        figure, 0.12, bottom + height + top - 0.27, title, fontsize=style.TITLE_SIZE, fontweight="bold"
    )
    values = np.concatenate([values[np.isfinite(values)] for values in drawn.values()])
    # A few cells, such as a door at which fragments begin, would else leave no colour for the rest.
    limit = float(np.quantile(np.abs(values), 0.98)) or 1.0
    norm = TwoSlopeNorm(0, -limit, limit)
    colours = ListedColormap(colormaps["RdBu_r"](np.linspace(0.06, 0.94, 256))).with_extremes(bad=_WALL)
    for index, (name, mean) in enumerate(drawn.items()):
        x = left + index * (width + gap)
        axes = style.place(figure, x, bottom, width, height, xticks=[], yticks=[])
        axes.imshow(np.ma.masked_invalid(mean), cmap=colours, norm=norm, interpolation="nearest")
        axes.set_title(name, fontsize=style.LABEL_SIZE, color=style.INK, parse_math=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    bar = style.place(figure, left + len(drawn) * (width + gap), bottom, 0.14, height)
    scale = figure.colorbar(ScalarMappable(norm, colours), cax=bar, extend="both", extendfrac=0.04)
    scale.set_label("intrinsic reward", fontsize=style.LABEL_SIZE, color=style.INK)
    scale.outline.set_visible(False)
    bar.tick_params(labelsize=style.TICK_SIZE, colors=style.INK, length=2)
    return figure


def _figure(seeds: Sequence[Visits]) -> str:
    """Write the mean over cells, and over seeds, with its interval where there are several."""
    table = np.array([[np.nanmean(_map(visits))] for visits in seeds])
    mean, low, high = (float(value[0]) for value in mean_interval(table))
    text = f"{mean:.2g}" + (f" [{low:.2g}, {high:.2g}]" if len(seeds) > 1 else "")
    return text.replace("-", "−")


def _map(visits: Visits) -> NDArray[np.float64]:
    return forgetting_map(visits.cells, visits.rewards, len(visits.positions))


def _mean_map(seeds: Sequence[Visits]) -> NDArray[np.float64]:
    total = np.zeros(seeds[0].shape)
    known = np.zeros(seeds[0].shape)
    for visits in seeds:
        found = _map(visits)
        place = tuple(visits.positions[np.isfinite(found)].T)
        total[place] += found[np.isfinite(found)]
        known[place] += 1
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def over_time(studies: Mapping[str, Sequence[Visits]], *, parts: int = 10) -> Figure:
    """Draw reward along the path, the mean over seeds with its 95% interval.

    Args:
        studies: name -> visits of each seed, all with equally many laps.
        parts: points a lap.
    """
    drawn = []
    for name, seeds in studies.items():
        laps = len(seeds[0].cells) // seeds[0].lap
        table = np.array([_parts(visits, laps * parts) for visits in seeds])
        mean, low, high = mean_interval(table)
        drawn.append(Curve(name, (np.arange(laps * parts) + 0.5) / parts, mean, low, high))
    return curves(
        {"": drawn}, x_axis="laps", y_axis="intrinsic reward", title="Intrinsic reward along the path"
    )


def _parts(visits: Visits, count: int) -> NDArray[np.float64]:
    """Return the mean of each of ``count`` equal parts of the path; NaN where nothing was scored."""
    return np.array([_mean(part[np.isfinite(part)]) for part in np.array_split(visits.rewards, count)])


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
