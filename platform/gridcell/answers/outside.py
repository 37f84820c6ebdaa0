"""Failures that a storage has outside of the cells that were asked for: no all-clear without these."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from gridcell.answers.request import Request, as_typed, reading
from gridcell.store import Plan, Store

PLANS_SHOWN = 3


@dataclass(frozen=True)
class Outside:
    """Cells of one plan that failed or diverged, and that were not asked for.

    Attributes:
        cells: their ids.
        title: task and suite of the plan.
        arguments: what asks for the plan's cells on a command line; empty where the plan does not say it.
        search: id of the search whose trials these are; empty for a suite's own grid.
    """

    cells: tuple[str, ...]
    title: str
    arguments: str
    search: str

    def sentence(self, storage: str) -> str:
        """Say how many there are, and which command lists them.

        Args:
            storage: as it is typed.
        """
        count = len(self.cells)
        what = f"{count} more {'cells' if count != 1 else 'cell'} of {self.title} failed or diverged in runs "
        what += "with another --suite, --set, --select or --seeds"
        if self.search:
            return (
                f"{what}: trials of the search {self.search}, such as {self.cells[0]} ('gridcell cell show')"
            )
        if not self.arguments:
            return f"{what}: give those of the run, or an id to 'gridcell cell show', such as {self.cells[0]}"
        them = "them" if count != 1 else "it"
        listing = f"gridcell cell list {self.arguments} --storage {storage} --state failed,diverged"
        return f"{what}. This lists {them}: {listing}"


def failures_outside(asked: Request, store: Store) -> list[Outside]:
    """Return what failed of the same task outside of what was asked for, by the newest plan of each.

    Args:
        asked: what is looked at.
        store: where.
    """
    with reading(store.uri):
        failed = store.failures.ids() - asked.grid.cells.keys()
        failed -= store.results.done_among(failed)
        plans = (
            [plan for plan in store.plans.read_all() if plan.task == asked.suite.task.name] if failed else []
        )
        return list(_by_plan(failed, plans[::-1]))


def outside_sentences(asked: Request, store: Store) -> list[str]:
    """Return a sentence for each plan with such failures, of the newest few; then how many more there are."""
    found = failures_outside(asked, store)
    said = [each.sentence(as_typed(store)) for each in found[:PLANS_SHOWN]]
    if rest := sum(len(each.cells) for each in found[PLANS_SHOWN:]):
        said.append(f"{rest} more failed or diverged in {len(found) - PLANS_SHOWN} earlier runs")
    return said


def _by_plan(failed: set[str], plans: list[Plan]) -> Iterator[Outside]:
    for plan in plans:
        mine = [cell_id for cell_id in plan.cells if cell_id in failed]
        failed -= set(mine)
        if mine:
            arguments = shlex.join(plan.arguments)
            yield Outside(tuple(mine), f"{plan.task}/{plan.suite}", arguments, plan.search)
