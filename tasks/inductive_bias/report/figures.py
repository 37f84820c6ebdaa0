"""The report's figures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gridcell.plots import Curve, Panels, curves, grouped_bars, panel_title, style
from gridcell.report import Picture, marked
from inductive_bias.distributions.information import BITS
from inductive_bias.distributions.ncx2 import ScaledNcx2
from inductive_bias.report.places import Place, asked_of, named
from inductive_bias.report.sentences import some_seeds
from inductive_bias.report.summary import NETWORKS, Outcome, best


def draw(
    outcomes: Sequence[Outcome],
    summary: Mapping[str, Any],
    settings: Mapping[str, Any],
    where: Sequence[Place] | None = None,
) -> Iterator[Picture]:
    """Draw every figure that there are numbers for, one at a time.

    Args:
        outcomes: what is done.
        summary: of them.
        settings: of the suite.
        where: spaces are compared; by default at each problem's base point.
    """
    where = asked_of(settings)[1] if where is None else where
    if any(place.holds(o) for place in where for o in outcomes):
        yield _side_by_side(summary, settings, where)
    seed = settings["seeds"][0]
    first = {place: [o for o in outcomes if place.holds(o) and o.seed == seed] for place in where}
    panels = {place.name: _epsilon_curves(group, settings) for place, group in first.items()}
    if any(panels.values()):
        yield _epsilons({name: group for name, group in panels.items() if group}, settings)
    if (sizes := _sizes(summary, settings)) is not None:
        yield sizes
    if (dimensions := _dimensions(summary, settings)) is not None:
        yield dimensions
    for place, group in first.items():
        if group:
            yield _errors(place.name, group, settings)


def unit_of(settings: Mapping[str, Any]) -> str:
    """Return how errors are labelled."""
    return (
        "test error / constant prediction's" if settings["error_unit"] == "relative" else "test error (MSE)"
    )


def _side_by_side(summary: Mapping[str, Any], settings: Mapping[str, Any], where: Sequence[Place]) -> Picture:
    known = {(named(row), row["space"]) for row in summary["compared"]}
    problems = [one.name for one in where if any(one.name == problem for problem, _ in known)]
    spaces = [name for name in settings["spaces"] if any(name == space for _, space in known)]
    mean, low, high = (np.full((len(problems), len(spaces)), np.nan) for _ in range(3))
    for row in summary["compared"]:
        at = problems.index(named(row)), spaces.index(row["space"])
        mean[at] = row["bits"]
        low[at], high[at] = (np.nan if end is None else end for end in row["ci95_bits"])
    stale = {row["space"] for row in summary["compared"] if "stale" in row}
    names = {space: marked(space, space in stale) for space in settings["spaces"]}
    figure = grouped_bars(
        mean,
        problems,
        [names[space] for space in spaces],
        low=np.maximum(low, 0),
        high=high,
        value_axis=f"I({settings['target']:g}) in bits",
        order=list(names.values()),
        title="Information needed to generalize, by problem and hypothesis space",
    )
    axes = figure.axes[0]
    axes.set_yscale("symlog", linthresh=1)
    top = np.nanmax(np.concatenate([high.ravel(), mean.ravel(), [10.0]]))
    axes.set_ylim(0, float(top) * 4)
    for index, problem in enumerate(problems):
        _mark_seeds(axes, (row for row in summary["compared"] if named(row) == problem), index)
    sizes = {row["n_train"] for row in summary["compared"]}
    points = f"{sizes.pop()} training points" if len(sizes) == 1 else "the training points"
    caption = (
        f"Bits needed to pick, among hypotheses that fit {points}, one whose error is at most "
        f"{settings['target']:g}. The scale is linear up to one bit, then logarithmic. Lines are 95 % "
        "intervals (cut off at zero); a cross marks what is not known. Over the seeds that a problem's "
        "spaces have in common."
    )
    return Picture("spaces", "first", caption, figure)


def _mark_seeds(axes: Axes, rows: Iterable[Mapping[str, Any]], x: float | None = None) -> None:
    """Write over how many seeds the shown means are where some are missing, at the top of ``x`` or corner."""
    transform = axes.transAxes if x is None else axes.get_xaxis_transform()
    axes.text(
        0.98 if x is None else x,
        0.98,
        some_seeds(rows),
        transform=transform,
        ha="right" if x is None else "center",
        va="top",
        fontsize=style.TICK_SIZE,
        color=style.INK,
    )


def _epsilon_curves(group: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Curve]:
    found = []
    for space in settings["spaces"]:
        for o in group:
            if o.space != space:
                continue
            rows, named = o.metrics["curve"], marked(space, o.stale)
            x = np.array([row["error"] for row in rows])
            fitted = np.array([np.nan if row["nats"] is None else row["nats"] for row in rows]) * BITS
            if settings["spaces"][space]["kind"] not in NETWORKS:
                y = np.array([best(row) for row in rows]) * BITS
                found.append(Curve(f"{named}, exact", x, _positive(y), colour=space))
                found.append(Curve(f"{named}, fitted", x, _positive(fitted), colour=space, line="--"))
                continue
            ends = np.array([[np.nan if e is None else e for e in row["ci95"]] for row in rows]) * BITS
            low, high = map(_positive, ends.T)
            found.append(Curve(f"{named}, fitted", x, _positive(fitted), low, high, colour=space, line="--"))
            split = np.array(
                [[_or_nan(row["splitting"]), *map(_or_nan, row["splitting_ci95"])] for row in rows]
            )
            if np.isfinite(split[:, 0]).any():
                y, low, high = (_positive(column) for column in split.T * BITS)
                found.append(Curve(f"{named}, splitting", x, y, low, high, colour=space, line=":"))
    return found


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _positive(values: np.ndarray) -> np.ndarray:
    """Leave out what a logarithmic axis can't show."""
    return np.where(values > 1e-3, values, np.nan)


def _epsilons(panels: Mapping[str, list[Curve]], settings: Mapping[str, Any]) -> Picture:
    figure = curves(
        panels,
        x_axis=unit_of(settings),
        y_axis="I (bits)",
        title="I against the error asked for",
        panels_per_row=2,
        order=list(settings["spaces"]),
    )
    ticks = settings["epsilons"]
    for axes in figure.axes:
        axes.set_yscale("log")
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    caption = (
        "Information against the error asked for, at the first seed. Kernels: the exact tail, and what the "
        "non-central chi-squared fitted to sampled errors says; networks: the fit, with 95 % intervals by "
        "profile likelihood, and, down to the target where it lies outside the samples, splitting with 95 % "
        "intervals over its runs. Values below a thousandth of a bit are left out."
    )
    return Picture("epsilon", "epsilon", caption, figure)


def _mean_curves(rows: Sequence[Mapping[str, Any]], spaces: Sequence[str], axis: str) -> list[Curve]:
    """Return a line for each space that has two points or more."""
    found = []
    for space in spaces:
        mine = sorted((row for row in rows if row["space"] == space), key=lambda row: row[axis])
        if len(mine) < 2:
            continue
        x = np.array([float(row[axis]) for row in mine])
        y = np.array([row["bits"] for row in mine])
        ends = np.array([[np.nan if e is None else e for e in row["ci95_bits"]] for row in mine])
        label = marked(space, any("stale" in row for row in mine))
        found.append(Curve(label, x, y, np.maximum(ends[:, 0], 0), ends[:, 1], colour=space))
    return found


def _logarithmic(figure: Figure) -> None:
    """Scale panels that share their axes: room above the highest line, a tick at each x of any panel."""
    lines = [line.get_xydata() for axes in figure.axes for line in axes.lines]
    points = np.concatenate([np.asarray(line, dtype=float) for line in lines])
    ticks = np.unique(points[:, 0])
    highest = float(np.nanmax(points[:, 1], initial=1.0))
    for axes in figure.axes:
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, 4 * highest)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()


def _against(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], settings: Mapping[str, Any], axis: str, name: str
) -> Figure | None:
    """Draw rows against a column, a panel a title; None where no space has two points in any."""
    panels = {title: _mean_curves(group, list(settings["spaces"]), axis) for title, group in rows.items()}
    panels = {title: group for title, group in panels.items() if group}
    if not panels:
        return None
    figure = curves(
        panels,
        x_axis=name,
        y_axis=f"I({settings['target']:g}) (bits)",
        title=f"I against {name}",
        order=list(settings["spaces"]),
    )
    _logarithmic(figure)
    for axes, (title, group) in zip(figure.axes, panels.items(), strict=True):
        shown = {curve.name for curve in group}
        _mark_seeds(axes, (row for row in rows[title] if row["space"] in shown))
    return figure


def _sizes(summary: Mapping[str, Any], settings: Mapping[str, Any]) -> Picture | None:
    rows = {
        problem: [row for row in summary["means"] if row["problem"] == problem and row["dimension"] == "full"]
        for problem in settings["problems"]
    }
    figure = _against(rows, settings, "n_train", "training points")
    if figure is None:
        return None
    caption = (
        "Information against the number of training points; mean over seeds with its 95 % interval. Where "
        "seeds failed, a panel says over how many its means are."
    )
    return Picture("training-size", "axes", caption, figure)


def _dimensions(summary: Mapping[str, Any], settings: Mapping[str, Any]) -> Picture | None:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in summary["axes"]:
        rows.setdefault(row["axis"], []).append(row)
    figure = _against(rows, settings, "input_dimension", "input dimension")
    if figure is None:
        return None
    caption = (
        "Information against input dimension: random projections of one problem (which also lose what the "
        "labels depend on), and teachers of known dimension, those of one dimension averaged at each seed. "
        "Mean over seeds with its 95 % interval. Where seeds failed, a panel says over how many its means "
        "are."
    )
    return Picture("dimension", "axes", caption, figure)


def _errors(problem: str, group: Sequence[Outcome], settings: Mapping[str, Any]) -> Picture:
    spaces = list(settings["spaces"])
    ordered = [o for space in spaces for o in group if o.space == space]
    layout = Panels(len(ordered), 3, 2.95, 1.75, 0.6, 0.1, 0.5, 0.34)
    figure = layout.figure(f"{problem}: sampled errors and the fitted density")
    figure.columns = ("space", "error")
    for o, axes in zip(ordered, layout.place(figure), strict=True):
        colour = style.colour(spaces.index(o.space))
        axes.hist(o.errors, bins="fd", density=True, histtype="stepfilled", color=colour, alpha=0.45)
        grid = np.linspace(o.errors.min() * 0.97, o.errors.max() * 1.03, 300)
        density = np.exp(ScaledNcx2(**o.metrics["fit"]).log_density(grid))
        axes.plot(grid, density, color=style.INK, linewidth=1.4)
        style.tidy(axes)
        panel_title(
            axes, f"{marked(o.space, o.stale)}: {len(o.errors)} errors, p = {o.metrics['p_value']:.2g}", 2.95
        )
        axes.set_xlabel(unit_of(settings), fontsize=style.TICK_SIZE, color=style.INK)
        figure.rows += [(o.space, error) for error in o.errors.tolist()]
    caption = (
        f"Test errors of hypotheses that fit the training data of {problem} (bars, as a density) and the "
        "scaled non-central chi-squared density fitted to them (line), at the first seed; p is the fit's."
    )
    return Picture(f"errors-{problem.replace(' ', '-')}", "errors", caption, figure)
