"""Which trial is trained on: successive halving without waiting, and its brackets.

ASHA: Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020), algorithm 2: a trial that is
among the best 1/eta of its rung goes on as soon as this is known, and a new trial begins otherwise. Hyperband
(Li et al., 2018) runs several such brackets, which begin at higher and higher rungs. All that is decided here
follows from what is known of the trials; nothing else is remembered.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Literal, get_args

from gridcell.errors import unknown

SchedulerName = Literal["none", "asha", "hyperband", "pbt"]
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)


@dataclass(frozen=True)
class Standing:
    """How far a trial has come.

    Attributes:
        number: of the trial.
        bracket: the rung at which it began.
        rung: the highest that it was sent to.
        scores: rung -> its score there, larger is better; None where it diverged. A rung at which it still
            runs, or failed, is left out.
    """

    number: int
    bracket: int = 0
    rung: int = 0
    scores: Mapping[int, float | None] = field(default_factory=dict)


def check_scheduler(name: str) -> None:
    """Make sure that there is a scheduler of this name.

    Raises:
        UserError: there is none; names the nearest.
    """
    if name not in SCHEDULERS:
        raise unknown("scheduler", name, SCHEDULERS)


def bracket_of(scheduler: SchedulerName, number: int, *, eta: int, rungs: int) -> int:
    """Return the rung at which a trial begins.

    Hyperband's brackets have ``ceil(rungs / (s + 1) * eta ** s)`` trials each, s being the number of rungs
    above their first. Here the trials of one after another are dealt to the bracket that is furthest behind
    its share, so that a search of any length has all of them in these proportions.

    Example:
        >>> [bracket_of("hyperband", number, eta=3, rungs=3) for number in range(8)]
        [0, 1, 0, 2, 0, 1, 0, 0]
    """
    if scheduler != "hyperband":
        return 0
    sizes = [ceil(rungs / (rungs - first) * eta ** (rungs - 1 - first)) for first in range(rungs)]
    counts = [0] * rungs
    for dealt in range(number + 1):
        behind = [size / sum(sizes) * (dealt + 1) - count for size, count in zip(sizes, counts, strict=True)]
        chosen = max(range(rungs), key=lambda first: (round(behind[first], 9), -first))
        counts[chosen] += 1
    return chosen


def promotion(
    standings: Sequence[Standing], *, eta: int, rungs: int, closing: bool = False
) -> tuple[int, int] | None:
    """Return the number of the trial to train on, and the rung to train it to; None while there is none.

    Of the trials of a bracket that have ended at a rung, the best ``floor(count / eta)`` go on, the highest
    rung first. One that diverged counts as worse than all others.

    Args:
        standings: of all trials.
        eta: one in so many goes on.
        rungs: how many there are.
        closing: no trial will be added and none runs: where none has been trained to its end, the best one
            of the highest rung goes on.
    """
    for rung in range(rungs - 2, -1, -1):
        brackets: dict[int, list[Standing]] = defaultdict(list)
        for one in standings:
            if rung in one.scores:
                brackets[one.bracket].append(one)
        for bracket in sorted(brackets):
            ranked = _ranked(brackets[bracket], rung)
            for one in ranked[: len(brackets[bracket]) // eta]:
                if one.rung == rung:
                    return one.number, rung + 1
    if closing and all(one.scores.get(rungs - 1) is None for one in standings):
        for rung in range(rungs - 2, -1, -1):
            left = [one for one in _ranked(standings, rung) if one.rung == rung]
            if left:
                return left[0].number, rung + 1
    return None


def _ranked(standings: Sequence[Standing], rung: int) -> list[Standing]:
    """Return the trials with a score at a rung, the best first, of equal ones that with the lower number."""
    scored = [(score, one) for one in standings if (score := one.scores.get(rung)) is not None]
    return [one for _, one in sorted(scored, key=lambda both: (-both[0], both[1].number))]


def reached(trials: int, scheduler: SchedulerName, *, eta: int, rungs: int) -> dict[int, list[int]]:
    """Return bracket -> how many of its trials reach each rung, if they wait for each other there.

    A search that doesn't wait trains a few more.

    Example:
        >>> reached(27, "asha", eta=3, rungs=4)
        {0: [27, 9, 3, 1]}
    """
    begun: dict[int, int] = defaultdict(int)
    for number in range(trials):
        begun[bracket_of(scheduler, number, eta=eta, rungs=rungs)] += 1
    found = {}
    for bracket, count in sorted(begun.items()):
        counts = [0] * bracket + [count]
        while len(counts) < rungs:
            counts.append(counts[-1] // eta)
        found[bracket] = counts
    if not any(counts[-1] for counts in found.values()):  # the best one of all is trained to its end
        first = found[min(found)]
        found[min(found)] = [max(1, count) for count in first]
    return found
