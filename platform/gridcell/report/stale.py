"""The mark of what rests on stale results: the same dagger in sentences, tables, figures and the terminal."""

from gridcell.report.results import GridResults

DAGGER = "†"

MEANING = f"{DAGGER} rests on stale results: other code or inputs made them than are there now."
"""What stands below each table and figure that has the mark."""


STALE = "stale"
"""Last column of a CSV file that says so of each row; see ``gridcell.report.write_csv``."""


def marked(name: str, stale: bool) -> str:
    """Return a name as it is shown: with a dagger where its numbers rest on a stale result.

    Example:
        >>> marked("ewc", True), marked("ft", False)
        ('ewc†', 'ft')
    """
    return f"{name}{DAGGER}" if stale else name


def is_stale(results: GridResults, cell: str) -> bool:
    """Tell whether the result of a cell is stale; see ``gridcell.staleness``."""
    return cell in results.staleness.reasons


def said_stale(stale: bool) -> dict[str, bool]:
    """Return what a summary says of a number: ``stale`` where it is, and nothing where it is not.

    Example:
        >>> {"mean": 1.5, **said_stale(True)}, {"mean": 2.5, **said_stale(False)}
        ({'mean': 1.5, 'stale': True}, {'mean': 2.5})
    """
    return {"stale": True} if stale else {}
