"""The report's figures, drawn from a summary alone."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from generalization_difficulty.report.along import draw_along
from generalization_difficulty.report.choices import draw_choices
from generalization_difficulty.report.numbers import log10, named
from gridcell.plots import Curve, Matrices, curves, grouped_bars
from gridcell.report import Picture, marked

Summary = Mapping[str, Any]

_AXES = {
    "n": "training points n",
    "m": "intrinsic dimension m",
    "classes": "classes",
    "delta": "resolution δ",
    "eps": "target error ε",
}
_KINDS = {
    "classification": "Classification",
    "measured": "Measured data",
    "meta-learning": "Meta-learning",
    "few-shot": "Few-shot learning, measured",
    "reinforcement": "Reinforcement learning",
    "environment": "Environments",
}
_LINES = 8  # in a figure; more could not be told apart


def draw(summary: Summary) -> Iterator[Picture]:
    """Draw every figure the summary has numbers for, one at a time: only one is held in memory."""
    if summary["tasks"]:
        yield _bars(summary)
    if summary["unions"]["names"]:
        yield _union_table(summary)
    if any(entry["true_dimension"] is not None for entry in summary["measured"].values()):
        yield _dimensions(summary)
    yield from draw_choices(summary)
    yield from draw_along(summary)
    for kind in _KINDS:
        tasks = _curves_of(summary, kind)
        if tasks:
            yield _curves(summary, tasks, kind)
            yield _relative(summary, tasks, kind)


def _bars(summary: Summary) -> Picture:
    names = list(summary["tasks"])
    height = np.array([[log10(summary["log2_bits"][name])] for name in names])
    low, high = np.full_like(height, np.nan), np.full_like(height, np.nan)
    for row, name in enumerate(names):
        if name in summary["measured"]:
            ends = summary["measured"][name]["log2_bits"]
            low[row], high[row] = log10(ends["low"]), log10(ends["high"])
    figure = grouped_bars(
        height,
        [named(summary, name) for name in names],
        ["difficulty"],
        low=low,
        high=high,
        value_axis="bits (power of ten)",
        title="Generalization difficulty",
    )
    lines = " Lines run from the lowest to the highest over seeds." if summary["measured"] else ""
    caption = "Generalization difficulty of each task, as a power of ten: 16 stands for 10¹⁶ bits." + lines
    return Picture("difficulty", "first", caption, figure)


def _union_table(summary: Summary) -> Picture:
    names = summary["unions"]["names"]
    table = summary["unions"]["log2_bits"]
    values = np.array([[log10(table.get(one, {}).get(two, np.nan)) for two in names] for one in names])
    stale = any(f"{one}+{two}" in summary.get("stale", ()) for one in names for two in names)
    figure = Matrices(
        {"": values},
        names,
        names,
        row_axis="solved",
        column_axis="united with",
        unit="bits (power of ten)",
        title=marked("Unions of tasks", stale),
    )
    caption = (
        "Difficulty of the row's task on its product with the column's task, as a power of ten: the same "
        "decision, but in every context that the second task's points make."
    )
    return Picture("unions", "unions", caption, figure)


def _dimensions(summary: Summary) -> Picture:
    families: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    stale = set()
    for name, entry in summary["measured"].items():
        if entry["true_dimension"] is not None and entry["m_estimate"]["mean"] is not None:
            family = name.rstrip("0123456789").rstrip("-_") or name
            families.setdefault(family, []).append((entry["true_dimension"], entry["m_estimate"]))
            stale |= {family} if name in summary.get("stale", ()) else set()
    lines = []
    for family, points in families.items():
        points.sort(key=lambda point: point[0])
        x = np.array([float(dimension) for dimension, _ in points])
        y, low, high = (np.array([point[key] for _, point in points]) for key in ("mean", "low", "high"))
        lines.append(Curve(marked(family, family in stale), x, y, low, high, colour=family))
    ends = np.unique(np.concatenate([line.x for line in lines]))
    lines.append(Curve("true", ends, ends))
    figure = curves(
        {"": lines},
        x_axis="true dimension",
        y_axis="estimated dimension",
        title="Intrinsic dimension of manifolds of known dimension",
        order=[*summary["tasks"], *(line.name for line in lines)],
    )
    caption = (
        "Maximum-likelihood estimate of the intrinsic dimension against the true one, mean over seeds; bands "
        "run from the lowest to the highest. In high dimensions the estimator falls short: the neighbours of "
        "a few thousand points are then far away, where the density is no longer even."
    )
    return Picture("dimension", "measured", caption, figure)


def _curves_of(summary: Summary, kind: str) -> dict[str, Any]:
    """Return the curves of a kind's tasks, without the manifolds that only check the estimator."""
    return {
        name: task["curves"]
        for name, task in summary["tasks"].items()
        if task["kind"] == kind and "true_dimension" not in task
    }


def _curves(summary: Summary, tasks: Mapping[str, Any], kind: str) -> Picture:
    shown = dict(list(tasks.items())[:_LINES])
    policy = kind in ("reinforcement", "environment")
    axes = {**_AXES, "m": "observed numbers m"} if policy else _AXES
    panels = {}
    for variable, title in axes.items():
        lines = [
            _curve(summary, name, _places(own[variable]["x"]), _powers(own[variable]["log2_bits"]))
            for name, own in shown.items()
            if variable in own
        ]
        if lines:
            panels[title] = lines
    figure = curves(
        panels,
        x_axis="",
        y_axis="bits (power of ten)",
        title=f"{_KINDS[kind]}: difficulty against each ingredient",
        own_x=True,
        log_x=[title for title in panels if title != axes["m"]],
        order=list(summary["tasks"]),
    )
    more = f" The first {_LINES} of {len(tasks)} tasks." if len(tasks) > _LINES else ""
    caption = (
        f"{_KINDS[kind]}: difficulty as one ingredient changes and the others stay. A line that ends: "
        "beyond, the data determine the function, or the target error asks for nothing." + more
    )
    return Picture(f"curves-{kind}", "curves", caption, figure)


def _curve(summary: Summary, name: str, x: np.ndarray, y: np.ndarray) -> Curve:
    return Curve(named(summary, name), x, y, colour=name)


def _relative(summary: Summary, tasks: Mapping[str, Any], kind: str) -> Picture:
    """Show what powers of ten hide: the slow effect of more points and of the target error."""
    panels = {
        _AXES[variable]: [
            _curve(summary, name, _places(own[variable]["x"]), _shares(own[variable]["log2_bits"]))
            for name, own in list(tasks.items())[:_LINES]
        ]
        for variable in ("n", "eps")
    }
    figure = curves(
        panels,
        x_axis="",
        y_axis="share of the largest",
        title=f"{_KINDS[kind]}: what points and a larger target error save",
        own_x=True,
        log_x=list(panels),
        order=list(summary["tasks"]),
    )
    caption = (
        f"{_KINDS[kind]}: difficulty as a share of its largest value in the panel, on a linear scale. More "
        "points and a larger target error lower it slowly: they enter by their logarithms, until the points "
        "use up the degrees of freedom."
    )
    return Picture(f"relative-{kind}", "curves", caption, figure)


def _places(values: list[float]) -> np.ndarray:
    """Return values of an ingredient, NaN where no float holds them: counts of support sets are integers."""
    return np.array([value if value <= sys.float_info.max else np.nan for value in values], dtype=float)


def _powers(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else log10(value) for value in values])


def _shares(values: list[float | None]) -> np.ndarray:
    log2 = np.array([np.nan if value is None else value for value in values])
    return np.exp2(log2 - np.nanmax(log2))
