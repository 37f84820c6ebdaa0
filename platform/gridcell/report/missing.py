"""What has no result, and why: one policy for the pages and the terminal of all tasks.

With nothing done there is no report. Otherwise every cell that failed, diverged, is blocked or was not run,
and every skipped combination, is counted and listed with its reason, and the report says "Incomplete".
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gridcell.errors import UserError
from gridcell.grid import Labels, Skipped
from gridcell.printable import counted
from gridcell.report.results import GridResults
from gridcell.report.tables import Column, Table

NAMES_SHOWN = 4
"""Names of cells that a row lists; of more it gives the number."""

ROWS_SHOWN = 20
"""Rows that a state has; the rest become one row with their number."""


@dataclass(frozen=True)
class Missing:
    """Cells, or skipped combinations, without a result for one reason.

    Attributes:
        state: failed, diverged, blocked, not run or skipped.
        count: how many.
        what: some of their names; of combinations, the values of each label.
        why: the reason; of cells that were not run, their kind.
    """

    state: str
    count: int
    what: str
    why: str


def nothing_done(results: GridResults) -> UserError:
    """Return the error for a grid of which nothing can be reported yet.

    It gives the first failure; without one a note counts the results of other grids that the storage has.

    Example:
        >>> raise nothing_done(results)  # doctest: +SKIP
    """
    failures = results.reasons()
    why = f"{failures[0]['title']}: {failures[0]['message']}" if failures else "run the suite first"
    error = UserError(f"Nothing is done yet: {why}")
    if not failures and (others := _others(results)):
        error.add_note(others)
    return error


def _others(results: GridResults) -> str:
    """Say which results the storage has that are not of this grid: of other settings, suites or rules."""
    done = results.store.results.done() - results.grid.cells.keys()
    counts: Counter[str] = Counter()
    for plan in results.store.plans.read_all() if done else ():
        mine = done & plan.cells.keys()
        counts[f"{plan.task}/{plan.suite}"] += len(mine)
        done -= mine
    found = [f"{count} of {name}" for name, count in counts.most_common() if count]
    if not found:
        return ""
    own = {f"{cell.task}/{results.suite}" for cell in results.grid.cells.values()}
    how = (
        "have other settings or seeds (give the --set and --seeds of that run), or are of an earlier rule "
        "('gridcell plan' says so)"
    )
    hint = f"; those of {min(own)} {how}" if own & counts.keys() else ""
    return f"The storage has other results: {_some(found, ', ')}{hint}"


def missing(results: GridResults) -> list[Missing]:
    """Group what has no result by state and reason, in the order of the report's counts."""
    groups: dict[tuple[str, str], list[str]] = {}
    blocked_by: dict[str, str] = {}  # id -> the failed cell that blocks those that need it
    for cell_id, state in results.states.items():
        cell = results.grid.cells[cell_id]
        title = cell.title or cell_id
        if state in ("failed", "diverged"):
            failure = results.failures[cell_id]
            kind = f"{failure['failure_class']}: " if state == "failed" else ""
            why = f"{kind}{failure['message']}"
            blocked_by[cell_id] = f"needs {title}, which {state}"
        elif state == "blocked":
            why = next(blocked_by[need] for need in cell.needs.values() if need in blocked_by)
            blocked_by[cell_id] = why
        elif state == "not run":
            running = cell_id in results.running
            why = f"{cell.kind} cells that {'run now' if running else 'were not run'}"
        else:
            continue
        groups.setdefault((state, why), []).append(title)
    found = [Missing(state, len(names), _some(names), why) for (state, why), names in groups.items()]
    order = list(results.counts())
    return sorted(found, key=lambda group: order.index(group.state)) + _skipped(results.grid.skipped)


def _skipped(skipped: Sequence[Skipped]) -> list[Missing]:
    by_reason: dict[str, list[Labels]] = {}
    for item in skipped:
        by_reason.setdefault(item.reason, []).append(item.labels)
    return [Missing("skipped", len(group), _values(group), why) for why, group in by_reason.items()]


def _values(group: Sequence[Labels]) -> str:
    """Write each label with the values that it has in a group, e.g. ``model vit, resnet; method flyp``."""
    values: dict[str, dict[str, None]] = {}
    for labels in group:
        for name, value in labels.items():
            values.setdefault(name, {})[str(value)] = None
    return "; ".join(f"{name} {_some(list(known), ', ')}" for name, known in values.items())


def _some(names: Sequence[str], separator: str = "; ") -> str:
    more = len(names) - NAMES_SHOWN
    return separator.join([*names[:NAMES_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def incomplete(results: GridResults) -> str:
    """Say in a sentence how much has no result; empty where everything has one."""
    counts = results.counts()
    cells = {state: counts[state] for state in ("failed", "diverged", "blocked", "not run") if counts[state]}
    parts = []
    if cells:
        told = ", ".join(f"{count} {state}" for state, count in cells.items())
        run_now = sum(results.states.get(cell_id) == "not run" for cell_id in results.running)
        told += f", of which {run_now} run now" if run_now else ""
        total = len(results.grid) - counts.get("not needed", 0)
        parts.append(
            f"{sum(cells.values())} of {counted(total, 'cell has', 'cells have')} no result ({told})"
        )
    if counts["skipped"]:
        parts.append(
            counted(
                counts["skipped"],
                "combination is skipped because it",
                "combinations are skipped because they",
            )
            + " cannot run"
        )
    return f"Incomplete: {'; '.join(parts)}." if parts else ""


def missing_table(groups: Sequence[Missing]) -> Table:
    """Lay groups out as a table; long lists are shortened, and say by how much."""
    columns = [
        Column("state", kind="text"),
        Column("how many"),
        Column("what", kind="long"),
        Column("why", kind="long"),
    ]
    return Table(columns, list(_rows(groups)), title="What is missing")


def _rows(groups: Sequence[Missing]) -> Iterator[Sequence[Any]]:
    for state in dict.fromkeys(group.state for group in groups):
        of_state = [group for group in groups if group.state == state]
        for group in of_state[:ROWS_SHOWN]:
            yield [state, group.count, group.what, group.why]
        if rest := of_state[ROWS_SHOWN:]:
            count = sum(group.count for group in rest)
            yield [state, count, f"{count} more", f"{len(rest)} further reasons"]
