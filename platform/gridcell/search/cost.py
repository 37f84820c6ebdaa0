"""What a search would run and cost, before it is started."""

from dataclasses import dataclass

from gridcell.search.objective import union
from gridcell.search.search import Search, Tried
from gridcell.search.trial import Trial


@dataclass(frozen=True)
class Cost:
    """A search before it runs.

    Attributes:
        trials: that are wanted.
        asked: that were asked for already.
        shared: cells that all trials share.
        each: further cells of a trial.
        shared_seconds: of the shared cells, on one GPU, by the task's estimate; None where nobody can say.
        each_seconds: of the further cells of a trial.
        held_out: the rule, and what it holds out.
    """

    trials: int
    asked: int
    shared: int
    each: int
    shared_seconds: float | None
    each_seconds: float | None
    held_out: str

    def lines(self) -> list[str]:
        """Return what there is to say, for the terminal."""
        cells = self.shared + self.trials * self.each
        said = [
            f"{self.trials} trials ({self.asked} asked for before), {self.each} cells each beside "
            f"{self.shared} that they share: at most {cells} cells",
            self.held_out,
        ]
        if self.each_seconds is not None and self.shared_seconds is not None:
            hours = (self.shared_seconds + self.trials * self.each_seconds) / 3600
            said.append(f"about {hours:.3g} hours on one GPU by the task's estimate")
        return said


def cost_of(search: Search) -> Cost:
    """Return what a search would run, from two of its points."""
    search.recall()
    points = [search.space.at([share] * len(search.space.ranges)) for share in (0.3, 0.7)]
    one, other = (_planned(search, point) for point in points)
    shared = one.grid.cells.keys() & other.grid.cells.keys()
    each = one.grid.cells.keys() - shared
    task, settings = search.objective.task, one.suite.settings
    seconds = task.estimate_durations(settings, union({0: one.grid}))
    size = search.space.size
    trials = search.wanted.trials
    if search.wanted.search == "grid" and size is not None:
        trials = min(trials, size)
    rule = search.objective.rule
    return Cost(
        trials,
        len(search.tried),
        len(shared),
        len(each),
        sum(seconds.get(cell, 0.0) for cell in shared) if seconds else None,
        sum(seconds.get(cell, 0.0) for cell in each) if seconds else None,
        f"rule {rule.name}: {rule.held_out}",
    )


def _planned(search: Search, params: dict[str, object]) -> Tried:
    suite = search.objective.suite(params)
    return Tried(Trial(0, params), suite, search.objective.grid(suite))
