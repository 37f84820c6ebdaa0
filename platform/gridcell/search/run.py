"""Run a search: its trials join a run while it goes on, each as soon as it can be chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gridcell.cell import is_intermediate
from gridcell.errors import UserError
from gridcell.execute.driver import diverged_cells, run_grid
from gridcell.execute.listener import Listener
from gridcell.execute.options import RunOptions
from gridcell.execute.source import Ended, Growth
from gridcell.grid import Grid
from gridcell.search.judge import Judged, Judging, plan_judging
from gridcell.search.objective import union
from gridcell.search.retention import Tidying
from gridcell.search.search import Search
from gridcell.search.tried import Tried, joined
from gridcell.staleness import BY_NEEDS, Staleness, failures_of, find_stale
from gridcell.store import Result

Changed = Literal["keep", "rerun", "fail"]
"""What to do with results of other code, or from other inputs, than are there now."""

Watch = Callable[[Grid], Sequence[Listener]]
"""Returns what listens while a grid is run."""


def _job(one: Tried) -> tuple[int, int]:
    """Return what a run is given once: a trial, up to a rung."""
    return one.trial.number, one.rung


def _nobody(grid: Grid) -> Sequence[Listener]:
    del grid
    return ()


@dataclass
class SearchRun:
    """Runs a search; a source of cells for the run.

    Attributes:
        search: is told what comes of its trials.
        options: how cells are run.
        changed: what to do with stale results.
        watch: makes the listeners of a run.
        stopped: why the run ended before the last trial; empty where it didn't.
        tidying: removes the weights that the suite doesn't keep, of trials that are over.
        judged: the best trial against the suite's own values; None where that was not run.
    """

    search: Search
    options: RunOptions
    changed: Changed = "keep"
    watch: Watch = _nobody
    stopped: str = ""
    tidying: Tidying = field(init=False)
    _over: set[str] = field(default_factory=set)  # cells that ended in this run, well or not
    _made: set[str] = field(default_factory=set)  # those of them that are done by it
    _failed: set[str] = field(default_factory=set)  # those that failed
    _given: set[tuple[int, int]] = field(default_factory=set)  # (trial, rung) whose cells the run has
    judged: Judged | None = field(default=None, init=False)
    _judging: Judging | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.tidying = Tidying(self.search)

    def run(self) -> None:
        """Run the search to its end; what was tried before is taken from the store.

        The suite's own values are run first, to be compared with; the best trial and they are judged last, on
        fresh seeds. What failed before is tried again, as by any other run.

        Raises:
            UserError: the executor can't run a trial, or results are stale and were not to be.
        """
        self.search.recall()
        self._look([self.search.default, *self.search.tried])
        default = union({self.search.default.trial.number: self.search.default.grid})
        schedule = run_grid(
            self.search.objective.task,
            default,
            self.search.store,
            replace(self.options, rerun={**self.options.rerun, **self._to_rerun(default)}),
            listeners=self.watch(default),
            source=self,
        )
        self.stopped = schedule.stopped
        if self.stopped:
            return
        if any(not one.is_over for one in self.search.tried):
            raise RuntimeError("cells of a trial ended without a result and without a failure")
        if self._judging is not None:
            self.judged = self._judging.values(self.search, self.results_of(self._judging.grid))

    def more(self, ended: Sequence[Ended]) -> Growth | None:
        """Take note of the cells that ended, and return the cells of the trials that can be chosen now."""
        for each in ended:
            self._note(each)
        self._look(
            [
                one
                for one in (self.search.default, *self.search.tried)
                if not one.is_over and {target.cell for target in one.grid.targets} <= self._over
            ]
        )
        while True:
            while recalled := self.search.recall():
                self._look(recalled)
            new = list(self.search.asked())
            self._look(new)  # a trial that equals cells of another grid is done already
            waiting = self._waiting()
            if waiting:
                break
            if not new:
                return self._last()
        self._given |= set(map(_job, waiting))
        grid = joined(waiting, self.search.population)
        return Growth(grid, self._to_rerun(grid))

    def _waiting(self) -> list[Tried]:
        """Return the trials that the run begins now; those that it is not to begin are left out.

        A command before this one may have asked for more than are wanted now, or than the budget allows.
        """
        search = self.search
        waiting = [one for one in search.tried if not one.is_over and _job(one) not in self._given]
        left_out = {one.trial.number for one in search.not_wanted() if one in waiting}
        if search.over_budget and search.population is None:
            left_out |= {one.trial.number for one in waiting if not one.before}
        if left_out:
            search.leave_out(left_out)
            waiting = [one for one in waiting if one.trial.number not in left_out]
        if search.wanted.budget is None or search.population is not None:
            return waiting
        given = search.running - len(waiting)
        return waiting[: max(0, search.wanted.at_once - given)]

    def _last(self) -> Growth | None:
        """Return what compares the best trial with the default, once all trials are over."""
        over = all(one.is_over for one in (self.search.default, *self.search.tried))
        if not over or self._judging is not None:
            return None
        self._judging = plan_judging(self.search)
        if self._judging is None:
            return None
        grid = self._judging.grid
        return Growth(grid, self._to_rerun(grid))

    @property
    def grid(self) -> Grid:
        """All that is planned by now: the default, the trials, and what judges the best of them."""
        tried = [self.search.default, *self.search.tried]
        planned = joined(tried, self.search.population)
        if self._judging is None:
            return planned
        judged = self._judging.grid
        cells, targets = {**planned.cells, **judged.cells}, (*planned.targets, *judged.targets)
        return replace(planned, cells=cells, targets=targets)

    def results_of(self, grid: Grid) -> dict[str, Result]:
        """Return the results of a grid's cells, without those that are to be made again.

        Raises:
            UserError: some are stale, and were not to be.
        """
        results, _ = self.search.store.results.read_many(grid.cells)
        stale = self._stale(grid, results)
        outdated = _outdated_pauses(grid, stale)
        results = {cell_id: result for cell_id, result in results.items() if cell_id not in outdated}
        if self.changed == "fail" and stale.reasons.keys() - outdated:
            raise UserError(
                f"{'; '.join(stale.sentences())} (--changed rerun makes them again, --changed keep tells "
                "them to the search as they are)"
            )
        if self.changed == "rerun":
            return {cell_id: result for cell_id, result in results.items() if cell_id not in stale.reasons}
        return results

    def _note(self, ended: Ended) -> None:
        self._over.add(ended.cell.id)
        if ended.done:
            self._made.add(ended.cell.id)
            self._failed.discard(ended.cell.id)
        elif ended.failure is not None:
            self._failed.add(ended.cell.id)

    def _look(self, tried: Sequence[Tried]) -> None:
        """Read what the store holds of some trials' cells, and tell the search."""
        if not tried:
            return
        grid = union({one.trial.number: one.grid for one in tried})
        results = self.results_of(grid)
        stale = set(self._stale(grid, results).reasons)
        self.search.look(grid.cells.keys(), results, self._failures(grid, results), stale)
        numbers = {one.trial.number for one in tried}
        self.tidying.after([one for one in self.search.tried if one.is_over and one.trial.number in numbers])

    def _to_rerun(self, grid: Grid) -> dict[str, str]:
        """Return id -> stamp of the grid's stale results, where they are to be made again.

        Intermediate records always are.
        """
        if self.changed != "rerun" and not any(map(is_intermediate, grid.cells)):
            return {}
        results, _ = self.search.store.results.read_many(grid.cells)
        stale = self._stale(grid, results)
        if self.changed == "rerun":
            return dict(stale.stamps)
        return {cell_id: stale.stamps[cell_id] for cell_id in _outdated_pauses(grid, stale)}

    def _stale(self, grid: Grid, results: Mapping[str, Result]) -> Staleness:
        if results.keys() <= self._made:
            return Staleness()
        return find_stale(self.search.objective.task, grid, self.search.store, results)

    def _failures(self, grid: Grid, results: Mapping[str, Result]) -> dict[str, dict[str, Any]]:
        """Return the failures of this run, and what diverged at any time."""
        recorded = failures_of(self.search.objective.task, grid, self.search.store)
        counted = set(self._failed)
        if not self.options.retry_diverged:
            counted |= diverged_cells(recorded)
        return {
            cell_id: recorded[cell_id]
            for cell_id in grid.cells
            if cell_id in counted and cell_id in recorded and cell_id not in results
        }


def _outdated_pauses(grid: Grid, stale: Staleness) -> set[str]:
    """Return the ids of intermediate records that other code made, or that were made from other inputs.

    They are no results, so that they are made again whatever is done about stale results. Those that were
    made from stale results that are kept are as good as these.
    """
    found: set[str] = set()
    for cell_id, cell in grid.cells.items():
        reason = stale.reasons.get(cell_id)
        if reason is None or not is_intermediate(cell_id):
            continue
        if reason != BY_NEEDS or any(need in found for need in cell.needs.values()):
            found.add(cell_id)
    return found
