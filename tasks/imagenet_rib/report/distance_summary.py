"""Distances from the pre-training data against what fine-tuning costs, as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridcell.report import said_stale
from imagenet_rib.distance.correlation import (
    LEVEL,
    RESAMPLES,
    Coefficient,
    Correlation,
    correlate,
    correlate_within,
)
from imagenet_rib.report.estimates import plain
from imagenet_rib.report.stale import rests
from imagenet_rib.vocabulary import BASELINE, VAL

OUTCOMES = ("drop", "ri")
"""What is correlated: the points of accuracy lost on the pre-training data, and RI."""


@dataclass(frozen=True)
class MeasuredDistance:
    """What a distance cell was asked (``config``) and answered (``metrics``) for one model."""

    model: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    stale: bool = False


def summarise_distances(
    summary: Mapping[str, Any], distances: Sequence[MeasuredDistance]
) -> dict[str, Any] | None:
    """Put distances beside the outcome of plain fine-tuning.

    Args:
        summary: from ``imagenet_rib.report.summary.summarise``.
        distances: one per model and set, all made in the same way.

    Returns:
        None without distances, else

        - ``source``, ``how``, ``any_capped``: what is measured from, the settings, and whether any
          set has more samples than were coupled
        - ``sets[model][set]``: ``distance`` (the excess over the ``baseline`` of two draws of one
          distribution; the plain distance where a result lacks it), ``plain`` (the distance with its sampling
          noise), ``deviation`` (of the plain one), ``repeats``, ``used``, ``available``, ``capped``, ``drop``
          (accuracy on ``val`` before minus after, points) and ``ri``; null where not known
        - ``correlations[model][outcome]``: null, or ``n`` and for ``pearson`` and ``spearman`` each
          ``value``, ``p`` and ``ci95``
        - ``pooled[outcome]``: the same within all models together, over the sets known of all of them, see
          ``correlation.correlate_within``; null with fewer than two models
        - ``level``, ``resamples``
        - ``stale``: models of which a distance or an outcome rests on a stale result, where there are any
    """
    if not distances:
        return None
    sets: dict[str, dict[str, Any]] = {}
    for one in sorted(distances, key=lambda one: one.model):
        name = one.config["target"]
        sets.setdefault(one.model, {})[name] = {
            **{key: one.metrics[key] for key in ("used", "available", "capped")},
            "distance": plain(one.metrics.get("excess", one.metrics["distance"])),
            "plain": plain(one.metrics["distance"]),
            "baseline": plain(one.metrics["baseline"]) if "baseline" in one.metrics else None,
            "deviation": None if one.metrics["deviation"] is None else plain(one.metrics["deviation"]),
            "repeats": len(one.metrics["values"]),
            "drop": _drop(summary, one.model, name),
            "ri": summary["ri"].get(one.model, {}).get(BASELINE, {}).get(name),
            **said_stale(one.stale),
        }
    how = {key: value for key, value in distances[0].config.items() if key not in ("source", "target")}
    stale = [model for model in sets if rests(summary, model, BASELINE)]
    stale += [one.model for one in distances if one.stale]
    return {
        "source": distances[0].config["source"],
        "how": how,
        "any_capped": any(one["capped"] for by_set in sets.values() for one in by_set.values()),
        "sets": sets,
        "correlations": {
            model: {outcome: _correlation(by_set, outcome) for outcome in OUTCOMES}
            for model, by_set in sets.items()
        },
        "pooled": {o: _pooled(sets, o) for o in OUTCOMES} if len(sets) > 1 else None,
        "level": LEVEL,
        "resamples": RESAMPLES,
        **({"stale": list(dict.fromkeys(stale))} if stale else {}),
    }


def _drop(summary: Mapping[str, Any], model: str, name: str) -> float | None:
    after = summary["accuracy"].get(model, {}).get(BASELINE, {}).get(name, {}).get(VAL)
    before = summary["pre"].get(model, {}).get(VAL)
    return None if after is None or before is None else plain(before - after)


def _correlation(by_set: Mapping[str, Mapping[str, Any]], outcome: str) -> dict[str, Any] | None:
    known = [(one["distance"], one[outcome]) for one in by_set.values() if one[outcome] is not None]
    return _as_json(correlate([x for x, _ in known], [y for _, y in known]))


def _pooled(sets: Mapping[str, Mapping[str, Mapping[str, Any]]], outcome: str) -> dict[str, Any] | None:
    shared = [
        name
        for name in next(iter(sets.values()))
        if all(name in by_set and by_set[name][outcome] is not None for by_set in sets.values())
    ]
    x, y = (
        np.array([[by_set[name][key] for name in shared] for by_set in sets.values()], dtype=float)
        for key in ("distance", outcome)
    )
    return _as_json(correlate_within(x, y))


def _as_json(found: Correlation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"n": found.n, "pearson": _entry(found.pearson), "spearman": _entry(found.spearman)}


def _entry(found: Coefficient) -> dict[str, Any]:
    return {"value": plain(found.value), "p": plain(found.p), "ci95": [plain(found.low), plain(found.high)]}
