"""The search itself: what was tried, what came of it, and what is tried next. It runs nothing.

Which results a trial sees depends on its number alone: trial n is chosen when trials 0 to n - ``at_once``
have ended, by their results, and by the values of those between. So the order in which cells end changes
nothing, and two drivers of one search choose the same trials.

Of a population each generation is chosen when the one before it has ended, by its results alone.

With another scheduler nothing waits: as soon as fewer than ``at_once`` trials run, one is trained on or a new
one is chosen, by all that is known then. Each such choice is remembered before it is acted on, so that a
search that was ended goes on with it; with one trial at once they are the same choices however often it is
ended.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

from gridcell.errors import UserError
from gridcell.grid import Grid
from gridcell.search.memory import Memory
from gridcell.search.objective import Objective
from gridcell.search.population import Member, Population, due
from gridcell.search.promotion import bracket_of, promotion
from gridcell.search.rungs import ladder_of
from gridcell.search.samplers import BLIND, Told, check_space, drawn_at_random, suggest
from gridcell.search.space import Space
from gridcell.search.trial import RUNNING, Ended, Trial
from gridcell.search.tried import Tried
from gridcell.search.wanted import Wanted, check_goes_with_scheduler
from gridcell.settings.stages import Schedule
from gridcell.store import Result, Store
from gridcell.suite import Suite

DEFAULT = -1
"""Number of the suite's own values, which are run beside the trials and are none of them."""


class Search:
    """A search, as far as it has come.

    Attributes:
        id: by which it is found again.
        default: the suite with its own values, which the trials are compared with.
        tried: the trials that fit the space, in their order.
        ladder: the rungs at which they pause; None without a scheduler that lets them.
        population: of population-based training; None of any other search.
        outside: how many earlier trials don't fit the space any more.
        later: how many trials that an earlier command asked for were not begun, as fewer are wanted now.
        refused: number of a trial whose values can't be planned -> why.
    """

    def __init__(self, objective: Objective, space: Space, wanted: Wanted, store: Store) -> None:
        """Prepare; nothing is read or written yet.

        Raises:
            UserError: the settings that are varied, or the suite, can't be used.
        """
        if wanted.search == "grid":
            space.check_grid()
        check_space(wanted.search, space)
        if objective.rule.parts and wanted.search not in BLIND:
            raise UserError(
                f"Rule {objective.rule.name} makes several choices among the same trials, so that their "
                f"search may look at no result: add --search {', '.join(sorted(BLIND))}"
            )
        scheduled = wanted.scheduler != "none"
        if scheduled:
            check_goes_with_scheduler(objective.task, objective.rule, wanted)
        self.objective = objective
        self.space = space
        self.wanted = wanted
        self.store = store
        self.population = Population(wanted.population, wanted.rungs) if wanted.scheduler == "pbt" else None
        # Each member's values come from another's: in another space they are another search's.
        of_space = {} if self.population is None else {"space": space.text}
        self.id = objective.id(wanted.search, wanted.seed, {**wanted.scheduling, **of_space})
        self.tried: list[Tried] = []
        self.outside = 0
        self.later = 0
        self.refused: dict[int, str] = {}
        suite = objective.suite({})
        if scheduled and suite.schedule is not None:
            raise UserError(
                f"'{suite.name}' trains in stages of its own, which --scheduler {wanted.scheduler} can't "
                "stop or change: leave out --scheduler, or search the suite that it extends"
            )
        grid = objective.grid(suite)
        self.default = Tried.begun(Trial(DEFAULT, {}), suite, grid, None, 0)
        self.ladder = (
            ladder_of(objective.task, grid, eta=wanted.eta, rungs=wanted.rungs)
            if scheduled and self.population is None
            else None
        )
        self._memory = Memory(store, self.id)
        self._seen: set[int] = set()
        self._base = objective.base_values(space.ranges)
        self._seconds: dict[str, float] = {}  # of the cells of all trials
        self._exhausted = False

    def recall(self) -> list[Tried]:
        """Take in what was asked for before, here or by another driver: trials, and their promotions.

        Returns:
            The trials that are new, or on their way to another rung, by it.
        """
        new = []
        for number, trial in self._memory.read().items():
            if number in self._seen:
                continue
            self._seen.add(number)
            params = self._fitted(trial.params)
            if params is None:
                self.outside += 1
                continue
            new.append(self._planned_or_refused(replace(trial, params=params)))
        self.tried = sorted([*self.tried, *new], key=lambda one: one.trial.number)
        sent = [one for one in self.tried if (one.trial.number, one.rung + 1) in self._memory.promotions]
        return [*new, *(self._promoted(one) for one in sent if one.ended.state == "stopped")]

    def _promoted(self, one: Tried) -> Tried:
        """Send a trial to its next rung, and return it as it is then."""
        assert self.ladder is not None
        promoted = one.promoted(self.ladder)
        self.tried[self.tried.index(one)] = promoted
        return promoted

    def _fitted(self, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a trial's values in this space, which may have other settings; None if it is no point of it.

        A setting that the trial did not vary has the suite's own value, and so must one that it did vary and
        this space doesn't.
        """
        others = params.keys() - self.space.ranges.keys()
        own = self.objective.base_values(others) if others else {}
        if any(key not in own or own[key] != params[key] for key in others):
            return None
        filled = {key: params.get(key, self._base.get(key)) for key in self.space.ranges}
        return filled if self.space.holds(filled) else None

    def suite_of(self, trial: Trial, *, seed: int | None = None) -> Suite:
        """Return the suite with a trial's values: of a member of a population with a schedule of them.

        Args:
            trial: the trial, or the default.
            seed: in place of the suite's seeds.
        """
        if self.population is None or trial.number == DEFAULT:
            return self.objective.suite(trial.params, seed=seed)
        schedule = Schedule(trial.stages, self.population.generations)
        return self.objective.suite({}, seed=seed, schedule=schedule)

    def planned(self, trial: Trial) -> Tried:
        """Plan what a trial runs, to its first rung.

        Raises:
            UserError: its values can't be planned.
        """
        suite = self.suite_of(trial)
        if self.population is not None:
            grid = self.objective.grid(suite)
            return Tried(trial, suite, grid, grid, rung=self.population.generation_of(trial.number))
        bracket = 0
        if self.ladder is not None:
            wanted = self.wanted
            bracket = bracket_of(wanted.scheduler, trial.number, eta=wanted.eta, rungs=self.ladder.rungs)
        return Tried.begun(trial, suite, self.objective.grid(suite), self.ladder, bracket)

    def _planned_or_refused(self, trial: Trial) -> Tried:
        """Plan a trial; one whose values can't be planned is a trial that has failed.

        A space may hold such points: two settings that don't go together. The search goes on beside them.
        """
        try:
            return self.planned(trial)
        except UserError as error:
            self.refused[trial.number] = str(error)
            nothing = Grid({}, ())
            found = Tried(trial, self.default.suite, nothing, nothing, Ended("failed", failure="refused"))
            return (
                replace(found, rung=self.population.generation_of(trial.number)) if self.population else found
            )

    def leave_out(self, numbers: Collection[int]) -> None:
        """Leave out trials that are not to be begun."""
        kept = [one for one in self.tried if one.trial.number not in numbers]
        self.later += len(self.tried) - len(kept)
        self.tried = kept

    def not_wanted(self) -> list[Tried]:
        """Return the trials that have not ended, of those beyond the number that is wanted now."""
        if self.population is None:
            beyond = self.tried[self.wanted.trials :]
        else:
            last = self.population.number(self.wanted.trials // self.population.members, 0, 0)
            beyond = [one for one in self.tried if one.trial.number >= last]
        return [one for one in beyond if not one.is_over and not one.before]

    @property
    def notes(self) -> list[str]:
        """What a user has to know of how points are chosen, in sentences."""
        random = drawn_at_random(self.wanted.search, self.space)
        return [f"{self.wanted.search} moves numbers alone: {', '.join(random)} is drawn at random"] * bool(
            random
        )

    @property
    def spent_hours(self) -> float:
        """Hours of computing that the trials' cells took, each cell counted once."""
        return sum(self._seconds.values()) / 3600

    @property
    def wants_more(self) -> bool:
        """Whether there are trials to be chosen yet, one by one."""
        return not self._exhausted and len(self.tried) < self.wanted.trials and not self.over_budget

    def may_ask(self) -> bool:
        """Whether the next trial can be chosen now, where no scheduler decides."""
        if not self.wants_more:
            return False
        if self.wanted.budget is not None and self.running >= self.wanted.at_once:
            return False  # else all would have begun before any has cost anything
        seen = self.tried[: self._visible(len(self.tried))]
        return self.wanted.search in BLIND or all(one.is_over for one in seen)

    @property
    def wanted_trials(self) -> int:
        """How many trials are wanted, of a population one a member and stage."""
        return self.wanted.trials * (self.population.generations if self.population else 1)

    @property
    def running(self) -> int:
        """How many trials have not ended."""
        return sum(not one.is_over for one in self.tried)

    @property
    def over_budget(self) -> bool:
        """Whether the budget is spent."""
        return self.wanted.budget is not None and self.spent_hours >= self.wanted.budget

    def _visible(self, count: int) -> int:
        """Return how many of the trials before the next one it sees the results of."""
        return count if self.ladder is not None else max(0, count - self.wanted.at_once + 1)

    def ask(self) -> Tried | None:
        """Choose the next trial and remember it; None where a grid is exhausted.

        Another driver may have chosen it already: then it is that one's.
        """
        visible = self._visible(len(self.tried))
        told = [
            Told(one.trial, one.ended if place < visible else RUNNING, one.rung)
            for place, one in enumerate(self.tried)
        ]
        number = next(number for number in count() if number not in self._seen)
        chosen = suggest(
            self.wanted.search,
            self.space,
            told,
            number=number,
            seed=self.wanted.seed,
            maximise=self.objective.maximise,
            others=[mode == "max" for _, mode in self.objective.others],
        )
        if chosen is None:
            self._exhausted = True
            return None
        return self._claimed(chosen)

    def _claimed(self, chosen: Trial) -> Tried:
        """Remember a trial, or take what another driver remembers in its place, and return it planned."""
        trial = self._memory.claim(chosen)
        planned = self._planned_or_refused(trial)
        self._seen.add(trial.number)
        self.tried = sorted([*self.tried, planned], key=lambda one: one.trial.number)
        return planned

    def asked(self) -> Iterator[Tried]:
        """Choose all trials that can be chosen now, or trained on."""
        while self.population is not None and (chosen_together := self._due(self.population)):
            yield from map(self._claimed, chosen_together)
        while (chosen := self._next()) is not None:
            yield chosen

    def _due(self, population: Population) -> list[Trial]:
        """Return the members of a generation that can be chosen now; none while the one before runs."""
        sign = 1.0 if self.objective.maximise else -1.0
        known = {
            one.trial.number: Member(one.trial, None if one.ended.value is None else sign * one.ended.value)
            if one.is_over
            else None
            for one in self.tried
        }
        if self.over_budget:
            return []
        drawn = partial(suggest, self.wanted.search, self.space, (), seed=self.wanted.seed, maximise=sign > 0)
        count = self.wanted.trials // population.members
        return due(population, count, known, self.space, drawn=drawn, seed=self.wanted.seed)

    def _next(self) -> Tried | None:
        if self.population is not None:
            return None
        if self.ladder is None:
            return self.ask() if self.may_ask() else None
        running = self.running
        if running >= self.wanted.at_once or self.over_budget:
            return None
        found = promotion(
            [one.standing(self.objective.maximise) for one in self.tried],
            eta=self.wanted.eta,
            rungs=self.ladder.rungs,
            closing=not self.wants_more and not running,
        )
        if found is None:
            return self.ask() if self.wants_more else None
        number, rung = found
        self._memory.promote(number, rung)
        return self._promoted(next(one for one in self.tried if one.trial.number == number))

    def look(
        self,
        looked_at: Set[str],
        results: Mapping[str, Result],
        failures: Mapping[str, Mapping[str, Any]],
        stale: Set[str] = frozenset(),
    ) -> None:
        """Take note of what came of the trials that had not ended.

        Args:
            looked_at: ids of the cells that were looked for.
            results: id -> result of those that are done.
            failures: id -> failure of those that failed or diverged.
            stale: ids of results that other code made.
        """
        self._seconds |= {cell_id: result.seconds for cell_id, result in results.items()}
        rungs = self.ladder or self.population
        top = None if rungs is None else rungs.top

        def looked(one: Tried) -> Tried:
            if one.is_over or not {target.cell for target in one.grid.targets} <= looked_at:
                return one
            ended = self.objective.ended(
                one.suite,
                one.grid,
                results,
                failures,
                self.store,
                stale,
                metric_exists=self.default.is_done,
            )
            if top is not None and one is not self.default and one.rung < top and ended.state == "done":
                ended = replace(ended, state="stopped")
            return replace(one, ended=ended)

        self.default = looked(self.default)
        self.tried = [looked(one) for one in self.tried]

    @property
    def best(self) -> Tried | None:
        """The trial with the best value, of equal ones the first; None while none is done.

        Of several objectives there is none: see :func:`gridcell.search.several.front_of`. Under a rule that
        chooses for each part of the answer, it is the one that is chosen most often.
        """
        if self.objective.others:
            return None
        choices = Counter(one.trial.number for one in self.choices().values())
        done = [one for one in self.tried if one.is_done]
        sign = -1.0 if self.objective.maximise else 1.0
        return min(
            done,
            key=lambda one: (
                -choices[one.trial.number],
                sign * (one.ended.value or 0.0),
                one.trial.number,
            ),
            default=None,
        )

    def choices(self) -> dict[str, Tried]:
        """Return part of the answer -> the trial that is chosen for it, without a look at the part."""
        done = [one for one in self.tried if one.ended.parts]
        sign = -1.0 if self.objective.maximise else 1.0
        names = dict.fromkeys(part for one in done for part in one.ended.parts)
        return {
            part: min(done, key=lambda one: (sign * one.ended.parts[part][0], one.trial.number))
            for part in names
        }
