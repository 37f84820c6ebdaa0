"""Accuracy on a set of corrupted images by corruption and severity."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridcell.report import STALE, write_csv
from imagenet_rib import metrics
from imagenet_rib.report.estimates import plain
from imagenet_rib.report.evaluations import Evaluation, SetFacts
from imagenet_rib.report.matrices import Matrices
from imagenet_rib.vocabulary import PRE

COLUMNS = (
    "model",
    "method",
    "downstream",
    "corruption",
    "severity",
    "accuracy",
    "pre_accuracy",
    "difference",
)

Parts = dict[str, dict[str, float | None]]
"""Corruption -> severity -> percent."""


def summarise_corruptions(matrices: Matrices, sets: Sequence[SetFacts]) -> dict[str, Any] | None:
    """Break the accuracy on the first set with named groups (``fog/3``) down into its parts.

    Returns:
        None where no set has such groups, else

        - ``set``, ``corruptions``, ``severities``: names, in the set's order
        - ``pre[model][corruption][severity]``: accuracy in percent
        - ``accuracy[model][method][i][corruption][severity]``: fine-tuned on i, mean over seeds
        - ``elsewhere[model][method][corruption][severity]``: its mean over i, all but the corrupted set

        The mean over the parts is the accuracy on the set, of which all parts are of the same weight.
    """
    corrupted = next((facts for facts in sets if facts.groups and all("/" in g for g in facts.groups)), None)
    if corrupted is None:
        return None
    parts = [group.split("/", 1) for group in corrupted.groups]

    def by_part(values: metrics.FloatArray) -> Parts:
        nested: Parts = {}
        for (corruption, severity), value in zip(parts, values, strict=True):
            nested.setdefault(corruption, {})[severity] = plain(value)
        return nested

    accuracy: dict[str, Any] = {model: {} for model in matrices.models}
    elsewhere: dict[str, Any] = {model: {} for model in matrices.models}
    for model, method in matrices.pairs:
        seeds = matrices.by_method.get((model, method), {}).values()
        means = {
            name: metrics.mean_of_known(
                np.array([_accuracies(rows.get(name), corrupted) for rows in seeds]).reshape(-1, len(parts))
            )
            for name in matrices.names
        }
        accuracy[model][method] = {name: by_part(mean) for name, mean in means.items()}
        others = np.array([mean for name, mean in means.items() if name != corrupted.name])
        elsewhere[model][method] = by_part(others.mean(axis=0))
    return {
        "set": corrupted.name,
        "corruptions": list(dict.fromkeys(corruption for corruption, _ in parts)),
        "severities": sorted({severity for _, severity in parts}, key=lambda text: (len(text), text)),
        "pre": {m: by_part(_accuracies(matrices.before.get(m), corrupted)) for m in matrices.models},
        "accuracy": accuracy,
        "elsewhere": elsewhere,
    }


def _accuracies(evaluation: Evaluation | None, corrupted: SetFacts) -> metrics.FloatArray:
    """Return the accuracy of each group in percent, shape (groups,), NaN where not known."""
    if evaluation is None or corrupted.name not in evaluation.correct:
        return np.full(len(corrupted.groups), np.nan)
    return metrics.group_accuracies(*evaluation.counts[corrupted.name], len(corrupted.groups))


def write_corruptions(
    found: Mapping[str, Any], path: Path, stale: Callable[..., bool] = lambda *_: False
) -> None:
    """Write one row per model, method, set fine-tuned on, corruption and severity; empty: not known.

    Args:
        found: from ``summarise_corruptions``.
        path: of the file.
        stale: tells of a model, a method and a set whether its numbers rest on a stale evaluation.
    """
    write_csv([*COLUMNS, STALE], _rows(found, stale), path)


def _rows(found: Mapping[str, Any], stale: Callable[..., bool]) -> Iterator[list[Any]]:
    for model, pre in found["pre"].items():
        tables = [(PRE, "", pre)]
        for method, by_set in found["accuracy"][model].items():
            tables += [(method, name, parts) for name, parts in by_set.items()]
        for method, name, parts in tables:
            rests = stale(model, method, name or None)
            for corruption, by_severity in parts.items():
                for severity, value in by_severity.items():
                    before = pre[corruption][severity]
                    change = None if value is None or before is None else plain(value - before)
                    yield [model, method, name, corruption, severity, value, before, change, rests]
