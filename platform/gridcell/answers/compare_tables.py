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


@dataclass(frozen=True)
class Alone:
    """Numbers of a row that one side alone has.

    Attributes:
        labels: of the row.
        names: of the columns that the other side lacks there.
    """

    labels: Mapping[str, Any]
    names: Sequence[str]


@dataclass(frozen=True)
class Numbers:
    """The numbers of a table on two sides.

    Attributes:
        both: those that both sides have.
        only_first: rows of which the first side alone has numbers.
        only_second: likewise.
    """

    both: Sequence[Number]
    only_first: Sequence[Alone]
    only_second: Sequence[Alone]


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
    there = {_place(row, labels): row for row in after}
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
        if (other := there.get(_place(row, labels))) is not None
        for name in _numbers(row)
        if other.get(name) is not None
    ]


def rows_alone(rows: Rows, others: Rows, labels: Collection[str]) -> list[Alone]:
    """Return what numbers with an interval rows have that the rows of the other side lack.

    Example:
        >>> rows = [{"method": "ewc", "mRI": -6.0, "mRI.low": -7.0, "mRI.high": -5.0}]
        >>> rows_alone(rows, [], ["method"])
        [Alone(labels={'method': 'ewc'}, names=['mRI'])]
    """
    there = {_place(row, labels): row for row in others}
    found = []
    for row in rows:
        other = there.get(_place(row, labels), {})
        if names := [name for name in _numbers(row) if other.get(name) is None]:
            found.append(Alone({label: row[label] for label in row if label in labels}, names))
    return found


def _numbers(row: Mapping[str, Any]) -> list[str]:
    """Return the columns of a row's numbers that have an interval."""
    return [name for name in row if f"{name}.low" in row and row[name] is not None]


def _place(row: Mapping[str, Any], labels: Collection[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(row[name])) for name in sorted(labels) if name in row)


def _ends(row: Mapping[str, Any], name: str) -> Ends | None:
    low, high = row.get(f"{name}.low"), row.get(f"{name}.high")
    return None if low is None or high is None else (as_float(low), as_float(high))
