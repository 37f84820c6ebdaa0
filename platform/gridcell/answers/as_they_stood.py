"""Results as they stood at an earlier time: of a commit, or before they were replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gridcell.errors import unknown
from gridcell.report.tidy import commit_of
from gridcell.store import Result

SUPERSEDED = "superseded"
"""Names the results that were replaced, in place of the current ones."""


def at(
    cell_id: str, results: Mapping[str, Result], earlier: Mapping[str, Sequence[Result]], when: str
) -> Result | None:
    """Return a cell's result, or the last that was superseded, where these are asked for."""
    if when == SUPERSEDED and earlier.get(cell_id):
        return max(earlier[cell_id], key=_started)
    return results.get(cell_id)


def of_commit(
    name: str, results: Mapping[str, Result], earlier: Mapping[str, Sequence[Result]]
) -> dict[str, Result]:
    """Return each cell's result of a commit; else the last one made before the commit's last result.

    Raises:
        UserError: no result was made by that commit.
    """
    known: dict[str, list[Result]] = {}
    for cell_id in {*results, *earlier}:
        current = [results[cell_id]] if cell_id in results else []
        known[cell_id] = sorted([*earlier.get(cell_id, ()), *current], key=_started)
    own = {
        cell_id: [result for result in several if _has_commit(result, name)]
        for cell_id, several in known.items()
    }
    times = [_started(result) for several in own.values() for result in several]
    if not times:
        commits = sorted({commit_of(one.provenance) or "" for several in known.values() for one in several})
        raise unknown("commit: no result was made by", name, [commit for commit in commits if commit])
    found = {}
    for cell_id, several in known.items():
        before = [result for result in several if _started(result) <= max(times)]
        if chosen := own[cell_id] or before:
            found[cell_id] = chosen[-1]
    return found


def _has_commit(result: Result, prefix: str) -> bool:
    return any(
        str(source["commit"]).startswith(prefix) for source in result.provenance.get("sources", {}).values()
    )


def _started(result: Result) -> float:
    return float(result.provenance.get("started", 0.0))
