"""How far the best trial is ahead of another, and how much of that the noise of their values explains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gridcell.errors import UserError
from gridcell.grid import Grid
from gridcell.search.search import Search
from gridcell.search.tried import Tried
from gridcell.store import Result
from gridcell.task import imported

SEED = "seed"
_NORMAL = 1.96  # standard errors to either side of a 95 % interval


@dataclass(frozen=True)
class Lead:
    """The best trial's value less another trial's.

    Attributes:
        other: what it is compared with.
        mean: the difference.
        half_width: of its 95 % interval; None where the noise is not known.
        over: what the interval is taken over, such as ``2 seeds``; empty without one.
    """

    other: str
    mean: float
    half_width: float | None = None
    over: str = ""

    @property
    def is_noise(self) -> bool:
        """Whether the interval holds zero."""
        return self.half_width is not None and abs(self.mean) <= self.half_width


def leads(search: Search) -> Iterator[Lead]:
    """Yield the best trial's lead over the next one, and over the suite's own values.

    Of seeds the difference is paired, and its interval is Student's. With one seed a task may know the
    standard error over what it holds out; see :class:`gridcell.Rule`.
    """
    best = search.best
    if best is None or best.ended.value is None or search.objective.rule.parts:
        return
    own = _cells(search.default)
    sign = -1.0 if search.objective.maximise else 1.0
    others = [
        one
        for one in search.tried
        if one.is_done and one.ended.value is not None and _cells(one) not in (_cells(best), own)
    ]
    others.sort(key=lambda one: (sign * (one.ended.value or 0.0), one.trial.number))
    for one in others[:1]:
        yield _lead(search, best, one, f"the next, trial {one.trial.number}")
    if search.default.ended.value is not None and not best_is_default(search):
        yield _lead(search, best, search.default, "the suite's own values")


def best_is_default(search: Search) -> bool:
    """Tell whether the best trial runs the suite's own cells, so that there is nothing to compare."""
    best = search.best
    if best is None or any(one is not best for one in search.choices().values()):
        return False
    return _cells(search.default) == _cells(best)


def beats_default(search: Search) -> bool:
    """Tell whether the best trial's value is better than the suite's own values have, or these have none."""
    best, own = search.best, search.default.ended.value
    if best is None or best.ended.value is None or own is None:
        return best is not None
    return best.ended.value > own if search.objective.maximise else best.ended.value < own


def _cells(one: Tried) -> set[str]:
    return {target.cell for target in one.grid.targets}


def _lead(search: Search, best: Tried, other: Tried, name: str) -> Lead:
    assert best.ended.value is not None
    assert other.ended.value is not None
    mean = best.ended.value - other.ended.value
    mine, theirs = _by_seed(search, best), _by_seed(search, other)
    differences = [mine[seed] - theirs[seed] for seed in mine if seed in theirs]
    if len(differences) > 1:
        from gridcell.report import student_interval

        of_seeds, half = student_interval(differences)
        return Lead(name, float(of_seeds), float(half), f"{len(differences)} seeds")
    if noise := search.objective.rule.noise:
        both = (
            search.objective.results(one.suite, one.grid, _done(search, one), search.store)
            for one in (other, best)
        )
        error = imported(noise)(*both, search.objective.metric)
        if error is not None:
            return Lead(name, mean, _NORMAL * float(error), "held-out images")
    return Lead(name, mean)


def _done(search: Search, one: Tried) -> Mapping[str, Result]:
    results, _ = search.store.results.read_many(one.grid.cells)
    return results


def _by_seed(search: Search, one: Tried) -> dict[str, float]:
    """Return the value of each seed alone; nothing where a trial has one seed, or no value of one."""
    seeds = {str(target.labels[SEED]) for target in one.grid.targets if SEED in target.labels}
    if len(seeds) < 2:
        return {}
    results = _done(search, one)
    found = {}
    for seed in sorted(seeds):
        grid: Grid = one.grid.select({SEED: [seed]})
        try:
            value = search.objective.score(one.suite, grid, results, search.store)
        except UserError:
            return {}
        if value is None:
            return {}
        found[seed] = value
    return found
