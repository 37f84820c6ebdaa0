"""What a search would run and cost, before it is started."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from gridcell.grid import Grid
from gridcell.printable import counted
from gridcell.search.judge import fresh_seeds
from gridcell.search.objective import union
from gridcell.search.search import Search
from gridcell.search.spent import expected, stops_of
from gridcell.search.trial import Trial
from gridcell.search.tried import Tried
from gridcell.search.wanted import tuning_of
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
        stages: cells of a member of a population over all its stages, each of which is measured; 0 of any
            other search.
        held_out: the rule, and what it holds out.
        beside: further cells, of the suite's own values, and of these and the best trial on fresh seeds.
        beside_seconds: of these cells; None where nobody can say.
    """

    trials: int
    asked: int
    shared: int
    each: int
    shared_seconds: float | None
    each_seconds: float | None
    held_out: str
    scheduled: tuple[str, ...] = ()
    beside: tuple[int, int] = (0, 0)
    beside_seconds: float | None = None
    stages: int = 0

    def lines(self) -> list[str]:
        """Return what there is to say, for the terminal."""
        cells = self.shared + self.trials * (self.stages or self.each)
        own, judged = self.beside
        each = counted(self.stages or self.each, "cell") + (" each in all stages" if self.stages else " each")
        said = [
            f"{counted(self.trials, 'trial')} ({self.asked} asked for before), {each} beside "
            f"{self.shared} that they share: at most {counted(cells, 'cell')}",
            f"beside them {own} of the suite's own values, and {judged} of these and the best trial on fresh "
            f"seeds: at most {counted(cells + own + judged, 'cell')} in all",
            *self.scheduled,
            self.held_out,
        ]
        if self.each_seconds is not None and self.shared_seconds is not None:
            beside = self.beside_seconds or 0.0
            hours = (self.shared_seconds + self.trials * self.each_seconds + beside) / 3600
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
    known = {**one.whole.cells, **other.whole.cells}
    own = {cell_id: cell for cell_id, cell in search.default.whole.cells.items() if cell_id not in known}
    judging = _judging(search, one)
    judged = {cell for cell in judging.cells if cell not in known and cell not in own}
    everything = union({0: one.whole, 1: search.default.whole, 2: judging})
    seconds = task.estimate_durations(settings, everything)
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
        (len(own), len(judged)),
        sum(seconds.get(cell, 0.0) for cell in {*own, *judged}) if seconds else None,
        _in_all_stages(search, points[0], shared),
    )


def _judging(search: Search, one: Tried) -> Grid:
    """Plan what a trial and the suite's own values would run on fresh seeds, as if it were the best."""
    objective, rule = search.objective, tuning_of(search.objective.task).judge
    if not search.wanted.fresh_seeds or objective.others or rule is None:
        return Grid({}, ())
    trials = one.trial, search.default.trial
    suites = [
        search.suite_of(trial, seed=seed) for trial in trials for seed in fresh_seeds(search) or (None,)
    ]
    return union({place: objective.grid(suite, rule) for place, suite in enumerate(suites)})


def _in_all_stages(search: Search, params: Mapping[str, Any], shared: Set[str]) -> int:
    """Return how many cells a member of a population has over all its stages; 0 of any other search."""
    if search.population is None:
        return 0
    cells: set[str] = set()
    for stage in range(search.population.generations):
        trial = Trial(stage * search.population.members, params, earlier=(params,) * stage)
        cells |= search.planned(trial).whole.cells.keys()
    return len(cells - shared)


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
