"""What a report is written from, and what it is."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gridcell.grid import Grid
from gridcell.staleness import Staleness
from gridcell.store import Loss, Result, Store
from gridcell.store.losses import lost_by_class

STATES = ("done", "failed", "diverged", "blocked", "not run")
"""Of a cell whose result the report needs; see ``GridResults.states``."""


@dataclass(frozen=True)
class About:
    """Where a report comes from.

    Attributes:
        command: what to type to make the results and the report again; empty: not known.
        notes: of the author, in Markdown; they stand on top of the page.
        figures: formats in which figures are written beside PNG: ``svg``, ``pdf``.
    """

    command: str = ""
    notes: str = ""
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class GridResults:
    """What a report is written from.

    Attributes:
        title: of the report, e.g. ``imagenet-rib / mini``.
        settings: the suite's settings, as JSON values.
        grid: every cell and target that was asked for.
        results: id -> result of the cells that are done.
        failures: id -> failure record of those that failed or diverged.
        store: where artifacts are fetched from.
        losses: attempts that ended without a result, whether or not their cells are done by now.
        variants: name of each point of a sweep -> the entry that it varies.
        remarks: sentences that stand on top, e.g. that results were made by other code than is there now.
        suite: name of the suite; empty where the results are of none.
        selected: label -> accepted values, where not the whole suite was asked for.
        staleness: which results were made by other code or from other inputs than are there now.
        about: where the report comes from.
        made: what ``summary.json`` says of how the results were made; see ``write_report``.
        running: ids of the cells that a living driver runs at this moment; they have no result yet.
    """

    title: str
    settings: Mapping[str, Any]
    grid: Grid
    results: Mapping[str, Result]
    failures: Mapping[str, Mapping[str, Any]]
    store: Store
    losses: Sequence[Loss] = ()
    variants: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    suite: str = ""
    selected: Mapping[str, Sequence[str]] = field(default_factory=dict)
    staleness: Staleness = field(default_factory=Staleness)
    about: About = field(default_factory=About)
    made: Mapping[str, Any] = field(default_factory=dict)
    running: Set[str] = frozenset()

    @cached_property
    def states(self) -> Mapping[str, str]:
        """Id -> state of each cell, in the grid's order: one of ``STATES``, or "not needed".

        A cell is blocked if one that it needs, directly or not, failed or diverged. One without a result
        whose users are all done is not needed: a run would not make it again.
        """
        wanted = {target.cell for target in self.grid.targets} or set(self.grid.cells)
        for cell_id in reversed(list(self.grid.cells)):
            if cell_id in wanted and cell_id not in self.results:
                wanted.update(self.grid.cells[cell_id].needs.values())
        states: dict[str, str] = {}
        for cell_id, cell in self.grid.cells.items():
            needs = {states[need] for need in cell.needs.values()}
            if cell_id in self.results:
                states[cell_id] = "done"
            elif cell_id in self.failures:
                diverged = self.failures[cell_id]["failure_class"] == "diverged"
                states[cell_id] = "diverged" if diverged else "failed"
            elif cell_id not in wanted:
                states[cell_id] = "not needed"
            else:
                states[cell_id] = "blocked" if needs & {"failed", "diverged", "blocked"} else "not run"
        return states

    def counts(self) -> dict[str, int]:
        """Return state of the cells -> how many, in the order in which a report shows them.

        The last is "skipped": how many combinations the suite asks for that cannot run. They are no cells.
        """
        found = Counter(self.states.values())
        not_needed = {"not needed": found["not needed"]} if found["not needed"] else {}
        return {name: found[name] for name in STATES} | not_needed | {"skipped": len(self.grid.skipped)}

    def reasons(self) -> list[dict[str, str]]:
        """Return ``title``, ``class`` and ``message`` of each failure."""
        keys = {"title": "title", "class": "failure_class", "message": "message"}
        return [{name: str(item[key]) for name, key in keys.items()} for item in self.failures.values()]

    def interruptions(self) -> dict[str, dict[str, float]]:
        """Return failure class -> what ``lost_by_class`` tells, and cells ``given_up``: not done for it."""
        lost = lost_by_class(self.losses, self.grid.cells)
        given_up = Counter(str(failure["failure_class"]) for failure in self.failures.values())
        none = {"attempts": 0, "seconds": 0.0}
        return {
            name: {**lost.get(name, none), "given_up": given_up[name]} for name in sorted({*lost, *given_up})
        }

    def versions(self) -> str:
        """Name the versions of all packages that results were computed with."""
        found = {
            f"{k} {v}" for result in self.results.values() for k, v in result.provenance["versions"].items()
        }
        return ", ".join(sorted(found))


@dataclass(frozen=True)
class Report:
    """What a report function wrote: the page to open, and what the terminal shows.

    Attributes:
        page: the file.
        headline: sentences, tables of ``gridcell.report`` and other things that rich can print.
        answer: the page's first sentence, which the terminal shows last.
    """

    page: Path
    headline: Sequence[Any]
    answer: str = ""
