"""The report's numbers as tables: agents, and forgetting."""

from typing import Any

from farcuriosity.report.results import summary_of
from farcuriosity.report.summary import COLUMNS, FORGETTING
from gridcell.report import GridResults, with_ends


def agents(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each environment and curiosity: means over seeds, and IQM with its interval."""
    return [
        {
            **{name: row[name] for name in ("environment", "curiosity", "seeds", "steps")},
            **{
                key: value
                for name in COLUMNS
                if (found := row["values"].get(name)) is not None
                for key, value in {name: found["mean"], **with_ends(f"{name}.iqm", found, "iqm")}.items()
            },
            "stale": "stale" in row,
        }
        for row in summary_of(results)["table"]
    ]


def forgetting(results: GridResults) -> list[dict[str, Any]]:
    """Return a row for each world and curiosity: means over seeds with Student's 95 % interval."""
    return [
        {
            **{name: row[name] for name in ("world", "curiosity", "seeds", "fragments")},
            **{key: value for name in FORGETTING for key, value in with_ends(name, row.get(name)).items()},
            "stale": "stale" in row,
        }
        for row in summary_of(results)["forgetting"]
    ]
