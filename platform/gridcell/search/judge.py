"""The best trial against the suite's own values, as the report judges, on seeds that no trial has seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gridcell.grid import Grid
from gridcell.search.lead import best_is_default
from gridcell.search.objective import union
from gridcell.search.search import DEFAULT, Search
from gridcell.search.trial import Trial
from gridcell.search.wanted import tuning_of
from gridcell.store import Result
from gridcell.suite import Suite


@dataclass(frozen=True)
class Judged:
    """The best trial and the default on fresh seeds.

    Attributes:
        seeds: on which both were run; empty where the suite has no seeds, and both were run as it is.
        best: value by seed; None where a run has none.
        default: likewise.
    """

    seeds: tuple[int, ...]
    best: tuple[float | None, ...]
    default: tuple[float | None, ...]

    @property
    def _pairs(self) -> list[tuple[float, float]]:
        """The values on each seed that has both."""
        return [
            (best, default)
            for best, default in zip(self.best, self.default, strict=True)
            if best is not None and default is not None
        ]

    @property
    def differences(self) -> tuple[float, ...]:
        """Best minus default on each seed that has both."""
        return tuple(best - default for best, default in self._pairs)

    @property
    def difference(self) -> tuple[float, float | None]:
        """Mean difference, and half of Student's 95 % interval over the seeds; None with fewer than two."""
        import numpy as np

        from gridcell.report import student_interval

        mean, half = student_interval(np.array(self.differences))
        return float(mean), None if len(self.differences) < 2 else float(half)

    def means(self) -> tuple[float | None, float | None]:
        """Return the mean of the best and that of the default on the seeds that have both; None: none has."""
        best, default = zip(*self._pairs, strict=True) if self._pairs else ((), ())
        return _mean(best), _mean(default)


def _mean(values: tuple[float | None, ...]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class Judging:
    """What is run to compare the best trial with the default.

    Attributes:
        seeds: fresh ones; empty where the suite has no seeds.
        suites: of the best trial by seed, then of the default; others after these.
        grids: of the suites.
        chosen: by seed: part of the answer -> place of the suite that is chosen for it. Empty where one trial
            is chosen for all.
    """

    seeds: tuple[int, ...]
    suites: tuple[Suite, ...]
    grids: tuple[Grid, ...]
    chosen: tuple[Mapping[str, int], ...] = ()

    @property
    def grid(self) -> Grid:
        """All of it together."""
        return union(dict(enumerate(self.grids)), "judged")

    def values(self, search: Search, results: Mapping[str, Result]) -> Judged:
        """Return what came of it.

        Args:
            search: whose best trial is judged.
            results: id -> result of the cells that are done.
        """
        rule = tuning_of(search.objective.task).judge
        count = len(self.seeds) or 1
        if self.chosen:
            parts = [self._parts(search, place, results) for place in range(len(self.suites))]
            best = [
                _mean_if_all([parts[place].get(part, _NONE)[1] for part, place in chosen.items()])
                for chosen in self.chosen
            ]
            default = [
                _mean_if_all([judged for _, judged in parts[place].values()] or [None])
                for place in range(count, 2 * count)
            ]
            return Judged(self.seeds, tuple(best), tuple(default))
        found = [
            search.objective.score(suite, grid, done, search.store, rule) if done is not None else None
            for suite, grid in zip(self.suites, self.grids, strict=True)
            for done in [_complete(grid, results)]
        ]
        return Judged(self.seeds, tuple(found[:count]), tuple(found[count:]))

    def _parts(
        self, search: Search, place: int, results: Mapping[str, Result]
    ) -> Mapping[str, tuple[float | None, float | None]]:
        done = _complete(self.grids[place], results)
        if done is None:
            return {}
        found = search.objective.parts(self.suites[place], self.grids[place], done, search.store)
        return {
            part: (choice, judged if math.isfinite(judged) else None)
            for part, (choice, judged) in found.items()
        }


_NONE = (None, None)


def _complete(grid: Grid, results: Mapping[str, Result]) -> dict[str, Result] | None:
    """Return the results of a grid's cells; None where a target has none."""
    done = {cell_id: results[cell_id] for cell_id in grid.cells if cell_id in results}
    return done if {target.cell for target in grid.targets} <= done.keys() else None


def _mean_if_all(values: Sequence[float | None]) -> float | None:
    return None if None in values else _mean(tuple(values))


def plan_judging(search: Search) -> Judging | None:
    """Plan the best trial and the default as the report judges.

    Returns:
        None where no fresh seeds were asked for, no trial has a value, or the best one has the suite's own.
    """
    best = search.best
    objective = search.objective
    rule = tuning_of(objective.task).judge
    if not search.wanted.fresh_seeds or best is None or rule is None or best_is_default(search):
        return None
    seeds = fresh_seeds(search)
    choices = search.choices()
    trials = {one.number: one for one in (best.trial, Trial(DEFAULT, {}))}
    trials |= {one.trial.number: one.trial for one in choices.values()}
    by_seed = seeds or (None,)
    suites = tuple(search.suite_of(trial, seed=seed) for trial in trials.values() for seed in by_seed)
    numbers = list(trials)
    chosen = tuple(
        {part: numbers.index(one.trial.number) * len(by_seed) + place for part, one in choices.items()}
        for place in range(len(by_seed))
    )
    grids = tuple(objective.grid(suite, rule) for suite in suites)
    return Judging(seeds, suites, grids, chosen if choices else ())


def fresh_seeds(search: Search) -> tuple[int, ...]:
    """Return the seeds after the largest that the suite has; none where it has no seeds."""
    seeds = getattr(search.default.suite.settings, "seeds", None)
    if not seeds:
        return ()
    first = max(seeds) + 1
    return tuple(range(first, first + search.wanted.fresh_seeds))
