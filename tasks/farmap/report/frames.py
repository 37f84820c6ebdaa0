"""The report's numbers as a table."""

from typing import Any

from farmap.report.results import summary_of
from farmap.report.summary import MEASURES
from gridcell.report import GridResults, with_ends


def agents(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each size of map and agent: means over maps with the ends of their 95 % intervals."""
    return [
        {
            "size": size,
            "agent": agent,
            "maps": group["maps"],
            "runs": group["runs"],
            **{
                key: value
                for name in MEASURES
                if name in group
                for key, value in with_ends(name, group[name]).items()
            },
            "stale": "stale" in group,
        }
        for size, of_size in summary_of(results)["sizes"].items()
        for agent, group in of_size.items()
    ]
