"""How much of their fidelity trials were trained, against training each of them to its end."""

from dataclasses import dataclass

from gridcell.search.promotion import reached
from gridcell.search.rungs import Ladder
from gridcell.search.search import Search
from gridcell.search.tried import Tried
from gridcell.search.wanted import Wanted


@dataclass(frozen=True)
class Spent:
    """Units of a fidelity, such as epochs, over all cells of all trials; a cell of several counts once.

    Attributes:
        unit: what is counted.
        units: that the trials that have ended at a rung were trained to there.
        whole: that all these trials have.
    """

    unit: str
    units: int
    whole: int

    @property
    def share(self) -> float:
        """What was trained of what training all trials to their end would have taken."""
        return self.units / self.whole if self.whole else 0.0

    def __str__(self) -> str:
        return f"{self.units:,} of {self.whole:,} {self.unit} ({self.share:.0%})"


def spent(search: Search) -> Spent | None:
    """Return what the trials were trained so far; None without a scheduler."""
    if search.ladder is None:
        return None
    done: dict[str, int] = {}
    whole: dict[str, int] = {}
    for one in search.tried:
        whole |= search.ladder.totals(one.whole)
        if one.rungs:
            for cell_id, units in search.ladder.units(one.whole, max(one.rungs)).items():
                done[cell_id] = max(units, done.get(cell_id, 0))
    return Spent(search.ladder.fidelity.unit, sum(done.values()), sum(whole.values()))


def stops_of(ladder: Ladder, one: Tried) -> list[int]:
    """Return after how many units each rung of a trial pauses, of its longest cell."""
    longest = max(ladder.totals(one.whole).values(), default=0)
    return [ladder.stop_of(longest, rung) for rung in range(ladder.rungs)]


def expected(wanted: Wanted, ladder: Ladder, default: Tried) -> Spent:
    """Return what a search would train, if trials waited for each other at each rung."""
    totals = ladder.totals(default.whole).values()
    units = 0
    for bracket, counts in reached(
        wanted.trials, wanted.scheduler, eta=wanted.eta, rungs=ladder.rungs
    ).items():
        for total in totals:
            before = 0
            for rung in range(bracket, ladder.rungs):
                units += counts[rung] * (ladder.stop_of(total, rung) - before)
                before = ladder.stop_of(total, rung)
    return Spent(ladder.fidelity.unit, units, wanted.trials * sum(totals))
