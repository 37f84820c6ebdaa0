"""From finished agents to the numbers of the report: over seeds, over games, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farcuriosity.forgetting.measure import mean_interval
from farcuriosity.report.scores import (
    human_normalised,
    improvement_interval,
    interval,
    iqm,
    mean,
    median_of_means,
    optimality_gap,
    probability_of_improvement,
)
from gridcell.report import said_stale, student_interval

POINTS = 25  # of a curve over time
AGGREGATES = {
    "IQM": iqm,
    "median": median_of_means,
    "mean": mean,
    "optimality gap": optimality_gap,
}
# Metrics of a cell -> heading and decimals in the table; what no agent has is left out.
COLUMNS = {
    "score": ("score", 1),
    "score_over_training": ("score over training", 1),
    "sampled": ("evaluation", 1),
    "greedy": ("evaluation, greedy", 1),
    "human_normalised": ("human-normalised", 3),
    "rooms": ("rooms", 1),
    "places": ("places", 1),
    "fragments": ("fragments", 1),
    "recalls": ("recalls", 1),
    "replacements": ("replacements", 1),
    "memory_mib": ("memory, MiB", 1),
}
COMPARED = ("score", "score_over_training", "rooms", "places")  # of which curiosities' differences are told
# Of the study. The first is the figure to compare by: see ``forgetting.measure.returns``.
FORGETTING = ("return_error", "forgetting", "error_forgetting")
LEFT = "left_error"
"""What a study errs at leaving a room: who has learned little has little to forget."""


@dataclass(frozen=True)
class Agent:
    """A finished agent.

    Attributes:
        environment: its name in the suite.
        id: Gymnasium's.
        curiosity: its name in the suite.
        seed: of the cell.
        metrics: of the cell.
        curves: metric -> (steps, value) pairs.
        frames: at which fragments were made, (n, ...), and ``frame_steps`` when.
        frame_steps: int64, (n,).
        video: MP4, if one was recorded.
        cell: its id.
        stale: whether other code or inputs made it, or its evaluation, than are there now.
    """

    environment: str
    id: str
    curiosity: str
    seed: int
    metrics: Mapping[str, Any]
    curves: Mapping[str, Sequence[Sequence[float]]]
    frames: NDArray = field(default_factory=lambda: np.empty((0,)))
    frame_steps: NDArray = field(default_factory=lambda: np.empty((0,)))
    video: bytes | None = None
    cell: str = ""
    stale: bool = False

    def value(self, name: str) -> float | None:
        """Return a metric, or what follows from some; None where there is none."""
        if name == "memory_mib":
            held = self.metrics.get("memory_bytes")
            return None if held is None else held / 2**20
        if name == "human_normalised":
            score = self.metrics.get("score")
            known = None if score is None else human_normalised(self.id, np.array(score))
            return None if known is None else float(known)
        if name == "score_over_training":
            return mean_over_steps(self.curves.get("return", ()), self.metrics["steps"])
        return self.metrics.get(name)


def mean_over_steps(curve: Sequence[Sequence[float]], steps: int) -> float | None:
    """Return the mean of a curve from step 0 to the last: who learns sooner has more, at the same end.

    Between points the curve is a straight line; before the first and after the last it stays as it is there.

    Args:
        curve: (steps, value) pairs, in order.
        steps: the last one.

    Returns:
        The area below the curve by its steps; None of a curve without points.

    Example:
        >>> mean_over_steps([(50, 0.0), (100, 1.0)], 200)
        0.625
    """
    if not len(curve):
        return None
    x, y = np.array(curve, np.float64).T
    ends = np.array([0.0, *x, max(float(steps), x[-1])])
    return float(np.trapezoid(np.array([y[0], *y, y[-1]]), ends) / ends[-1])


@dataclass(frozen=True)
class Study:
    """A finished cell of the study of forgetting.

    Attributes:
        world: its name in the suite.
        curiosity: its name in the suite.
        seed: of the cell.
        metrics: of the cell.
        visits: what it left.
        stale: whether other code or inputs made it than are there now.
    """

    world: str
    curiosity: str
    seed: int
    metrics: Mapping[str, Any]
    visits: Path
    stale: bool = False


def summarise(agents: Sequence[Agent], studies: Sequence[Study] = ()) -> dict[str, Any]:
    """Sum up as JSON values.

    Returns:
        ``table`` of agents by environment and curiosity, ``columns`` it has, ``aggregates`` over games,
        ``forgetting`` by world and curiosity, and ``differences``: for each metric, environment or world, and
        pair of curiosities, the mean over common seeds of ``curiosity`` less ``against``, with its 95 %
        t-interval. What rests on a stale result has ``stale``.
    """
    groups: dict[tuple[str, str], list[Agent]] = {}
    for agent in agents:
        groups.setdefault((agent.environment, agent.curiosity), []).append(agent)
    table: list[dict[str, Any]] = [
        {
            "environment": environment,
            "id": group[0].id,
            "curiosity": curiosity,
            "seeds": len(group),
            "steps": int(group[0].metrics["steps"]),
            "steps_per_second": _speed(group),
            "values": {name: found for name in COLUMNS if (found := _spread(group, name)) is not None},
            **said_stale(any(agent.stale for agent in group)),
        }
        for (environment, curiosity), group in groups.items()
    ]
    columns = [name for name in COLUMNS if any(name in row["values"] for row in table)]
    return {
        "table": table,
        "columns": columns,
        "aggregates": _aggregates(agents),
        "forgetting": _forgetting(studies),
        "differences": _differences(agents, studies),
    }


def _forgetting(studies: Sequence[Study]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Study]] = {}
    for study in studies:
        groups.setdefault((study.world, study.curiosity), []).append(study)
    return [
        {
            "world": world,
            "curiosity": curiosity,
            "seeds": len(group),
            "fragments": float(np.mean([study.metrics.get("fragments", 1) for study in group])),
            **{name: _mean_and_interval(values) for name in FORGETTING if (values := _known(group, name))},
            **({LEFT: float(np.mean(left))} if (left := _known(group, LEFT)) else {}),
            **said_stale(any(study.stale for study in group)),
        }
        for (world, curiosity), group in groups.items()
    ]


def _known(group: Sequence[Study], name: str) -> list[float]:
    """Return the values of a metric, of those that have it: on some paths nobody comes back to a room."""
    return [float(value) for study in group if (value := study.metrics.get(name)) is not None]


def _mean_and_interval(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean and Student's 95 % interval of it, None of a lone value."""
    average, low, high = (float(end[0]) for end in mean_interval(np.array(values, np.float64)[:, None]))
    return {"mean": average, "ci95": [low, high] if len(values) > 1 else None}


def _differences(agents: Sequence[Agent], studies: Sequence[Study]) -> list[dict[str, Any]]:
    """Compare every two curiosities that have at least two seeds in common, seed by seed."""
    known: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for agent in agents:
        for name in COMPARED:
            if (value := agent.value(name)) is not None:
                place = known.setdefault((agent.environment, name), {})
                place.setdefault(agent.curiosity, {})[agent.seed] = value
    for study in studies:
        for name in FORGETTING:
            if (value := study.metrics.get(name)) is not None:
                place = known.setdefault((study.world, name), {})
                place.setdefault(study.curiosity, {})[study.seed] = value
    stale = {(agent.environment, agent.curiosity) for agent in agents if agent.stale}
    stale |= {(study.world, study.curiosity) for study in studies if study.stale}
    found = []
    for (environment, metric), curiosities in known.items():
        for against, curiosity in combinations(curiosities, 2):
            seeds = sorted(curiosities[against].keys() & curiosities[curiosity].keys())
            gains = [curiosities[curiosity][seed] - curiosities[against][seed] for seed in seeds]
            if len(gains) > 1:
                pair = {"environment": environment, "metric": metric, "seeds": len(gains)}
                pair |= {"curiosity": curiosity, "against": against}
                pair |= said_stale(any((environment, one) in stale for one in (curiosity, against)))
                found.append(pair | _mean_and_interval(gains))
    return found


def _spread(group: Sequence[Agent], name: str) -> dict[str, Any] | None:
    known = {agent.seed: value for agent in group if (value := agent.value(name)) is not None}
    if not known:
        return None
    values = np.array(list(known.values()), np.float64)
    return {
        "mean": mean(values),
        "iqm": iqm(values),
        "ci95": interval(values[:, None], iqm),
        "values": values.tolist(),
        "seeds": list(known),
    }


def _speed(group: Sequence[Agent]) -> float | None:
    rates = [value for agent in group for _, value in agent.curves.get("steps_per_second", [])]
    return float(np.median(rates)) if rates else None


def _aggregates(agents: Sequence[Agent]) -> dict[str, Any]:
    """Aggregate human-normalised scores of the curiosities that have all games and seeds.

    ``missing`` names the games and seeds for which a curiosity is left out; ``improvement`` is the chance
    with which a run of one curiosity beats one of another, with its interval and the seeds of either.
    """
    games = list(dict.fromkeys(a.environment for a in agents if a.value("human_normalised") is not None))
    if not games:
        return {}
    found: dict[str, Any] = {}
    whole: dict[str, NDArray[np.float64]] = {}
    missing: dict[str, list[str]] = {}
    for curiosity in dict.fromkeys(agent.curiosity for agent in agents):
        by_place = {
            (a.seed, a.environment): a.value("human_normalised") for a in agents if a.curiosity == curiosity
        }
        seeds = sorted({seed for seed, _ in by_place})
        scores = [[by_place.get((seed, game)) for game in games] for seed in seeds]
        gone = [
            f"{game}, seed {seed}"
            for seed, row in zip(seeds, scores, strict=True)
            for game, value in zip(games, row, strict=True)
            if value is None
        ]
        if gone:
            missing[curiosity] = gone
        elif seeds:
            array = whole[curiosity] = np.array(scores, np.float64)
            found[curiosity] = {
                name: {"value": of(array), "ci95": interval(array, of)} for name, of in AGGREGATES.items()
            }
    stale = [name for name in whole if any(a.stale for a in agents if a.curiosity == name)]
    improvement = [
        {
            "curiosity": curiosity,
            "against": against,
            "probability": probability_of_improvement(whole[curiosity], whole[against]),
            "ci95": improvement_interval(whole[curiosity], whole[against]),
            "seeds": [len(whole[curiosity]), len(whole[against])],
            **said_stale(curiosity in stale or against in stale),
        }
        for against, curiosity in combinations(whole, 2)
    ]
    told = {"games": games, "by_curiosity": found, "missing": missing, "improvement": improvement}
    told |= {"stale": stale} if stale else {}
    return told if found or missing else {}


def curve_over_seeds(
    group: Sequence[Agent], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None] | None:
    """Return steps, mean over seeds, and half the 95 % t-interval (None with one seed) of a curve.

    The seeds' curves are brought onto common steps by linear interpolation, where all of them are known.
    """
    curves = [np.array(agent.curves[name], np.float64) for agent in group if agent.curves.get(name)]
    if not curves:
        return None
    low, high = max(curve[0, 0] for curve in curves), min(curve[-1, 0] for curve in curves)
    if high < low:
        return None
    known = np.unique(np.concatenate([curve[:, 0] for curve in curves]))
    known = known[(known >= low) & (known <= high)]
    x = known if len(known) <= POINTS else np.linspace(low, high, POINTS)
    y = np.array([np.interp(x, curve[:, 0], curve[:, 1]) for curve in curves])
    average, half = student_interval(y)
    return x, average, None if len(y) < 2 else half
