"""The report's numbers as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from farmap.report.results import summary_of
from farmap.report.summary import MEASURES
from gridcell.report import GridResults, with_ends

_SHARES = ("coverage", "early_coverage")  # in per cent


def agents(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each size of map and agent: means over maps with the ends of their 95 % intervals.

    The intervals are Student's, and not cut off at what is possible: a mean and its end give the half width.
    Steps to a share are restricted means, as in the report's differences; its table has medians over runs.
    """
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


def about_agents(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say of which numbers the intervals reach beyond what is possible, and what the steps are.

    Example:
        >>> about_agents([{"coverage": 99.8, "coverage.high": 100.4, "path.low": 3.0}])[0].split(": ")[1]
        'coverage.high.'
    """
    beyond = {name for row in rows for name, value in row.items() if _is_beyond(name, value)}
    told = [
        "Intervals are Student's about means over maps, and not cut off at what is possible: "
        f"{', '.join(sorted(beyond))}."
    ]
    steps = (
        "steps_to_N is a mean in which a run that did not see N % counts with the last step that it may "
        "take; the report's table has medians over runs."
    )
    of_steps = any(name.startswith("steps_to_") for row in rows for name in row)
    return [*(told if beyond else []), *([steps] if of_steps else [])]


def _is_beyond(name: str, value: Any) -> bool:
    """Tell whether an end lies below 0, or that of a share above 100 %: no measure goes there."""
    measure, _, end = name.rpartition(".")
    if value is None or end not in ("low", "high"):
        return False
    return bool(value < 0 or (measure in _SHARES and value > 100))
