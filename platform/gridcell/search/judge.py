"""The best trial against the suite's own values, as the report judges, on seeds that no trial has seen."""

from dataclasses import dataclass

import numpy as np

from gridcell.report import student_interval
from gridcell.search.objective import union
from gridcell.search.run import SearchRun
from gridcell.search.search import Search, Tried
from gridcell.search.wanted import tuning_of


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
    def differences(self) -> tuple[float, ...]:
        """Best minus default on each seed that has both."""
        return tuple(
            best - default
            for best, default in zip(self.best, self.default, strict=True)
            if best is not None and default is not None
        )

    @property
    def difference(self) -> tuple[float, float | None]:
        """Mean difference, and half of Student's 95 % interval over the seeds; None with fewer than two."""
        mean, half = student_interval(np.array(self.differences))
        return float(mean), None if len(self.differences) < 2 else float(half)

    def means(self) -> tuple[float | None, float | None]:
        """Return the mean of the best and that of the default; None where one has no value."""
        return _mean(self.best), _mean(self.default)


def _mean(values: tuple[float | None, ...]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def fresh_seeds(search: Search) -> tuple[int, ...]:
    """Return the seeds after the largest that the suite has; none where it has no seeds."""
    seeds = getattr(search.default.suite.settings, "seeds", None)
    if not seeds:
        return ()
    first = max(seeds) + 1
    return tuple(range(first, first + search.wanted.fresh_seeds))


def judge(run: SearchRun, best: Tried) -> Judged | None:
    """Run the best trial and the default as the report judges, and return their values.

    Returns:
        None where no fresh seeds were asked for, or the run was stopped.

    Raises:
        UserError: the executor can't run them.
    """
    search = run.search
    if not search.wanted.fresh_seeds:
        return None
    objective = search.objective
    rule = tuning_of(objective.task).judge
    seeds = fresh_seeds(search)
    suites = [
        objective.suite(params, seed=seed)
        for params in (best.trial.params, {})
        for seed in (seeds or (None,))
    ]
    grids = {number: objective.grid(suite, rule) for number, suite in enumerate(suites)}
    whole = union(grids)
    schedule = run.run_grid(whole)
    if schedule.stopped:
        return None
    results = run.results_of(whole)
    values = []
    for suite, grid in zip(suites, grids.values(), strict=True):
        done = {cell_id: results[cell_id] for cell_id in grid.cells if cell_id in results}
        complete = {target.cell for target in grid.targets} <= done.keys()
        values.append(objective.score(suite, grid, done, search.store, rule) if complete else None)
    half = len(values) // 2
    return Judged(seeds, tuple(values[:half]), tuple(values[half:]))
