"""Every number of the report, from stored runs alone: by size of map and agent, and paired over maps."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farmap.agents.explore import THRESHOLDS
from gridcell.report import student_interval

MEASURES: Mapping[str, str] = {
    "early_coverage": "mean coverage over the first {early_steps:,} steps (%)",
    "coverage": "coverage at the end (%)",
    **{f"steps_to_{percent}": f"steps to {percent} %" for percent in THRESHOLDS},
    **{f"seconds_to_{percent}": f"seconds to {percent} %" for percent in THRESHOLDS},
    "seconds_per_step": "seconds per step",
    "mean_memory": "mean active memory (cells)",
    "peak_memory": "peak active memory (cells)",
    "stored_memory": "all memory at the end (cells)",
    "fragments": "fragments",
    "recalls": "recalls",
}
"""What is reported of each run, and its title, in which ``{early_steps}`` is to be filled in."""

EARLY = 1_000  # steps, or as many as the runs have

REACHED_BY = 0.9
"""Share of each agent's runs that must reach a threshold of coverage for it to be compared: a run that
misses it counts as there at its end, so that with more of those it is the length of runs that is compared."""

PLACE = ("size", "map", "agent", "seed")
"""What tells runs apart: fields of ``Entry``, and labels of the grid."""


@dataclass(frozen=True)
class Entry:
    """A finished run in its place.

    Attributes:
        size: of the map: small, medium, large or own.
        map: its name.
        agent: its name.
        seed: of start and choices.
        metrics: what the cell answered.
        curves: ``coverage`` and ``memory``: (step, value) each.
    """

    size: str
    map: str
    agent: str
    seed: int
    metrics: Mapping[str, Any]
    curves: Mapping[str, Sequence[Sequence[float]]]

    @property
    def early_steps(self) -> int:
        """The steps that ``early_coverage`` is over."""
        return int(min(EARLY, self.curves["coverage"][-1][0]))

    def measure(self, name: str) -> float:
        """Return a measure; a share that was not reached counts as reached when the run ended.

        That flatters whoever misses it, so the share of runs that reached it stands beside it.
        """
        if name == "early_coverage":
            steps, values = np.array(self.curves["coverage"]).T
            early = np.linspace(0, self.early_steps, 201)
            return float(np.interp(early, steps, values).mean())
        if name == "seconds_per_step":
            return 1.0 / float(self.metrics["steps_per_second"])
        value = self.metrics[name]
        if value is None:
            value = (
                self.curves["coverage"][-1][0]
                if name.startswith("steps")
                else self.metrics["exploring_seconds"]
            )
        return float(value)


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Return mean and 95 % Student t interval of values; the ends are null for fewer than two."""
    mean, half = map(float, student_interval(values))
    ends = [None, None] if len(values) < 2 else [mean - half, mean + half]
    return {"mean": mean, "ci95": ends, "n": len(values)}


def summarise(
    entries: Iterable[Entry], agents: Sequence[str], compare: tuple[str, str] | None
) -> dict[str, Any]:
    """Summarise runs.

    The unit of all intervals is the map: runs on one map are averaged over its seeds first, since starts on
    one map are no independent sample of maps.

    Args:
        entries: in any order.
        agents: names, in the report's order.
        compare: two of them.

    Returns:
        A dict ready for JSON:

        - ``early_steps``: those that ``early_coverage`` is over: 1,000, or as many as the runs have
        - ``sizes[size][agent]``: ``maps``, ``runs``, ``visible_cells`` (mean), per name of ``MEASURES``
          ``{"mean", "ci95", "n"}``, ``reached`` (percent -> share of runs), ``median_steps_to`` (percent ->
          median over runs, null if fewer than half reached it), and ``curves``: ``steps`` and of
          ``coverage`` and ``memory`` ``{"mean", "low", "high"}``
        - ``paired[size]``: ``first``, ``second``, and per measure the difference first - second over the maps
          and seeds that both have: ``{"mean", "ci95", "n", "p", "second_mean", "lower", "higher"}``, p of
          Wilcoxon's signed rank test over maps, and on how many maps it is lower and higher. The steps and
          seconds to a threshold have ``reached``, too: the share of first's and of second's runs that got
          there; where either is below ``REACHED_BY`` they have nothing else
    """
    by_place: dict[tuple[str, str], list[Entry]] = {}
    early_steps = 0
    for entry in sorted(entries, key=lambda entry: (entry.size, entry.map, entry.agent, entry.seed)):
        by_place.setdefault((entry.size, entry.agent), []).append(entry)
        early_steps = max(early_steps, entry.early_steps)
    sizes = [size for size in ("small", "medium", "large", "own") if any(size == s for s, _ in by_place)]
    return {
        "early_steps": early_steps,
        "sizes": {
            size: {agent: _group(by_place[size, agent]) for agent in agents if (size, agent) in by_place}
            for size in sizes
        },
        "paired": {
            size: _paired(by_place[size, compare[0]], by_place[size, compare[1]])
            for size in sizes
            if compare and all((size, agent) in by_place for agent in compare)
        },
    }


def _group(group: Sequence[Entry]) -> dict[str, Any]:
    of_maps = _by_map(group)
    return {
        "maps": len(of_maps),
        "runs": len(group),
        "visible_cells": float(np.mean([runs[0].metrics["visible_cells"] for runs in of_maps.values()])),
        **{name: interval(list(_map_means(group, name).values())) for name in MEASURES},
        "reached": {str(percent): _reached(group, f"steps_to_{percent}") for percent in THRESHOLDS},
        "median_steps_to": {str(percent): _median_steps(group, percent) for percent in THRESHOLDS},
        "done": float(np.mean([run.metrics["done"] for run in group])),
        "curves": _curves(of_maps),
    }


def _by_map(group: Sequence[Entry]) -> dict[str, list[Entry]]:
    of_maps: dict[str, list[Entry]] = {}
    for entry in group:
        of_maps.setdefault(entry.map, []).append(entry)
    return of_maps


def _map_means(group: Sequence[Entry], name: str) -> dict[str, float]:
    return {
        map_name: float(np.mean([run.measure(name) for run in runs]))
        for map_name, runs in _by_map(group).items()
    }


def _median_steps(group: Sequence[Entry], percent: int) -> float | None:
    steps = [run.metrics[f"steps_to_{percent}"] for run in group]
    median = float(np.median([math.inf if step is None else step for step in steps]))
    return median if math.isfinite(median) else None


def _curves(of_maps: Mapping[str, Sequence[Entry]]) -> dict[str, Any]:
    first = next(iter(of_maps.values()))[0]
    found: dict[str, Any] = {"steps": [step for step, _ in first.curves["coverage"]]}
    for name in ("coverage", "memory"):
        values = np.array(
            [
                np.mean([[value for _, value in run.curves[name]] for run in runs], axis=0)
                for runs in of_maps.values()
            ]
        )
        found[name] = _band(values, 100.0 if name == "coverage" else math.inf)
    return found


def _band(values: NDArray[np.float64], highest: float) -> dict[str, list[float] | None]:
    """Return mean and 95 % t band over rows, within what is possible; no band for a single row."""
    mean, half = student_interval(values)
    if len(values) < 2:
        return {"mean": mean.tolist(), "low": None, "high": None}
    low, high = np.maximum(mean - half, 0.0), np.minimum(mean + half, highest)
    return {"mean": mean.tolist(), "low": low.tolist(), "high": high.tolist()}


def _paired(first: Sequence[Entry], second: Sequence[Entry]) -> dict[str, Any]:
    both = {(e.map, e.seed) for e in first} & {(e.map, e.seed) for e in second}
    left, right = ([e for e in group if (e.map, e.seed) in both] for group in (first, second))
    found: dict[str, Any] = {"first": first[0].agent, "second": second[0].agent, "runs": len(both)}
    if both:
        for name in MEASURES:
            reached = {"reached": [_reached(side, name) for side in (left, right)]} if "_to_" in name else {}
            found[name] = reached
            if min(reached.get("reached", [1.0])) >= REACHED_BY:
                found[name] |= _difference(_map_means(left, name), _map_means(right, name))
    return found


def _reached(group: Sequence[Entry], name: str) -> float:
    """Return the share of runs that reached the threshold of a measure."""
    return float(np.mean([run.metrics[name] is not None for run in group]))


def _difference(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, Any]:
    from scipy.stats import wilcoxon

    differences = np.array([first[name] - second[name] for name in first])
    p = float(wilcoxon(differences).pvalue) if differences.any() else 1.0
    return {
        **interval(differences.tolist()),
        "p": p,
        "second_mean": float(np.mean(list(second.values()))),
        "lower": int((differences < 0).sum()),
        "higher": int((differences > 0).sum()),
    }
