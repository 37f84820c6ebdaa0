"""The cells of a suite as rows, to find some: their state, what they are for, and why they failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gridcell.answers.request import Request, read_results, reading, stale_results
from gridcell.answers.states import STATES, states_of
from gridcell.errors import Mistakes, unknown
from gridcell.report.tidy import CODE_UNKNOWN, SEED, commit_of, free_name
from gridcell.staleness import failures_of
from gridcell.store import Store

STALE = "stale"

COLUMNS = (
    "cell",
    "kind",
    "title",
    "seed",
    "state",
    "why",
    "seconds",
    "device",
    "host",
    "started",
    "commit",
    "needs",
    "targets",
)
"""Columns beside the labels."""


def cell_rows(asked: Request, store: Store, states: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a row for each cell: ``COLUMNS``, and the labels of its targets.

    ``state`` is one of ``STATES``, or ``stale`` of a cell that is done, but by other code or from other
    inputs than are there now; ``why`` says why it is stale or failed. A label with several values has all of
    them.

    Args:
        asked: the cells.
        store: what is known of them.
        states: keep the cells that are in one of these; empty: all.

    Raises:
        UserError: there is no such state.
    """
    mistakes = Mistakes()
    for state in states:
        with mistakes.noted():
            if state not in (*STATES, STALE):
                raise unknown("state", state, (*STATES, STALE))
    mistakes.tell()
    with reading(store.uri):
        failures = failures_of(asked.suite.task, asked.grid, store)
        found = states_of(asked, store, failures)
    results = read_results(asked, store)
    stale = stale_results(asked, store, results)
    labels, counts = _labels(asked)
    rows = []
    for cell in asked.grid.cells.values():
        state = STALE if cell.id in stale.reasons else found[cell.id]
        if states and state not in states:
            continue
        result, failure = results.get(cell.id), failures.get(cell.id)
        why = stale.reasons.get(cell.id) or (CODE_UNKNOWN if cell.id in stale.unknown else "")
        if state in ("failed", "diverged", "queued") and failure is not None:
            why = f"{failure['failure_class']}: {failure['message']}"
        made: Mapping[str, Any] = result.provenance if result is not None else {}
        rows.append(
            {
                **labels.get(cell.id, {}),
                "cell": cell.id,
                "kind": cell.kind,
                "title": cell.title,
                "seed": cell.seed,
                "state": state,
                "why": why or None,
                "seconds": result.seconds if result is not None else None,
                "device": made.get("device"),
                "host": made.get("host"),
                "started": made.get("started"),
                "commit": commit_of(made),
                "needs": list(cell.needs.values()),
                "targets": counts.get(cell.id, 0),
            }
        )
    return rows


def label_column(name: str) -> str:
    """Return the column of a label: its name, or ``label.NAME`` where that is one of ``COLUMNS``."""
    return free_name(name, "label", COLUMNS)


def _labels(asked: Request) -> tuple[dict[str, dict[str, str]], dict[str, int]]:
    """Return id -> label -> its values; and id -> how many targets the cell answers."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    counts: dict[str, int] = {}
    for target in asked.grid.targets:
        counts[target.cell] = counts.get(target.cell, 0) + 1
        for name, value in target.labels.items():
            if name != SEED:
                found.setdefault(target.cell, {}).setdefault(label_column(name), {})[str(value)] = None
    texts = {
        cell_id: {name: ",".join(values) for name, values in labels.items()}
        for cell_id, labels in found.items()
    }
    return texts, counts
