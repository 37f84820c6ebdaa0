"""What fine-tuning on each set gains there and changes elsewhere, with intervals: known before mRI is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridcell.plots import signed
from gridcell.report import marked
from imagenet_rib import metrics
from imagenet_rib.report.estimates import Statistic, Term, verdict
from imagenet_rib.report.matrices import Matrices
from imagenet_rib.report.sureness import OVER
from imagenet_rib.report.wording import ends, listed
from imagenet_rib.vocabulary import BASELINE

Summary = Mapping[str, Any]
Row = Mapping[str, Any]

_EXACT = 9  # decimals of points beyond which two sums differ by rounding alone
_VERSUS = ("ri_minus_ft", "total_minus_ft")


@dataclass(frozen=True)
class Place:
    """Methods that were fine-tuned on one set, from one model.

    Attributes:
        model: its name.
        downstream: the set.
        rows: of methods whose RI and gain are known, the best trade-off first (the largest sum of both). A
            row has ``method``, and the estimates ``gain`` and ``mRI`` (RI of this set),
            and of other methods than the baseline ``ri_minus_ft`` and ``total_minus_ft``.
    """

    model: str
    downstream: str
    rows: Sequence[Row]


def statistics(matrices: Matrices) -> dict[tuple[str, ...], Statistic]:
    """Return what is to be estimated of each set fine-tuned on: ``("set", key, model, method, set)``.

    ``ri`` is the mean change of accuracy on the other sets, ``gain`` that on the set itself; ``ri_minus_ft``
    and ``total_minus_ft`` (of their sum) are paired differences from plain fine-tuning.
    """
    n = len(matrices.names)
    found: dict[tuple[str, ...], Statistic] = {}
    for model, method, name in _places(matrices):
        place = matrices.names.index(name)
        own, elsewhere = np.zeros((2, n, n))
        own[place, place] = 1
        elsewhere[place] = (np.arange(n) != place) / (n - 1)
        key = model, method, name
        found["set", "ri", *key] = [_change(matrices, *key, elsewhere)]
        found["set", "gain", *key] = [_change(matrices, *key, own)]
        if method != BASELINE:
            for what, coefficients in zip(_VERSUS, (elsewhere, own + elsewhere), strict=True):
                found["set", what, *key] = [
                    Term(_rows(matrices, model, method, name), coefficients),
                    Term(_rows(matrices, model, BASELINE, name), coefficients, weight=-1),
                ]
    return found


def summarise_by_set(estimates: Mapping[tuple[str, ...], dict[str, Any]]) -> dict[str, Any]:
    """Return ``[model][method][set]`` -> the estimates of ``statistics`` by their names."""
    found: dict[str, Any] = {}
    for key, estimate in estimates.items():
        if key[0] == "set":
            _, what, model, method, name = key
            found.setdefault(model, {}).setdefault(method, {}).setdefault(name, {})[what] = estimate
    return found


def places(summary: Summary) -> list[Place]:
    """Return the places of which RI and gain are known.

    First those where a method is told apart from plain fine-tuning, then those with the most methods.
    """
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for model, by_method in summary.get("by_set", {}).items():
        for method, by_name in by_method.items():
            for name, one in by_name.items():
                if one["ri"]["mean"] is not None and one["gain"]["mean"] is not None:
                    rows.setdefault((model, name), []).append({"method": method, **one, "mRI": one["ri"]})
    found = [Place(*key, sorted(group, key=lambda row: -_total(row))) for key, group in rows.items()]
    return sorted(found, key=lambda place: (not told_apart(place), -len(place.rows)))


def told_apart(place: Place) -> bool:
    """Tell whether any method's gain and RI together differ from plain fine-tuning's, by the interval."""
    return any(
        verdict(row["total_minus_ft"]) in ("above", "below") for row in place.rows if "total_minus_ft" in row
    )


def same_everywhere(summary: Summary) -> list[str]:
    """Say which methods have the same numbers in every place: a setting that nothing heeds makes such."""
    found: dict[frozenset[tuple[str, str, float, float]], list[str]] = {}
    of_method: dict[str, set[tuple[str, str, float, float]]] = {}
    for model, by_method in summary.get("by_set", {}).items():
        for method, by_name in by_method.items():
            for name, one in by_name.items():
                ri, gain = one["ri"]["mean"], one["gain"]["mean"]
                if ri is not None and gain is not None:
                    place = model, name, round(ri, _EXACT), round(gain, _EXACT)
                    of_method.setdefault(method, set()).add(place)
    for method, numbers in of_method.items():
        found.setdefault(frozenset(numbers), []).append(method)
    return [
        f"{listed(names)} have the same gain and RI in "
        f"{f'all {len(numbers)} combinations' if len(numbers) > 1 else 'the one combination'} of model and "
        "set: what sets them apart, such as a swept setting, made no difference."
        for numbers, names in found.items()
        if len(names) > 1
    ]


def told_by_set(place: Place) -> Iterator[str]:
    """Say of each method what it gains on the set and changes elsewhere, with intervals, and against ft."""
    for row in place.rows:
        name = marked(row["method"], "stale" in row["ri"] or "stale" in row["gain"])
        text = (
            f"{name}: {with_interval(row['gain'])} points on {place.downstream}, "
            f"{with_interval(row['ri'])} elsewhere"
        )
        if "ri_minus_ft" in row and row["ri_minus_ft"]["mean"] is not None:
            text += f" ({with_interval(row['ri_minus_ft'])} against {BASELINE})"
        over = OVER.get(row["ri"]["interval"], "")
        yield f"{text}; 95 % over {over}." if row["ri"]["ci95"] else f"{text}; no intervals."


def with_interval(estimate: Mapping[str, Any]) -> str:
    """Write an estimate with its interval, if it has one."""
    return f"{signed(estimate['mean'])} {ends(estimate)}".strip()


def _total(row: Row) -> float:
    return float(row["gain"]["mean"] + row["ri"]["mean"])


def _places(matrices: Matrices) -> Iterator[tuple[str, str, str]]:
    for model, method in matrices.pairs:
        known = {name for rows in matrices.by_method.get((model, method), {}).values() for name in rows}
        yield from ((model, method, name) for name in matrices.names if name in known)


def _rows(matrices: Matrices, model: str, method: str, name: str) -> dict[int | None, dict[str, Any]]:
    """Return the evaluations on one set by seed: the others' answers need not be read."""
    seeds = matrices.by_method.get((model, method), {})
    return {seed: {name: rows[name]} for seed, rows in seeds.items() if name in rows}


def _change(matrices: Matrices, model: str, method: str, name: str, coefficients: metrics.FloatArray) -> Term:
    before = matrices.before.get(model)
    rows = _rows(matrices, model, method, name) if before is not None else {}
    return Term(rows, coefficients, before)
