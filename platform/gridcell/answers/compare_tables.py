"""The numbers that reports lead with, such as mRI, of two sides: each with the interval that it has there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridcell.store.values import as_float

Ends = tuple[float, float]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Number:
    """A number of a task's table that both sides have.

    Attributes:
        labels: of its row.
        name: of its column.
        before: its value on the first side.
        after: on the second side.
        before_ends: of its 95 % interval on the first side; None where it has none.
        after_ends: on the second side.
    """

    labels: Mapping[str, Any]
    name: str
    before: float
    after: float
    before_ends: Ends | None = None
    after_ends: Ends | None = None

    @property
    def difference(self) -> float:
        """The second side's value less the first's."""
        return self.after - self.before


def compare_rows(before: Rows, after: Rows, labels: Collection[str]) -> list[Number]:
    """Return the numbers with an interval that are in the rows of both sides, in the order of the first.

    Args:
        before: rows of a table of a task; see ``gridcell.Task.tables``.
        after: rows of the same table.
        labels: columns that tell rows apart.

    Example:
        >>> rows = [{"method": "ft", "mRI": -6.0, "mRI.low": -7.0, "mRI.high": -5.0}]
        >>> (found,) = compare_rows(rows, [{**rows[0], "mRI": -5.5}], ["method"])
        >>> found.labels, found.name, found.difference, found.before_ends
        ({'method': 'ft'}, 'mRI', 0.5, (-7.0, -5.0))
    """

    def place(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        return tuple((name, str(row[name])) for name in sorted(labels) if name in row)

    there = {place(row): row for row in after}
    return [
        Number(
            {label: row[label] for label in row if label in labels},
            name,
            as_float(row[name]),
            as_float(other[name]),
            _ends(row, name),
            _ends(other, name),
        )
        for row in before
        if (other := there.get(place(row))) is not None
        for name in row
        if f"{name}.low" in row and row[name] is not None and other.get(name) is not None
    ]


def _ends(row: Mapping[str, Any], name: str) -> Ends | None:
    low, high = row.get(f"{name}.low"), row.get(f"{name}.high")
    return None if low is None or high is None else (as_float(low), as_float(high))
