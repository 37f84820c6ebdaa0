"""Every number of the report, from stored runs alone: by size of map and agent, and paired over maps."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farmap.agents.explore import THRESHOLDS
from gridcell.report import marked, said_stale, student_interval

MEASURES: Mapping[str, str] = {
    "early_coverage": "mean coverage over the first {early_steps:,} steps (%)",
    "coverage": "coverage at the end (%)",
    **{f"steps_to_{percent}": f"steps to {percent} %" for percent in THRESHOLDS},
    **{f"seconds_to_{percent}": f"seconds to {percent} %" for percent in THRESHOLDS},
    "seconds_per_step": "seconds per step",
    "mean_memory": "mean active memory (cells that a plan may read)",
    "peak_memory": "peak active memory (cells that a plan may read)",
    "mean_own_memory": "mean cells of the map in use alone",
    "peak_own_memory": "peak cells of the map in use alone",
    "mean_box_memory": "mean rectangle around the map in use (cells)",
    "peak_box_memory": "peak rectangle around the map in use (cells)",
    "cells_read": "cells read by planning, in all",
    "path": "path length (cells)",
    "turns": "turns",
    "stored_memory": "all memory at the end (cells)",
    "fragments": "fragments",
    "recalls": "recalls",
    "matches": "recalls by match",
    "looks": "looks over all maps",
}
"""What is reported of each run, and its title, in which ``{early_steps}`` is to be filled in."""

OWN = "own"
"""Size, in labels, of all maps of the user's own."""

ENDS = ("done", "bound", "steps")
"""Why runs end: all is seen, the agent gave up, its steps were used up."""

EARLY = 1_000  # steps, or as many as the runs have

REACHED_BY = 0.9
"""Share of each agent's runs that must reach a threshold of coverage for it to be compared: a run that
misses it counts as there at its end, so that with more of those it is the length of runs that is compared."""

FEWEST_MAPS = 6
"""From so many maps two agents are compared with an interval and a p-value: of fewer, Wilcoxon's signed rank
test can't reject at 5 % (its least p is 2 / 2^n), and an interval would claim more than the test."""

ALIKE = 1.5
"""Own maps are reported together where the largest has at most so many times the cells of the smallest."""

PLACE = ("size", "map", "agent", "seed")
"""What tells runs apart: fields of ``Entry``, and labels of the grid."""


@dataclass(frozen=True)
class Entry:
    """A finished run in its place.

    Attributes:
        size: of the map: small, medium, large, huge or own.
        map: its name.
        agent: its name.
        seed: of start and choices.
        metrics: what the cell answered.
        curves: ``coverage`` and ``memory``: (step, value) each.
        cell: its id.
        stale: whether other code or inputs made it than are there now.
    """

    size: str
    map: str
    agent: str
    seed: int
    metrics: Mapping[str, Any]
    curves: Mapping[str, Sequence[Sequence[float]]]
    cell: str = ""
    stale: bool = False

    @property
    def early_steps(self) -> int:
        """The steps that ``early_coverage`` is over."""
        return int(min(EARLY, self.curves["coverage"][-1][0]))

    @property
    def ended_early(self) -> str:
        """Why the run ended before ``early_steps``, a word of ``ENDS``; "" where it did not."""
        return str(self.metrics["end"]) if self.metrics.get("steps", math.inf) < self.early_steps else ""

    def measure(self, name: str) -> float:
        """Return a measure; a share that was not reached counts as reached at the last step a run may take.

        Early coverage is the mean over steps 0 to ``early_steps`` of the coverage at each. A run that ended
        sooner counts with its last coverage from there on, also where the agent gave up: it sees no more.

        So the means of steps are restricted means; an agent that gave up early gains nothing by it. Seconds
        are carried on to that step at the run's own pace.
        """
        if name == "early_coverage":  # a run that ended sooner stays at the coverage it ended with
            steps, values = np.array(self.curves["coverage"]).T
            early = np.linspace(0, self.early_steps, 201)
            return float(np.interp(early, steps, values).mean())
        # Of a run without a step there is the time of its first observation alone.
        per_second = float(self.metrics["steps_per_second"])
        pace = 1.0 / per_second if per_second else float(self.metrics["exploring_seconds"])
        if name == "seconds_per_step":
            return pace
        value = self.metrics[name]
        if value is None:
            value = last = self.curves["coverage"][-1][0]
            if name.startswith("seconds"):
                value = last * pace
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
        - ``sizes[size][agent]``: ``maps``, ``runs``, ``visible_cells`` (mean), ``ended_early`` (why -> how
          many runs ended before ``early_steps``), per name of ``MEASURES``
          ``{"mean", "ci95", "n"}``, ``reached`` (percent -> share of runs), ``median_steps_to`` (percent ->
          median over runs, null unless more than half reached it), ``end`` (why runs ended -> share), and
          ``curves``: ``steps`` and of ``coverage``, ``memory`` and ``reached`` (share of runs that saw 95 %)
          ``{"mean", "low", "high"}``; of one map with several runs ``early_coverage_over_starts``, the
          lowest and the highest
        - ``paired[size]``: ``first``, ``second``, and per measure the difference first - second over the maps
          and seeds that both have: ``{"mean", "ci95", "n", "p", "second_mean", "lower", "higher"}``, p of
          Wilcoxon's signed rank test over maps, and on how many maps it is lower and higher; below
          ``FEWEST_MAPS`` maps p and the ends of the interval are null. The steps and
          seconds to a threshold have ``reached``, too: the share of first's and of second's runs that got
          there; where either is below ``REACHED_BY`` they have nothing else
        - groups and pairs that rest on a stale run have ``stale``
    """
    entries = by_own_size(entries)
    by_place: dict[tuple[str, str], list[Entry]] = {}
    early_steps = 0
    for entry in sorted(entries, key=lambda entry: (entry.size, entry.map, entry.agent, entry.seed)):
        by_place.setdefault((entry.size, entry.agent), []).append(entry)
        early_steps = max(early_steps, entry.early_steps)
    sizes = sizes_of(entries)
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


def by_own_size(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries in which own maps carry their size: maps of very different sizes are not pooled.

    Own maps are taken from the smallest; one with more than ``ALIKE`` times the cells of the first begins the
    next size. Where all are alike they stay ``own``.
    """
    entries = list(entries)
    cells = {e.map: int(e.metrics["visible_cells"]) for e in entries if e.size == OWN}
    groups: list[list[str]] = []
    for name in sorted(cells, key=lambda name: (cells[name], name)):
        if not groups or cells[name] > ALIKE * cells[groups[-1][0]]:
            groups.append([])
        groups[-1].append(name)
    if len(groups) < 2:
        return entries
    named: dict[str, str] = {}
    for group in groups:
        least, most = cells[group[0]], cells[group[-1]]
        size = f"{OWN} ({least:,} cells)" if least == most else f"{OWN} ({least:,} to {most:,} cells)"
        named |= dict.fromkeys(group, size)
    return [replace(e, size=named[e.map]) if e.size == OWN else e for e in entries]


def sizes_of(entries: Iterable[Entry]) -> list[str]:
    """Return the sizes of maps in order: generated ones, then own ones from the smallest."""
    least: dict[str, float] = {}
    for entry in entries:
        cells = float(entry.metrics["visible_cells"])
        least[entry.size] = min(cells, least.get(entry.size, math.inf))
    generated = [size for size in ("small", "medium", "large", "huge") if size in least]
    return [*generated, *sorted(least.keys() - set(generated), key=lambda size: least[size])]


def named(summary: Mapping[str, Any], size: str, agent: str) -> str:
    """Return an agent's name as it is shown: marked where a run of it on maps of this size is stale."""
    return marked(agent, "stale" in summary["sizes"][size].get(agent, {}))


def _group(group: Sequence[Entry]) -> dict[str, Any]:
    of_maps = _by_map(group)
    return {
        "maps": len(of_maps),
        "runs": len(group),
        "visible_cells": float(np.mean([runs[0].metrics["visible_cells"] for runs in of_maps.values()])),
        **{name: interval(list(_map_means(group, name).values())) for name in _measured(group)},
        "reached": {str(percent): _reached(group, f"steps_to_{percent}") for percent in THRESHOLDS},
        "median_steps_to": {str(percent): _median_steps(group, percent) for percent in THRESHOLDS},
        "done": float(np.mean([run.metrics["done"] for run in group])),
        "ended_early": {end: sum(run.ended_early == end for run in group) for end in ENDS if end != "steps"},
        "end": {end: float(np.mean([run.metrics.get("end") == end for run in group])) for end in ENDS},
        "curves": _curves(of_maps),
        **_starts(of_maps),
        **said_stale(any(run.stale for run in group)),
    }


def _starts(of_maps: Mapping[str, Sequence[Entry]]) -> dict[str, list[float]]:
    """Return how far early coverage reaches over the starts on a single map: all the spread there is."""
    runs = next(iter(of_maps.values()))
    if len(of_maps) > 1 or len(runs) < 2:
        return {}
    values = [run.measure("early_coverage") for run in runs]
    return {"early_coverage_over_starts": [min(values), max(values)]}


def _measured(group: Sequence[Entry]) -> list[str]:
    """Return the measures that all runs have."""
    worked_out = {"early_coverage", "seconds_per_step"}
    return [name for name in MEASURES if name in worked_out or all(name in run.metrics for run in group)]


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
    reached = [
        np.mean([_reached_by(run, found["steps"]) for run in runs], axis=0) for runs in of_maps.values()
    ]
    found["reached"] = _band(100 * np.array(reached), 100.0)
    return found


def _reached_by(run: Entry, steps: Sequence[float]) -> NDArray[np.bool_]:
    """Tell by which steps a run had seen 95 % of what can be seen."""
    at = run.metrics["steps_to_95"]
    return np.zeros(len(steps), bool) if at is None else np.array(steps) >= at


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
    found |= said_stale(any(run.stale for run in [*left, *right]))
    if both:
        for name in _measured([*left, *right]):
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
    found = interval(differences.tolist())
    p = None
    if len(differences) < FEWEST_MAPS:
        found["ci95"] = [None, None]
    else:
        p = float(wilcoxon(differences).pvalue) if differences.any() else 1.0
    return {
        **found,
        "p": p,
        "second_mean": float(np.mean(list(second.values()))),
        "lower": int((differences < 0).sum()),
        "higher": int((differences > 0).sum()),
    }
