"""A trial with its cells, and how far it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gridcell.grid import Grid
from gridcell.search.objective import GENERATION, PARENT, union
from gridcell.search.population import Population
from gridcell.search.promotion import Standing
from gridcell.search.rungs import Ladder
from gridcell.search.trial import RUNNING, Ended, Trial
from gridcell.suite import Suite


@dataclass(frozen=True)
class Tried:
    """A trial with its cells.

    Attributes:
        trial: what was asked for.
        suite: with the trial's values.
        whole: all that it runs to its end.
        grid: what it runs now: to the rung that it was sent to, or all.
        ended: what came of it there.
        bracket: the rung at which it began; 0 without a scheduler.
        rung: the one that it was sent to.
        before: rung -> what came of it there, of those below.
    """

    trial: Trial
    suite: Suite
    whole: Grid
    grid: Grid
    ended: Ended = RUNNING
    bracket: int = 0
    rung: int = 0
    before: Mapping[int, Ended] = field(default_factory=dict)

    @classmethod
    def begun(cls, trial: Trial, suite: Suite, grid: Grid, ladder: Ladder | None, bracket: int) -> "Tried":
        """Return a trial at its beginning.

        Args:
            trial: what was asked for.
            suite: with its values.
            grid: all that it runs.
            ladder: the rungs at which it pauses; None for no pause.
            bracket: the first of them.
        """
        first = grid if ladder is None else ladder.at(grid, bracket)
        return cls(trial, suite, grid, first, bracket=bracket, rung=bracket)

    @property
    def is_over(self) -> bool:
        """Whether it runs no more: it is done, failed or diverged, or was stopped at a rung."""
        return self.ended.state != "running"

    @property
    def is_done(self) -> bool:
        """Whether it was trained to its end, and has a value."""
        return self.ended.state == "done"

    @property
    def rungs(self) -> dict[int, Ended]:
        """Rung -> what came of it there, of all at which it has ended."""
        return {**self.before, **({self.rung: self.ended} if self.is_over else {})}

    def promoted(self, ladder: Ladder) -> "Tried":
        """Return it on its way to the next rung."""
        rung = self.rung + 1
        grid = ladder.at(self.whole, rung)
        return replace(
            self, grid=grid, ended=RUNNING, rung=rung, before={**self.before, self.rung: self.ended}
        )

    def standing(self, maximise: bool) -> Standing:
        """Return how far it has come, as a scheduler sees it."""
        sign = 1.0 if maximise else -1.0
        scores = {
            rung: None if ended.value is None else sign * ended.value
            for rung, ended in self.rungs.items()
            if ended.value is not None or ended.state == "diverged"
        }
        return Standing(self.trial.number, self.bracket, self.rung, scores)


def joined(tried: Sequence[Tried], population: Population | None) -> Grid:
    """Return the cells of some trials together, labelled by the trial and, in a population, by its lineage.

    Args:
        tried: the trials; the default, whose number is negative, has no lineage.
        population: that they are of; None of any other search.
    """
    lineage: dict[int, dict[str, Any]] = {}
    for trial in (one.trial for one in tried if population is not None and one.trial.number >= 0):
        lineage[trial.number] = {GENERATION: len(trial.stages)}
        if trial.parent is not None:
            lineage[trial.number][PARENT] = trial.parent
    return union({one.trial.number: one.grid for one in tried}, more=lineage)
