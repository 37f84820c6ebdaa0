"""The result as JSON: the same entries give the same bytes, in whatever order they came."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

SPREAD = (
    "radius",
    "m_estimate",
    "m_error",
    "m",
    "delta_sample",
    "delta_evt",
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
_RESULT = ["bits", "log2_bits", "log2_dimension", "bits_per_dimension"]
COLUMNS = ("task", "kind", "seed", *_RESULT, *_INGREDIENTS, *_ESTIMATES, "seconds")
"""Of cells.csv."""

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
    """

    name: str
    kind: str
    seed: int | None
    metrics: Mapping[str, Any]
    seconds: float


def summarise(entries: Iterable[Entry], orders: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Summarise entries into the answer.

    Args:
        entries: in any order of seeds; tasks keep the order in which they come first.
        orders: title -> names of tasks, expected in this order, easiest first.

    Returns:
        A dict ready for JSON:

        - ``bits[name]``: the difficulty; of measured tasks the median over seeds (of an even number
          the lower of the middle two, so that it is a seed's own); null above 1.8e308
        - ``log2_bits[name]``: its base-2 logarithm
        - ``tasks[name]``: kind, ingredients and ``curves``, of measured tasks those of the median seed
        - ``unions``: ``{"names", "log2_bits"[first][second], "log2_bits_classes_minus_1"[first][second]}``
        - ``measured[name]``: ``{"seeds", "points", ...}`` and of each ingredient and ``log2_bits`` the
          spread: ``{"values", "mean", "sd", "low", "high"}``, ``sd`` null for one seed
        - ``ranges[name]``: of measured tasks the lowest and the highest ``log2_bits`` over seeds, null where
          these are one value: seeds that all saw every point repeat one computation, and one seed has no
          other, so neither shows a range; of others twice the value
        - ``orders``: ``[{"title", "tasks", "log2_bits", "holds"}]``, ``holds`` true where all neighbours'
          ranges are apart as expected, false where some are apart or equal otherwise, and null where a task
          or a range is missing or ranges overlap
    """
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    for group in by_name.values():
        group.sort(key=lambda entry: -1 if entry.seed is None else entry.seed)
    middle = {name: _middle(group) for name, group in by_name.items()}
    log2_bits = {name: float(entry.metrics["log2_bits"]) for name, entry in middle.items()}
    ranges = {name: _range(group) for name, group in by_name.items()}
    return {
        "bits": {name: entry.metrics["bits"] for name, entry in middle.items()},
        "log2_bits": log2_bits,
        "tasks": {name: _task(entry) for name, entry in middle.items() if entry.kind != "union"},
        "unions": _unions([group[0] for group in by_name.values() if group[0].kind == "union"]),
        "measured": {
            name: _measured(group) for name, group in by_name.items() if group[0].kind == "measured"
        },
        "ranges": ranges,
        "orders": [_order(title, names, log2_bits, ranges) for title, names in orders.items()],
    }


def spread(values: Iterable[float | None]) -> dict[str, Any]:
    """Return values with their mean, standard deviation (n - 1) and ends; None among them is left out."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return {"values": [], "mean": None, "sd": None, "low": None, "high": None}
    sd = statistics.stdev(known) if len(known) > 1 else None
    return {"values": known, "mean": statistics.fmean(known), "sd": sd, "low": min(known), "high": max(known)}


def _middle(group: Sequence[Entry]) -> Entry:
    """Return the entry of median difficulty."""
    return sorted(group, key=lambda entry: float(entry.metrics["log2_bits"]))[(len(group) - 1) // 2]


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
    first = group[0].metrics
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
        "true_dimension": first.get("true_dimension"),
        "log2_bits": spread(entry.metrics["log2_bits"] for entry in group),
        **{name: spread(entry.metrics["ingredients"][name] for entry in group) for name in SPREAD},
    }


def _range(group: Sequence[Entry]) -> list[float] | None:
    values = [float(entry.metrics["log2_bits"]) for entry in group]
    low, high = min(values), max(values)
    if group[0].kind == "measured" and high - low <= ROUNDING * abs(high):
        return None
    return [low, high]


def below(first: Sequence[float] | None, second: Sequence[float] | None) -> bool | None:
    """Say whether a range lies below another: False where it lies above or both are one value, None unknown.

    Args:
        first: its lower and upper end; None where it is not known.
        second: likewise.
    """
    if first is None or second is None:
        return None
    if first[1] < second[0]:
        return True
    return False if first[0] >= second[1] else None


def _order(
    title: str,
    names: Sequence[str],
    log2_bits: Mapping[str, float],
    ranges: Mapping[str, Sequence[float] | None],
) -> dict[str, Any]:
    steps = [below(ranges.get(one), ranges.get(other)) for one, other in pairwise(names)]
    holds = False if False in steps else None if None in steps else True
    values = [log2_bits.get(name) for name in names]
    return {"title": title, "tasks": list(names), "log2_bits": values, "holds": holds}
