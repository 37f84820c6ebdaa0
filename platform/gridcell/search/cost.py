"""What a search would run and cost, before it is started."""

from dataclasses import dataclass

from gridcell.search.objective import union
from gridcell.search.search import Search
from gridcell.search.spent import expected, stops_of
from gridcell.search.trial import Trial
from gridcell.search.tried import Tried
from gridcell.stages import stages_of


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
        scheduled: sentences on the rungs of a scheduler, and what it saves.
        held_out: the rule, and what it holds out.
    """

    trials: int
    asked: int
    shared: int
    each: int
    shared_seconds: float | None
    each_seconds: float | None
    held_out: str
    scheduled: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return what there is to say, for the terminal."""
        cells = self.shared + self.trials * self.each
        said = [
            f"{self.trials} trials ({self.asked} asked for before), {self.each} cells each beside "
            f"{self.shared} that they share: at most {cells} cells",
            *self.scheduled,
            self.held_out,
        ]
        if self.each_seconds is not None and self.shared_seconds is not None:
            hours = (self.shared_seconds + self.trials * self.each_seconds) / 3600
            most = "without stopping any trial " if self.scheduled else ""
            said.append(f"{most}about {hours:.3g} hours on one GPU by the task's estimate")
        return said


def cost_of(search: Search) -> Cost:
    """Return what a search would run, from two of its points."""
    search.recall()
    points = [search.space.at([share] * len(search.space.ranges)) for share in (0.3, 0.7)]
    one, other = (_planned(search, point) for point in points)
    shared = one.whole.cells.keys() & other.whole.cells.keys()
    each = one.whole.cells.keys() - shared
    task, settings = search.objective.task, one.suite.settings
    seconds = task.estimate_durations(settings, union({0: one.whole}))
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
        _scheduled(search),
    )


def trials_in(trials: int, members: int) -> str:
    """Say how many populations there are.

    Example:
        >>> trials_in(20, 20), trials_in(40, 20)
        ('a population of 20 members', '2 populations of 20 members')
    """
    count = trials // members
    return f"{f'{count} populations' if count > 1 else 'a population'} of {members} members"


def _scheduled(search: Search) -> tuple[str, ...]:
    ladder, wanted, population = search.ladder, search.wanted, search.population
    if population is not None:
        chain = _planned(search, search.space.at([0.5] * len(search.space.ranges)))
        ends = sorted({cell.stage.end for cell in chain.grid.cells.values() if cell.stage is not None})
        return (
            f"pbt: {trials_in(wanted.trials, population.members)} in {population.generations} stages, which "
            f"end after {', '.join(map(str, ends))} {stages_of(search.objective.task)[0].unit}; all members "
            "are trained to the end",
        )
    if ladder is None:
        return ()
    stops = ", ".join(map(str, stops_of(ladder, search.default)))
    share = expected(wanted, ladder, search.default)
    return (
        f"{wanted.scheduler}: rungs after {stops} {ladder.fidelity.unit}, the best 1/{wanted.eta} of each go "
        f"on: about {share} are trained",
    )


def _planned(search: Search, params: dict[str, object]) -> Tried:
    if search.population is not None:
        before = search.population.top
        return search.planned(Trial(before * search.population.members, params, earlier=(params,) * before))
    suite = search.objective.suite(params)
    return Tried.begun(Trial(0, params), suite, search.objective.grid(suite), None, 0)
