"""Run a search: choose trials, run their cells, look at the results, until there is no more to choose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gridcell.errors import UserError
from gridcell.execute.driver import diverged_cells, run_grid
from gridcell.execute.listener import Listener
from gridcell.execute.options import RunOptions
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid
from gridcell.search.objective import union
from gridcell.search.search import Search, Tried
from gridcell.staleness import Staleness, find_stale
from gridcell.store import Result

Changed = Literal["keep", "rerun", "fail"]
"""What to do with results of other code, or from other inputs, than are there now."""

Watch = Callable[[Grid], Sequence[Listener]]
"""Returns what listens while a grid is run."""


@dataclass
class SearchRun:
    """Runs a search.

    Attributes:
        search: is told what comes of its trials.
        options: how cells are run.
        changed: what to do with stale results.
        watch: makes the listeners of each part of the run.
        stopped: why the run ended before the last trial; empty where it didn't.
    """

    search: Search
    options: RunOptions
    changed: Changed = "keep"
    watch: Watch = lambda grid: ()
    stopped: str = ""
    _made: set[str] = field(default_factory=set)  # cells that this run made
    _failed: set[str] = field(default_factory=set)  # cells that failed in this run
    _rerun: dict[str, str] = field(default_factory=dict)  # stale result -> stamp of its record

    def run(self) -> None:
        """Run the search to its end; what was tried before is taken from the store.

        What failed before is tried again, once, as by any other run.

        Raises:
            UserError: the executor can't run a trial, or results are stale and were not to be.
        """
        self.search.recall()
        self._look(self.search.tried)
        while not self.stopped:
            new = [*self.search.asked(), *self.search.recall()]
            self._look(new)  # a trial that equals cells of another grid is done already
            pending = [one for one in self.search.tried if not one.is_over]
            if pending:
                self.run_grid(union({one.trial.number: one.grid for one in pending}))
                self._look(pending)
                if not self.stopped and any(not one.is_over for one in self.search.tried):
                    raise RuntimeError("cells of a trial ended without a result and without a failure")
            elif not self.search.may_ask():
                return

    def run_grid(self, grid: Grid) -> Schedule:
        """Run what a grid lacks, and remember how its cells ended."""
        options = replace(self.options, rerun={**self.options.rerun, **self._rerun})
        schedule = run_grid(
            self.search.objective.task, grid, self.search.store, options, listeners=self.watch(grid)
        )
        self._made |= schedule.finished
        self._failed |= schedule.failed.keys() | schedule.diverged
        for cell_id in schedule.finished:
            self._rerun.pop(cell_id, None)
        self.stopped = schedule.stopped
        return schedule

    def results_of(self, grid: Grid) -> dict[str, Result]:
        """Return the results of a grid's cells, without those that are to be made again.

        Raises:
            UserError: some are stale, and were not to be.
        """
        results, _ = self.search.store.results.read_many(grid.cells)
        stale = self._stale(grid, results)
        if self.changed == "fail" and stale.reasons:
            raise UserError(
                f"{'; '.join(stale.sentences())} (--changed rerun makes them again, --changed keep tells them "
                "to the search as they are)"
            )
        if self.changed == "rerun":
            self._rerun |= stale.stamps
        return {cell_id: result for cell_id, result in results.items() if cell_id not in self._rerun}

    def _look(self, tried: Sequence[Tried]) -> None:
        """Read what the store holds of some trials' cells, and tell the search."""
        if not tried:
            return
        grid = union({one.trial.number: one.grid for one in tried})
        results = self.results_of(grid)
        stale = set(self._stale(grid, results).reasons)
        self.search.look(results, self._failures(grid, results), stale)

    def _stale(self, grid: Grid, results: Mapping[str, Result]) -> Staleness:
        if results.keys() <= self._made:
            return Staleness()
        return find_stale(self.search.objective.task, grid, self.search.store, results)

    def _failures(self, grid: Grid, results: Mapping[str, Result]) -> dict[str, dict[str, Any]]:
        """Return the failures of this run, and what diverged at any time."""
        recorded = self.search.store.failures.read_all()
        counted = set(self._failed)
        if not self.options.retry_diverged:
            counted |= diverged_cells(recorded)
        return {
            cell_id: recorded[cell_id]
            for cell_id in grid.cells
            if cell_id in counted and cell_id in recorded and cell_id not in results
        }
