"""Population-based training: which member goes on from which other one, and under which settings.

Jaderberg et al., "Population Based Training of Neural Networks" (2017), with truncation selection: the last
fifth of a generation goes on from the weights of members of the first fifth, under settings near theirs.
Generations wait for each other: so what is decided follows from results, the seed and numbers alone, and not
from the order in which cells end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridcell.search.space import Space
from gridcell.search.trial import Trial
from gridcell.settings.ranges import Range

SHARE = 0.2
"""Of a generation: so many are replaced, and so many are copied; one at least."""

FACTORS = (0.8, 1.2)
"""By one of which a number of a copied member is multiplied."""

RESAMPLED = 0.25
"""Probability that a setting of a copied member is drawn anew from its range."""


@dataclass(frozen=True)
class Population:
    """How many members a population has, and in how many stages they are trained.

    Trials are numbered population by population, generation by generation, member by member.

    Attributes:
        members: of each population.
        generations: as many as stages.

    Example:
        >>> Population(8, 4).number(population=1, generation=2, member=3)
        51
    """

    members: int
    generations: int

    @property
    def top(self) -> int:
        """The last generation, whose trials are whole."""
        return self.generations - 1

    def number(self, population: int, generation: int, member: int) -> int:
        """Return the number of a trial."""
        return (population * self.generations + generation) * self.members + member

    def generation_of(self, number: int) -> int:
        """Return the generation of a trial."""
        return number // self.members % self.generations

    def is_copied(self, trial: Trial) -> bool:
        """Whether a trial goes on from another member's weights."""
        return trial.parent is not None and trial.parent != trial.number - self.members


@dataclass(frozen=True)
class Member:
    """A member of a generation that has ended.

    Attributes:
        trial: what it ran.
        score: larger is better; None where it failed or diverged.
    """

    trial: Trial
    score: float | None


def successors(members: Sequence[Member], space: Space, *, seed: int) -> list[Trial]:
    """Return the next generation's trials, one for each member; none where no member has a score.

    A member goes on from its own weights under its own settings, unless it is among the last: then it goes on
    from a member that is drawn from the first ones, and each of its settings is perturbed or drawn anew.
    Members that failed or diverged are always replaced.

    Args:
        members: of a generation, in the order of their numbers.
        space: the ranges of their settings.
        seed: of the search.
    """
    ranked = sorted(
        (one for one in members if one.score is not None),
        key=lambda one: (-(one.score or 0.0), one.trial.number),
    )
    if not ranked:
        return []
    count = max(1, int(SHARE * len(members)))
    first = ranked[:count]
    kept = {one.trial.number for one in ranked[: len(members) - count]}
    trials = []
    for one in members:
        number = one.trial.number + len(members)
        if one.trial.number in kept:
            trials.append(_following(one.trial, number, one.trial.params))
            continue
        draws = _draws(seed, number)
        parent = first[min(int(draws.random() * len(first)), len(first) - 1)].trial
        params = {
            key: explored(one_range, parent.params[key], draws.random(), draws.random())
            for key, one_range in space.ranges.items()
        }
        trials.append(_following(parent, number, params))
    return trials


def due(
    population: Population,
    count: int,
    known: Mapping[int, Member | None],
    space: Space,
    *,
    drawn: Callable[..., Trial | None],
    seed: int,
) -> list[Trial]:
    """Return the trials that can be chosen now and are not known yet, of one generation; none while it waits.

    Args:
        population: how large it is.
        count: of such populations, each apart from the others.
        known: number -> what came of a trial; None while it runs.
        space: the ranges of the settings.
        drawn: returns a trial of a first generation, called with its ``number``.
        seed: of the search.
    """
    for index in range(count):
        before: list[Member] = []
        for generation in range(population.generations):
            numbers = [population.number(index, generation, member) for member in range(population.members)]
            missing = [number for number in numbers if number not in known]
            if missing:
                first = (drawn(number=number) for number in missing)
                trials = successors(before, space, seed=seed) if generation else first
                found = [one for one in trials if one is not None and one.number in missing]
                if found:
                    return found
                break  # nobody is left of whom the next generation could come
            members = [known[number] for number in numbers]
            before = [one for one in members if one is not None]
            if len(before) < len(members):
                break
    return []


def explored(one: Range, value: Any, chance: float, share: float) -> Any:
    """Return a value near another one, or a new one of the range.

    A number is multiplied by one of ``FACTORS`` and stays in its range; a whole number moves by 1 at least,
    and a value of a list to the one before or after it.

    Args:
        one: the range.
        value: of the member that is copied.
        chance: from 0 to 1: whether the value is drawn anew.
        share: from 0 to 1: which way it goes, or where in the range the new one lies.

    Example:
        >>> from gridcell.settings.ranges import parse_range
        >>> explored(parse_range("loguniform(1e-4, 1)"), 0.01, 0.9, 0.1)
        0.008
    """
    if chance < RESAMPLED:
        return one.at(share)
    up = share >= 0.5
    if one.listed:
        place = one.place(value)
        return one.listed[min(max(place + (1 if up else -1), 0), len(one.listed) - 1)]
    moved = one.rounded(value * FACTORS[up])
    return one.rounded(value + (1 if up else -1)) if one.whole and moved == value else moved


def _following(parent: Trial, number: int, params: Mapping[str, Any]) -> Trial:
    return Trial(number, dict(params), earlier=parent.stages, parent=parent.number)


def _draws(seed: int, number: int) -> Any:
    import numpy as np

    return np.random.default_rng([seed, number, 1])  # apart from the draw of a first generation's point
