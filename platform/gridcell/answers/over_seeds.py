"""Means over seeds, with Student's 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridcell.errors import unknown
from gridcell.printable import counted
from gridcell.report.intervals import student_interval
from gridcell.report.tidy import SEED, Tidy, free_name
from gridcell.store.values import as_float

COUNTS = ("n", "missing", "stale", "cells")
"""Columns beside labels and metrics: results in the mean, targets without one, stale ones, the cells' ids."""


@dataclass(frozen=True)
class Averages:
    """A row for all targets whose labels are equal but for the seed.

    Attributes:
        labels: columns that are labels.
        metrics: columns that are metrics; each has columns ``NAME.low`` and ``NAME.high`` beside it.
        rows: column -> value; None where nothing is known, as of an interval over one seed.
        notes: sentences on what is not in the means.
        uneven: metrics that some results of a row lack: each has a column ``NAME.n``, how many it is over.
    """

    labels: Sequence[str]
    metrics: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    uneven: Collection[str] = ()

    @property
    def columns(self) -> list[str]:
        """All columns: labels, n, each metric with the ends of its interval, further counts."""
        of_metrics = [
            column
            for name in self.metrics
            for column in (
                name,
                f"{name}.low",
                f"{name}.high",
                *([f"{name}.n"] if name in self.uneven else []),
            )
        ]
        return [*self.labels, "n", *of_metrics, *COUNTS[1:]]


def check_over(over: str) -> None:
    """Make sure that means are taken over seeds, the only label that differs by chance.

    Raises:
        UserError: they are to be taken over something else.
    """
    if over != SEED:
        raise unknown("thing to average over", over, [SEED])


def over_seeds(table: Tidy) -> Averages:
    """Average the metrics that are numbers over targets that differ in their seed alone.

    The interval is Student's (:func:`~gridcell.report.intervals.student_interval`): over one seed there is
    none. A label that has the name of a count becomes ``label.NAME``, a metric ``metric.NAME``.
    """
    labels = {name: free_name(name, "label", COUNTS) for name in table.labels if name != SEED}
    numbers = [name for name in table.metrics if all(_is_number(row.get(name)) for row in table.rows)]
    taken = {*labels.values(), *COUNTS}
    metrics = {name: free_name(name, "metric", taken) for name in numbers}
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in table.rows:
        groups.setdefault(tuple(row.get(name) for name in labels), []).append(row)
    rows = [
        {**dict(zip(labels.values(), key, strict=True)), **_averaged(group, metrics)}
        for key, group in groups.items()
    ]
    notes = []
    if others := len(table.metrics) - len(numbers):
        notes.append(
            counted(others, "metric is no number and has", "metrics are no numbers and have") + " no mean."
        )
    odd = sum(_odd(group, name) for group in groups.values() for name in numbers)
    if odd:
        notes.append(counted(odd, "value is", "values are") + " missing or not finite, and in no mean.")
    uneven = {name for name in metrics.values() for row in rows if 0 < row.get(f"{name}.n", 0) < row["n"]}
    return Averages(list(labels.values()), list(metrics.values()), rows, notes, uneven)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _odd(group: Sequence[Mapping[str, Any]], name: str) -> int:
    """Count the results of a group that lack a number which others of the group have, or have NaN."""
    values = [row.get(name) for row in group if row["state"] == "done"]
    return sum(map(_is_odd, values)) if any(value is not None for value in values) else 0


def _is_odd(value: float | None) -> bool:
    return value is None or not math.isfinite(as_float(value))


def _averaged(group: Sequence[Mapping[str, Any]], metrics: Mapping[str, str]) -> dict[str, Any]:
    done = [row for row in group if row["state"] == "done"]
    found: dict[str, Any] = {
        "n": len(done),
        "missing": len(group) - len(done),
        "stale": sum(bool(row["stale"]) for row in done),
        "cells": [row["cell"] for row in done],
    }
    if not done or not metrics:
        return found
    values = [
        [math.nan if _is_odd(row.get(name)) else as_float(row[name]) for name in metrics] for row in done
    ]
    means, halves = student_interval(values)
    counts = [sum(map(math.isfinite, column)) for column in zip(*values, strict=True)]
    for name, mean, half, count in zip(metrics.values(), means, halves, counts, strict=True):
        mean, half = float(mean), float(half)
        found[name] = None if math.isnan(mean) else mean
        known = not math.isnan(half)
        found |= {
            f"{name}.low": mean - half if known else None,
            f"{name}.high": mean + half if known else None,
            f"{name}.n": count,
        }
    return found
