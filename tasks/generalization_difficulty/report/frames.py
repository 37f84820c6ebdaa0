"""The report's numbers as a table."""

from typing import Any

from generalization_difficulty.report.results import summary_of
from gridcell.report import GridResults


def tasks(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each task: its difficulty in bits and as their base-2 logarithm, with its range.

    ``bits`` is empty above 1.8e308, where ``log2_bits`` goes on.
    """
    summary = summary_of(results)
    rows = []
    for name, task in summary["tasks"].items():
        low, high = summary["ranges"][name] or (None, None)
        measured = summary["measured"].get(name)
        rows.append(
            {
                "task": name,
                "kind": task["kind"],
                "seeds": len(measured["seeds"]) if measured else None,
                "bits": summary["bits"][name],
                "log2_bits": summary["log2_bits"][name],
                **({"log2_bits.low": low, "log2_bits.high": high} if measured else {}),
                **task.get("ingredients", {}),
                "stale": name in summary.get("stale", ()),
            }
        )
    return [{key: value for key, value in row.items() if not isinstance(value, list | dict)} for row in rows]
