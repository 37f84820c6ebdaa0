"""Results as they stood at an earlier time: of a commit, or before they were replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gridcell.cell import Cell
from gridcell.errors import unknown
from gridcell.report.tidy import commit_of
from gridcell.store import Result

SUPERSEDED = "superseded"
"""Names the results that were replaced, in place of the current ones."""


def before_replacement(
    cells: Mapping[str, Cell], results: Mapping[str, Result], earlier: Mapping[str, Sequence[Result]]
) -> dict[str, Result]:
    """Return each cell's last superseded result; else its current one, if that stood beside these.

    A result did not stand beside them that was first made by the code that replaced them, as that of a seed
    which was added later, nor one that was made from such a result.

    Args:
        cells: id -> cell of the grid, needs first.
        results: id -> current result.
        earlier: id -> superseded results.
    """
    replacing = {
        _code(results[cell_id]) for cell_id, several in earlier.items() if several and cell_id in results
    }
    new = replacing - {_code(one) for several in earlier.values() for one in several}
    found: dict[str, Result] = {}
    later: set[str] = set()
    for cell_id, cell in cells.items():
        if several := earlier.get(cell_id):
            found[cell_id] = max(several, key=_started)
        elif cell_id in results:
            if _code(results[cell_id]) in new or later.intersection(cell.needs.values()):
                later.add(cell_id)
            else:
                found[cell_id] = results[cell_id]
    return found


def _code(result: Result) -> tuple[str, str]:
    return result.cell.kind, str(result.provenance.get("code", ""))


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
