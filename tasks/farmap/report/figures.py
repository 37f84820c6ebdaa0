"""The report's figures, drawn from a summary and recorded runs alone."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from farmap.report.answer import main_size
from farmap.report.film import Recording, filmstrip
from gridcell.plots import Curve, curves, grouped_bars
from gridcell.report import Picture, marked

Summary = Mapping[str, Any]

_COVERAGE = "coverage (% of what can be seen)"
_MANY = 4  # agents whose bands can still be told apart
_POINTS = 22  # of a curve, so that its markers can be told apart


def draw(
    summary: Summary, recordings: Mapping[str, Recording], variants: Collection[str] = ()
) -> Iterator[Picture]:
    """Draw every figure the summary has numbers for, one at a time: only one is held in memory.

    Args:
        summary: from ``summarise``.
        recordings: name -> a run to be drawn.
        variants: agents that are points of a sweep; curves leave them out where there are others.
    """
    size = main_size(summary)
    only = {**summary, "sizes": {size: summary["sizes"][size]}}
    first = _curves(only, "coverage", _COVERAGE, f"Coverage on {size} maps", variants)
    yield replace(first, name="answer", section="first")
    yield _curves(summary, "coverage", _COVERAGE, "Coverage against steps", variants)
    yield _curves(summary, "reached", "runs that saw 95 % (%)", "Runs that saw 95 %", variants)
    memory = "cells that planning may read"
    yield _curves(summary, "memory", memory, "Active memory against steps", variants)
    early = f"mean coverage, first {summary['early_steps']:,} steps (%)"
    yield _bars(summary, "early_coverage", early, "How fast the map is covered")
    yield _bars(summary, "mean_memory", "cells that planning may read, mean", "Active memory")
    for name, recording in recordings.items():
        title = f"A run of {name.replace('-', ' on ', 1)}" if name.count("-") == 1 else f"A run: {name}"
        yield Picture(
            f"film-{name}",
            "film",
            f"{title}, from its start to 99 % of what can be seen (or its end).",
            filmstrip(recording, title),
        )


def _shown(of_size: Mapping[str, Any], variants: Collection[str]) -> dict[str, Any]:
    """Leave a sweep's points out, of which there may be too many to tell apart, if others are there."""
    others = {name: group for name, group in of_size.items() if name not in variants}
    return others or dict(of_size)


def _curves(summary: Summary, name: str, axis: str, title: str, variants: Collection[str]) -> Picture:
    panels = {}
    banded = _banded(summary)
    beyond: list[str] = []
    for size, of_size in summary["sizes"].items():
        shown = _shown(of_size, variants)
        last = _interesting(shown, _compared(summary))
        beyond += (f"{agent} on {size} maps" for agent, group in shown.items() if _goes_on(group, name, last))
        maps = max(group["maps"] for group in shown.values())
        panels[f"{size} ({maps} map{'s' * (maps != 1)})"] = [
            _curve(agent, group, name, last, band=agent in banded) for agent, group in shown.items()
        ]
    of_some = f", drawn for {' and '.join(sorted(banded))} alone" if banded < set(_agents(summary)) else ""
    cut = f"; there it cuts off {', '.join(beyond)}" if beyond else ""
    caption = (
        f"{title}, mean over maps (over their starts first); bands are 95 % intervals over maps{of_some}. A "
        "run that ended because nothing was left stays where it was. The axis ends soon after the curves of "
        f"agents with a map and of those compared do{cut}."
    )
    figure = curves(panels, x_axis="steps", y_axis=axis, title=title, own_x=True, order=_agents(summary))
    for axes in figure.axes:  # nothing measured here is negative, also where all is zero
        axes.set_ylim(bottom=0, top=None if axes.dataLim.y1 > 0 else 1)
    return Picture(name, "curves", caption, figure)


def _interesting(shown: Mapping[str, Any], compared: Collection[str]) -> float:
    """Return where the axis ends: where those with a map and those compared are within 1 % of their end.

    Without such an agent it is where the runs end.
    """
    lasts = []
    for agent, group in shown.items():
        values = np.array(group["curves"]["coverage"]["mean"])
        if group["fragments"]["mean"] > 0 or agent in compared:
            lasts.append(group["curves"]["steps"][int(np.argmax(values >= 0.99 * values[-1]))])
    if not lasts:
        return max(group["curves"]["steps"][-1] for group in shown.values())
    return 1.25 * max(1.0, *lasts)


def _goes_on(group: Mapping[str, Any], name: str, last: float) -> bool:
    """Tell whether a curve changes by more than 1 % beyond where the axis ends."""
    values, steps = np.array(group["curves"][name]["mean"]), np.array(group["curves"]["steps"])
    return bool(abs(values[-1] - np.interp(last, steps, values)) > 0.01 * abs(values[-1]))


def _compared(summary: Summary) -> set[str]:
    pairs = summary["paired"].values()
    return {pair[key] for pair in pairs for key in ("first", "second")} & set(_agents(summary))


def _banded(summary: Summary) -> set[str]:
    """Return the agents whose bands are drawn: of many those that are compared, for bands hide each other."""
    agents, compared = set(_agents(summary)), _compared(summary)
    return compared if len(agents) > _MANY and compared else agents


def _curve(agent: str, group: Mapping[str, Any], name: str, last: float, *, band: bool) -> Curve:
    steps = np.array(group["curves"]["steps"], dtype=np.float64)
    x = np.linspace(0, min(last, steps[-1]), _POINTS)
    values = group["curves"][name]
    y, low, high = (
        None if values[key] is None else np.interp(x, steps, values[key]) for key in ("mean", "low", "high")
    )
    assert y is not None
    label = marked(agent, "stale" in group)
    if not band:
        low = high = None
    return Curve(label, x, y, low, high, colour=agent)


def _bars(summary: Summary, name: str, axis: str, title: str) -> Picture:
    sizes, agents = list(summary["sizes"]), _agents(summary)
    means, low, high = (np.full((len(sizes), len(agents)), np.nan) for _ in range(3))
    for row, size in enumerate(sizes):
        for column, agent in enumerate(agents):
            if agent in summary["sizes"][size]:
                found = summary["sizes"][size][agent][name]
                means[row, column] = found["mean"]
                ends = [np.nan if end is None else max(0.0, end) for end in found["ci95"]]
                low[row, column] = ends[0]
                high[row, column] = min(100.0, ends[1]) if "coverage" in name else ends[1]
    shown = [
        marked(agent, any("stale" in of_size.get(agent, {}) for of_size in summary["sizes"].values()))
        for agent in agents
    ]
    figure = grouped_bars(means, sizes, shown, low=low, high=high, value_axis=axis, title=title)
    caption = f"{title} by size of map and agent; lines are 95 % intervals over maps, cut off at zero."
    if name == "early_coverage":
        caption += " A run that ended sooner counts with its last coverage from there on."
    return Picture(f"bars-{name}", "bars", caption, figure)


def _agents(summary: Summary) -> list[str]:
    """Return all agents in one order, which gives each its colour on the page."""
    return list(dict.fromkeys(agent for of_size in summary["sizes"].values() for agent in of_size))
