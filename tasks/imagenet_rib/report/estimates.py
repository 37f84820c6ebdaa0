"""Estimates with intervals of many linear statistics at once: over seeds where there are, else over images.

A statistic is a weighted sum of terms ``sum over i, j of c[i, j] (A[i, j] - A_pre[j])`` of accuracy matrices,
e.g. mRI, or the difference of two methods' mRI, or its mean over models. Those known for one seed only are
bootstrapped together, on the same draws of images.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from gridcell.report import said_stale
from imagenet_rib import metrics
from imagenet_rib.metrics import FloatArray
from imagenet_rib.report.evaluations import Evaluation

Rows = Mapping[str, Evaluation]
"""Set fine-tuned on -> evaluation: one accuracy matrix."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Term:
    """A linear function of accuracy matrices, one matrix per seed, that every set has a part in.

    Attributes:
        seeds: seed -> matrix.
        coefficients: c, shape (n, n).
        pre: before fine-tuning, subtracted row by row; None subtracts nothing.
        weight: of the term in its statistic.
    """

    seeds: Mapping[int | None, Rows]
    coefficients: FloatArray
    pre: Evaluation | None = None
    weight: float = 1.0


Statistic = Sequence[Term]
"""A sum of terms, over the seeds that all of them have."""

_OneSeed = tuple[dict[str, Any], Statistic, int | None]
"""What is known of a statistic so far, the statistic, and the one seed it is known for."""

_SCORES_AT_ONCE = 60_000_000
"""Scores (statistics x images, 8 bytes each, in up to three copies) that the bootstrap holds: some 1.4 GB."""


def matrix_of(rows: Rows, downstream: Sequence[str], tested: Sequence[str]) -> FloatArray:
    """Return accuracies in percent, shape (downstream, tested), NaN where there is no evaluation."""
    matrix = np.full((len(downstream), len(tested)), np.nan)
    for i, source in enumerate(downstream):
        if source in rows:
            matrix[i] = accuracies(rows[source], tested)
    return matrix


def accuracies(evaluation: Evaluation | None, tested: Sequence[str]) -> FloatArray:
    """Return the accuracies on sets ``tested`` in percent, shape (tested,), NaN where not evaluated."""
    known = evaluation.accuracy if evaluation is not None else {}
    return np.array([known.get(name, np.nan) for name in tested])


def estimate_all(statistics: Mapping[Key, Statistic], names: Sequence[str]) -> dict[Key, dict[str, Any]]:
    """Estimate every statistic over the sets ``names``.

    Returns:
        For each ``{"mean", "ci95": [low, high], "seeds", "interval"}``: the mean over the seeds whose entries
        are all there; the Student t interval over them ("seeds") if there are two or more, the bootstrap
        interval over images ("images") if there is one. Without any all are null, and "seeds" is 0. What
        rests on a stale evaluation has "stale".
    """
    estimates: dict[Key, dict[str, Any]] = {}
    one_seed: list[_OneSeed] = []
    for key, statistic in statistics.items():
        values = {
            seed: value
            for seed in (statistic[0].seeds if statistic else ())
            if not np.isnan(value := sum(_value(term, seed, names) for term in statistic))
        }
        sample = list(values.values())
        if not sample:
            estimates[key] = {"mean": None, "ci95": None, "seeds": 0, "interval": None}
            continue
        entry: dict[str, Any] = {"mean": plain(np.mean(sample)), "seeds": len(sample)}
        entry |= said_stale(any(map(_is_stale, statistic)))
        if len(sample) > 1:
            entry |= {"ci95": [plain(end) for end in metrics.student_interval(sample)], "interval": "seeds"}
        else:
            entry |= {"interval": "images"}
            one_seed.append((entry, statistic, next(iter(values))))
        estimates[key] = entry
    if one_seed:
        _bootstrap(one_seed, names)
    return estimates


def _is_stale(term: Term) -> bool:
    after = (e.stale for rows in term.seeds.values() for e in rows.values())
    return any(after) or (term.pre is not None and term.pre.stale)


def plain(value: float | np.floating[Any]) -> float | None:
    """Return a Python float of nine decimals, or None for NaN.

    The last bits of a sum depend on the linear algebra library's threads; what is written must not.
    """
    return None if np.isnan(value) else round(float(value), 9) + 0.0


def verdict(estimate: Mapping[str, Any]) -> str:
    """Say where an estimate's interval lies: "above" or "below" zero, "either" side, or "" if not known."""
    if estimate["ci95"] is None:
        return ""
    low, high = estimate["ci95"]
    return "above" if low > 0 else "below" if high < 0 else "either"


def _value(term: Term, seed: int | None, names: Sequence[str]) -> float:
    """Return the weighted term of one seed, NaN if an entry it needs is missing."""
    c = term.coefficients
    matrix = matrix_of(term.seeds.get(seed, {}), names, names)
    if term.pre is not None:
        matrix = matrix - accuracies(term.pre, names)
    return term.weight * float(np.sum(np.where(c == 0, 0.0, c * matrix)))


def _bootstrap(entries: Sequence[_OneSeed], names: Sequence[str]) -> None:
    """Add "ci95" over images to every entry, all from the same draws.

    As many entries at a time as ``_SCORES_AT_ONCE`` allows: a set's draws follow from its name, so those of a
    further block are the same again, which takes time but not memory.
    """
    _, statistic, seed = entries[0]  # complete, so it shows every set; images are the same in all evaluations
    shown = {name: e for e in statistic[0].seeds[seed].values() for name in e.correct}
    groups = {name: shown[name].groups[name] for name in names if name in shown[name].groups}
    weights = [metrics.image_weights(shown[name].size(name), groups.get(name)) for name in names]
    images = sum(len(weight) for weight in weights)
    at_once = max(1, _SCORES_AT_ONCE // images)
    intervals = np.concatenate(
        [
            _intervals(entries[first : first + at_once], names, weights, groups)
            for first in range(0, len(entries), at_once)
        ]
    )
    for (entry, _, _), (low, high) in zip(entries, intervals, strict=True):
        entry["ci95"] = [plain(low), plain(high)]


def _intervals(
    entries: Sequence[_OneSeed],
    names: Sequence[str],
    weights: Sequence[FloatArray],
    groups: Mapping[str, npt.NDArray[np.integer]],
) -> FloatArray:
    """Return the ends of the entries' intervals, shape (entries, 2), from the same draws in every call."""
    scores = {name: np.empty((len(entries), len(w))) for name, w in zip(names, weights, strict=True)}
    for row, (_, terms, seed) in enumerate(entries):
        by_term = zip(*(_scores(term, seed, names, weights) for term in terms), strict=True)
        for name, by_set in zip(names, by_term, strict=True):
            scores[name][row] = sum(by_set)
    return metrics.percentile_interval(metrics.bootstrap_totals(scores, groups))


def _scores(
    term: Term, seed: int | None, names: Sequence[str], weights: Sequence[FloatArray]
) -> list[FloatArray]:
    """Return the images' scores of one seed on each set."""
    answers = {
        (i, j): term.seeds[seed][source].correct[target]
        for i, source in enumerate(names)
        if source in term.seeds[seed]
        for j, target in enumerate(names)
        if target in term.seeds[seed][source].correct
    }
    pre = None
    if term.pre is not None:
        known = term.pre.correct
        pre = {j: known[name] for j, name in enumerate(names) if name in known}
    return metrics.image_scores(answers, pre, term.weight * term.coefficients, weights)
