"""Removing the weights that a search doesn't keep: of each trial that is over, and at the end of all."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from gridcell.answers.retention import described, others_beside, remove_spare
from gridcell.cell import Cell
from gridcell.search.search import Search
from gridcell.search.tried import Tried
from gridcell.store.retention import Removed
from gridcell.store.usage import asked_grids


class Tidying:
    """Removes weights by the suite's ``keep_weights``, and counts them.

    While the search goes on, only those go that no further trial can ask for: of a trial that is over, the
    cells that depend on a value from a range that can't be listed. What a rung has stopped may go on, and
    stays until the end.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._suite = search.default.suite
        self._before = Removed()

    @cached_property
    def _known(self) -> dict[str, Cell]:
        """What was asked for when the search began."""
        return self._asked_for()

    def _asked_for(self) -> dict[str, Cell]:
        """Return id -> cell, of the whole suite and of all grids that are asked for."""
        cells = dict(self._suite.grid().cells)
        for grid in asked_grids(self._search.store.plans.read_all()):
            if grid.asked and grid.plan.task == self._suite.task.name:
                cells |= grid.plan.cells
        return cells

    def after(self, ended: Sequence[Tried]) -> None:
        """Remove what nobody can need of some trials that are over."""
        if self._suite.keep_weights == "all" or not ended:
            return
        if self._search.wanted.fresh_seeds and not getattr(self._suite.settings, "seeds", None):
            return  # the comparison at the end may go on from the weights of any trial
        refused = self._search.refused
        if refused:  # which points can be planned is not known, nor what a trial alone has
            return
        cells = {cell_id: cell for one in ended for cell_id, cell in self._own(one).items()}
        if not cells or others_beside(self._search.store, but_own=True):
            return
        users = {**self._known, **self._of_trials(self._search.tried)}
        self._before += remove_spare(self._suite, cells, users, self._search.store)

    def at_end(self, cells: Mapping[str, Cell]) -> str:
        """Remove the rest; return a sentence on all that was removed, or on why not; empty for nothing.

        Args:
            cells: id -> cell, of all that the search ran.
        """
        if self._suite.keep_weights == "all":
            return ""
        if others := others_beside(self._search.store):
            return f"No weights were removed: another run uses this storage ({', '.join(others)})."
        mine = {**cells, **self._of_trials(self._search.tried)}
        removed = remove_spare(self._suite, mine, {**self._asked_for(), **mine}, self._search.store)
        return described(self._suite.keep_weights, self._before + removed)

    def _own(self, one: Tried) -> dict[str, Cell]:
        """Return the cells of a trial that neither the default nor any other trial can have."""
        apart = self._search.space.apart(one.trial.params)
        if apart is None or one.ended.state == "stopped":
            return {}
        objective = self._search.objective
        shared = {*objective.grid(objective.suite(apart)).cells, *self._search.default.grid.cells}
        of_others = self._of_trials([each for each in self._search.tried if each is not one])
        return {
            cell_id: cell
            for cell_id, cell in self._of_trials([one]).items()
            if cell_id not in shared and cell_id not in of_others
        }

    def _of_trials(self, tried: Sequence[Tried]) -> dict[str, Cell]:
        """Return id -> cell of all that some trials run, on the rungs below, too."""
        found: dict[str, Cell] = {}
        for one in tried:
            found |= one.grid.cells
            if self._search.ladder is not None:
                for rung in one.before:
                    found |= self._search.ladder.at(one.whole, rung).cells
        return found
