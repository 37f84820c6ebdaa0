"""The numbers of a task's report as tables: what is estimated from many cells, and no cell says alone."""

from collections.abc import Mapping
from typing import Any

ENDS = ("low", "high")


def with_ends(name: str, estimate: Mapping[str, Any] | None, value: str = "mean") -> dict[str, Any]:
    """Return a row's columns of an estimate: its value, and the ends of its 95 % interval.

    Args:
        name: of the column; the ends are ``NAME.low`` and ``NAME.high``.
        estimate: ``value`` and ``ci95``, the two ends or None; None: not known.
        value: the estimate's key of the value.

    Example:
        >>> with_ends("mRI", {"mean": 1.5, "ci95": [1.0, 2.0]})
        {'mRI': 1.5, 'mRI.low': 1.0, 'mRI.high': 2.0}
    """
    found = estimate or {}
    ends = found.get("ci95") or (None, None)
    return {name: found.get(value), **{f"{name}.{end}": at for end, at in zip(ENDS, ends, strict=True)}}
