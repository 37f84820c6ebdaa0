"""Results as a tidy table: a row for each target, its labels, its metrics, and the cell that made them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridcell.errors import UserError
from gridcell.grid import Target
from gridcell.report.results import GridResults
from gridcell.store import Result

FACTS = (
    "cell",
    "kind",
    "state",
    "stale",
    "staleness",
    "seconds",
    "device",
    "machine",
    "host",
    "started",
    "commit",
)
"""Columns of every row beside labels, seed and metrics, in their order."""

SEED = "seed"
"""The label, or column, of what differs by chance alone."""

CODE_UNKNOWN = "code unknown"
"""Staleness of a result that does not say by which code it was made; it counts as current."""


@dataclass(frozen=True)
class Tidy:
    """Columns and rows, in Python's own types.

    Attributes:
        labels: columns that are labels of the suite.
        metrics: columns that are metrics; a nested one is named by its path, as ``accuracy.v2``.
        rows: one a target: column -> value; a column that a row does not have is left out.
    """

    labels: Sequence[str]
    metrics: Sequence[str]
    rows: Sequence[Mapping[str, Any]]

    @property
    def columns(self) -> list[str]:
        """All columns: labels, seed, metrics, facts."""
        seed = [] if SEED in self.labels else [SEED]
        return [*self.labels, *seed, *self.metrics, *FACTS]

    def write_csv(self, path: Path) -> None:
        """Write a CSV file in UTF-8; see ``csv_value`` for what is no plain number or text."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows([csv_value(row.get(name)) for name in self.columns] for row in self.rows)


def tidy(results: GridResults) -> Tidy:
    """Lay out all targets of a grid, also those without a result: their ``state`` says why.

    A label that has the name of a fact becomes ``label.NAME``, and a metric with the name of a label or a
    fact ``metric.NAME``. ``seed`` is the label, or else the cell's seed.

    Raises:
        UserError: a cell has two metrics whose paths are written alike.
    """
    targets = results.grid.targets or tuple(Target({}, cell_id) for cell_id in results.grid.cells)
    label_names = {
        name: free_name(name, "label", FACTS)
        for name in dict.fromkeys(name for target in targets for name in target.labels)
    }
    taken = {*label_names.values(), *FACTS, SEED}
    rows, metric_names = [], dict[str, None]()
    flats: dict[str, dict[str, Any]] = {}  # several targets may name one cell
    for target in targets:
        result = results.results.get(target.cell)
        if result is not None and target.cell not in flats:
            flat = flatten(result.metrics, result.cell.title)
            flats[target.cell] = {free_name(name, "metric", taken): value for name, value in flat.items()}
        metrics = flats.get(target.cell, {})
        metric_names.update(dict.fromkeys(metrics))
        rows.append(
            {
                **({} if SEED in target.labels else {SEED: results.grid.cells[target.cell].seed}),
                **{label_names[name]: value for name, value in target.labels.items()},
                **metrics,
                **_facts(target, results, result),
            }
        )
    return Tidy(list(label_names.values()), list(metric_names), rows)


def free_name(name: str, what: str, taken: Container[str]) -> str:
    """Return a column's name: ``WHAT.NAME`` where the name alone is that of another column.

    Example:
        >>> free_name("state", "label", FACTS), free_name("method", "label", FACTS)
        ('label.state', 'method')
    """
    return f"{what}.{name}" if name in taken else name


def _facts(target: Target, results: GridResults, result: Result | None) -> dict[str, Any]:
    kind = results.grid.cells[target.cell].kind
    about = {"cell": target.cell, "kind": kind, "state": results.states[target.cell]}
    if result is None:
        return about | {"stale": False, "staleness": ""}
    made = result.provenance
    machine = made.get("machine", {})
    unknown = CODE_UNKNOWN if target.cell in results.staleness.unknown else ""
    return about | {
        "stale": target.cell in results.staleness.reasons,
        "staleness": results.staleness.reasons.get(target.cell, unknown),
        "seconds": result.seconds,
        "device": made.get("device"),
        "machine": machine.get("gpu") or machine.get("cpu"),
        "host": made.get("host"),
        "started": made.get("started"),
        "commit": commit_of(made),
    }


def commit_of(provenance: Mapping[str, Any]) -> str | None:
    """Return the commits of the sources that made a result, and whether they were modified since.

    Several stand one after another where the sources come from several repositories; None: not known.

    Example:
        >>> commit_of({"sources": {"gridcell": {"commit": "4f1c", "modified": True}}})
        '4f1c (modified)'
    """
    modified: Counter[str] = Counter()
    for source in provenance.get("sources", {}).values():
        modified[str(source["commit"])] += bool(source["modified"])
    return ", ".join(f"{name} (modified)" if count else name for name, count in modified.items()) or None


def flatten(metrics: Mapping[str, Any], title: str = "") -> dict[str, Any]:
    """Return path -> value of nested mappings, the keys of a path joined by dots. Lists stay lists.

    Args:
        metrics: what a cell answered.
        title: of the cell, for the message.

    Raises:
        UserError: two paths are written alike.

    Example:
        >>> flatten({"accuracy": {"v2": 60.0, "r": 20.5}, "images": 40})
        {'accuracy.v2': 60.0, 'accuracy.r': 20.5, 'images': 40}
    """
    flat: dict[str, Any] = {}
    for name, value in _leaves(metrics, ""):
        if name in flat:
            raise UserError(f"Cell {title} has two metrics that are both written '{name}'")
        flat[name] = value
    return flat


def _leaves(metrics: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def csv_value(value: Any) -> Any:
    """Return a value as a CSV file holds it: lists as JSON, nothing for None; NaN stays ``nan``."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
