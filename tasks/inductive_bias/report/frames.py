"""The report's numbers as tables: spaces on each problem, and their paired differences."""

from collections.abc import Mapping
from typing import Any

from gridcell.report import GridResults, with_ends
from inductive_bias.report.results import summary_of

_WHERE = ("problem", "n_train", "dimension")


def spaces(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each problem and space: bits at the target, over the seeds that all spaces have."""
    return [
        {**{name: row[name] for name in (*_WHERE, "space")}, **_bits(row)}
        for row in summary_of(results)["compared"]
    ]


def differences(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each problem and two spaces: bits of the first less those of the second, paired."""
    return [
        {**{name: row[name] for name in (*_WHERE, "first", "second")}, **_bits(row)}
        for row in summary_of(results)["spaces"]
    ]


def _bits(row: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: row[name] for name in ("seeds", "planned", "interval")}
    return {
        **with_ends("bits", {"mean": row["bits"], "ci95": row["ci95_bits"]}),
        **about,
        "stale": "stale" in row,
    }
