"""The result as JSON: the same entries give the same bytes, in whatever order they came."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from generalization_difficulty.report.along_summary import summarise_models, summarise_sweeps

SPREAD = (
    "radius",
    "m_estimate",
    "m_error",
    "m",
    "delta_exact",
    "delta_sample",
    "delta_evt",
    "delta_low",
    "delta_high",
    "tail_index",
    "delta",
    "duplicates",
)
"""Ingredients of a measurement whose spread over seeds is reported."""

_INGREDIENTS = ["n", "m", "m_within", "m_across", "ways", "radius", "classes", "actions", "delta", "eps"]
_ESTIMATES = [
    "m_estimate",
    "m_error",
    "m_points",
    "copies",
    "features",
    "held",
    "delta_sample",
    "delta_points",
]
_ESTIMATES += ["duplicates", "delta_evt", "delta_pairs", "delta_extremes", "tail_index"]
_ESTIMATES += ["resolution", "delta_exact", "delta_low", "delta_high", "mean_norm", "spread", "centre"]
_ESTIMATES += ["m_tied", "log2_bits_low", "log2_bits_high"]
_RESULT = ["bits", "log2_bits", "log2_dimension", "bits_per_dimension"]
COLUMNS = ("task", "kind", "seed", *_RESULT, *_INGREDIENTS, *_ESTIMATES, "seconds", "cell")
"""Of cells.csv."""

_DETAILS = (
    "resolution",
    "centre",
    "mean_norm",
    "spread",
    "copies",
    "m_tied",
    "delta_pair",
    "delta_by_points",
    "m_by_neighbours",
    "contributions",
)

ROUNDING = 1e-9
"""Relative difference up to which values of seeds are one: each sums the same points in another order."""


@dataclass(frozen=True)
class Entry:
    """A finished cell in its place.

    Attributes:
        name: of the task.
        kind: classification, meta-learning, reinforcement, union, environment or measured.
        seed: of a measurement, else None.
        metrics: what the cell answered.
        seconds: that it took.
        cell: its id.
        stale: whether other code or inputs made it than are there now.
    """

    name: str
    kind: str
    seed: int | None
    metrics: Mapping[str, Any]
    seconds: float
    cell: str = ""
    stale: bool = False


def summarise(
    entries: Iterable[Entry],
    orders: Mapping[str, Sequence[str]],
    sweeps: Mapping[str, Mapping[str, Any]] | None = None,
    models: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Summarise entries into the answer.

    Args:
        entries: in any order of seeds; tasks keep the order in which they come first.
        orders: title -> names of tasks, expected in this order, easiest first.
        sweeps: the suite's settings of sweeps, by name.
        models: the suite's settings of models, by name.

    Returns:
        A dict ready for JSON:

        - ``bits[name]``: the difficulty; of measured tasks the median over seeds, of an even number the mean
          of the middle two; null above 1.8e308
        - ``log2_bits[name]``: its base-2 logarithm
        - ``tasks[name]``: kind, ingredients and ``curves``, of measured tasks those of the median seed,
          of an even number the lower of the middle two, so that they are a seed's own
        - ``unions``: ``{"names", "log2_bits"[first][second], "log2_bits_classes_minus_1"[first][second]}``
        - ``measured[name]``: ``{"seeds", "points", ...}`` and of each ingredient and ``log2_bits`` the
          spread: ``{"values", "mean", "sd", "low", "high"}``, ``sd`` null for one seed; ``of_seed`` is the
          median seed, of which ``contributions`` and other details are
        - ``ranges[name]``: of measured tasks the lowest and the highest ``log2_bits`` that their ingredients
          allow at any seed, an end null where they set none; where cells tell none, those over seeds, null
          where these are one value; of others twice the value
        - ``sweeps[name]`` and ``models[name]``: see ``along_summary``
        - ``orders``: ``[{"title", "tasks", "log2_bits", "holds"}]``, ``holds`` true where all neighbours'
          ranges are apart as expected, false where some are apart or equal otherwise, and null where a task
          or a range is missing or ranges overlap
        - ``stale``: names of what rests on a stale cell, where there is any
    """
    entries = list(entries)
    stale = list(dict.fromkeys(entry.name for entry in entries if entry.stale))
    by_name: dict[str, list[Entry]] = {}
    along: dict[str, dict[str, Mapping[str, Any]]] = {"sweep": {}, "models": {}}
    for entry in entries:
        if entry.kind in along:
            along[entry.kind][entry.name] = entry.metrics
            continue
        by_name.setdefault(entry.name, []).append(entry)
    for group in by_name.values():
        group.sort(key=lambda entry: -1 if entry.seed is None else entry.seed)
    middle = {name: _middle(group) for name, group in by_name.items()}
    log2_bits = {name: _median_log2(group) for name, group in by_name.items()}
    ranges = {name: _range(group) for name, group in by_name.items()}
    return {
        "bits": {name: _median_bits(group) for name, group in by_name.items()},
        "log2_bits": log2_bits,
        "tasks": {name: _task(entry) for name, entry in middle.items() if entry.kind != "union"},
        "unions": _unions([group[0] for group in by_name.values() if group[0].kind == "union"]),
        "measured": {
            name: _measured(group) for name, group in by_name.items() if group[0].kind == "measured"
        },
        "ranges": ranges,
        "sweeps": summarise_sweeps(along["sweep"], sweeps or {}),
        "models": summarise_models(along["models"], models or {}),
        "orders": [_order(title, names, log2_bits, ranges) for title, names in orders.items()],
        **({"stale": stale} if stale else {}),
    }


def spread(values: Iterable[float | None]) -> dict[str, Any]:
    """Return values with their mean, standard deviation (n - 1) and ends; None among them is left out."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return {"values": [], "mean": None, "sd": None, "low": None, "high": None}
    sd = statistics.stdev(known) if len(known) > 1 else None
    return {"values": known, "mean": statistics.fmean(known), "sd": sd, "low": min(known), "high": max(known)}


def _middle(group: Sequence[Entry]) -> Entry:
    """Return the entry of median difficulty, of an even number the lower of the middle two."""
    return sorted(group, key=lambda entry: float(entry.metrics["log2_bits"]))[(len(group) - 1) // 2]


def _median_bits(group: Sequence[Entry]) -> float | None:
    """Return the median difficulty in bits; None where it is too large for a number."""
    known = [math.inf if e.metrics["bits"] is None else float(e.metrics["bits"]) for e in group]
    if len(known) == 1:
        return group[0].metrics["bits"]  # as it was written: a whole number stays one
    median = statistics.median(known)
    return median if math.isfinite(median) else None


def _median_log2(group: Sequence[Entry]) -> float:
    """Return log2 of the median difficulty, also where that is too large for a number."""
    logs = sorted(float(entry.metrics["log2_bits"]) for entry in group)
    low, high = logs[(len(logs) - 1) // 2], logs[len(logs) // 2]
    return low if low == high else high + math.log2((1 + 2 ** (low - high)) / 2)


def _task(entry: Entry) -> dict[str, Any]:
    kept = ("ingredients", "log2_dimension", "bits_per_dimension", "curves", "true_dimension")
    return {"kind": entry.kind, **{key: entry.metrics[key] for key in kept if key in entry.metrics}}


def _unions(entries: Sequence[Entry]) -> dict[str, Any]:
    names: dict[str, None] = {}
    tables: dict[str, dict[str, dict[str, float]]] = {"log2_bits": {}, "log2_bits_classes_minus_1": {}}
    for entry in entries:
        first, _, second = entry.name.partition("+")
        names |= {first: None, second: None}
        for key, table in tables.items():
            table.setdefault(first, {})[second] = entry.metrics[key]
    return {"names": list(names), **tables}


def _measured(group: Sequence[Entry]) -> dict[str, Any]:
    first, middle = group[0].metrics, _middle(group)
    fixed = (
        "n",
        "features",
        "classes",
        "eps",
        "m_points",
        "held",
        "delta_points",
        "delta_pairs",
        "delta_extremes",
    )
    return {
        "seeds": [entry.seed for entry in group],
        **{name: first["ingredients"][name] for name in fixed},
        "of_seed": middle.seed,
        **{name: middle.metrics["ingredients"].get(name) for name in _DETAILS},
        "true_dimension": first.get("true_dimension"),
        "log2_bits": spread(entry.metrics["log2_bits"] for entry in group),
        **{name: spread(entry.metrics["ingredients"].get(name) for entry in group) for name in SPREAD},
    }


def _range(group: Sequence[Entry]) -> list[float | None] | None:
    known = [entry.metrics.get("ingredients", {}) for entry in group]
    if all("log2_bits_low" in ingredients for ingredients in known):
        lows = [ingredients["log2_bits_low"] for ingredients in known]
        highs = [ingredients["log2_bits_high"] for ingredients in known]
        return [None if None in lows else min(lows), None if None in highs else max(highs)]
    values = [float(entry.metrics["log2_bits"]) for entry in group]
    low, high = min(values), max(values)
    if group[0].kind == "measured" and high - low <= ROUNDING * abs(high):
        return None
    return [low, high]


def below(first: Sequence[float | None] | None, second: Sequence[float | None] | None) -> bool | None:
    """Say whether a range lies below another: False where it lies above or both are one value, None unknown.

    Args:
        first: its lower and upper end, None where there is none; None where the range is not known.
        second: likewise.
    """
    if first is None or second is None:
        return None
    (low, high), (other_low, other_high) = _closed(first), _closed(second)
    if high < other_low:
        return True
    return False if low >= other_high else None


def _closed(ends: Sequence[float | None]) -> tuple[float, float]:
    low, high = ends
    return -math.inf if low is None else low, math.inf if high is None else high


def _order(
    title: str,
    names: Sequence[str],
    log2_bits: Mapping[str, float],
    ranges: Mapping[str, Sequence[float | None] | None],
) -> dict[str, Any]:
    steps = [below(ranges.get(one), ranges.get(other)) for one, other in pairwise(names)]
    holds = False if False in steps else None if None in steps else True
    values = [log2_bits.get(name) for name in names]
    return {"title": title, "tasks": list(names), "log2_bits": values, "holds": holds}
