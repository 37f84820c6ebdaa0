"""How much metrics differ between two sides, and how much of it chance explains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVEL = 0.95
_ROUNDING = 1e-12  # of the values that are subtracted


@dataclass(frozen=True)
class Move:
    """The difference of a metric at one place, over the seeds that both sides have.

    Attributes:
        place: labels without the seed.
        metric: its path.
        before: mean on the first side.
        after: mean on the second side.
        difference: mean difference, second side minus first.
        pairs: how many seeds.
        half_width: of the 95 % interval around the mean difference; NaN: noise unknown.
        threshold: a mean difference beyond it is more than noise; see ``moves``. NaN: noise unknown.
        moved: whether the metric moved by more than its noise, or, where that is unknown, at all.
    """

    place: tuple[tuple[str, str], ...]
    metric: str
    before: float
    after: float
    difference: float
    pairs: int
    half_width: float
    threshold: float
    moved: bool

    @property
    def size(self) -> float:
        """The difference relative to the metric itself: what differences are sorted by."""
        scale = (abs(self.before) + abs(self.after)) / 2
        return abs(self.difference) / scale if scale else 0.0


@dataclass(frozen=True)
class Mean:
    """A metric over all places that both sides have.

    Attributes:
        metric: its path.
        before: mean over places on the first side, each averaged over its seeds first.
        after: likewise on the second side.
        difference: their difference, second side minus first.
        places: how many there are.
        half_width: of Student's 95 % interval of the difference over places, as if these were independent.
    """

    metric: str
    before: float
    after: float
    difference: float
    places: int
    half_width: float


Samples = Mapping[tuple[tuple[tuple[str, str], ...], str], Sequence[tuple[float, float]]]
"""(place, metric) -> (before, after) of each seed."""


def moves(samples: Samples, tolerance: float = 0.0) -> list[Move]:
    """Return what differs, the largest first; places where all seeds agree exactly are left out.

    The noise of a metric is the standard deviation of the differences between seeds within a place, pooled
    over all places where the metric differs at all: ``s^2 = sum (d - mean_place)^2 / sum (n_place - 1)``,
    with as many degrees of freedom. With fewer than two seeds in each of these it is unknown. The interval
    of a place with n seeds is ``t s / sqrt(n)`` wide to either side (Student 1908). A place moved if its
    difference is beyond that of the level ``1 - 0.05 / m``, for m differences in all (Bonferroni), so that
    among differences that are all chance one is called a move in at most 5 % of comparisons.

    Args:
        samples: finite values.
        tolerance: differences up to this share of the metric's size count as none.
    """
    from scipy.stats import t

    differing = {key: pairs for key, pairs in samples.items() if any(one != two for one, two in pairs)}
    level = 1 - (1 - LEVEL) / max(1, len(differing))
    by_metric: dict[str, list[Sequence[tuple[float, float]]]] = {}
    for (_, metric), pairs in differing.items():
        by_metric.setdefault(metric, []).append(pairs)
    noise: dict[str, tuple[float, float]] = {}  # half width and threshold of a place with one seed
    for metric, groups in by_metric.items():
        deviation, freedom = _pooled(groups)
        quantiles = t.ppf([(1 + LEVEL) / 2, (1 + level) / 2], freedom) if freedom else (math.nan, math.nan)
        noise[metric] = float(quantiles[0]) * deviation, float(quantiles[1]) * deviation
    found = [_move(*key, pairs, noise[key[1]], tolerance) for key, pairs in differing.items()]
    return sorted(found, key=lambda move: (not move.moved, -move.size, move.place, move.metric))


def means(samples: Samples) -> list[Mean]:
    """Return the means over places of each metric that differs somewhere, those at most places first.

    Places where the metric is equal on both sides count. A metric at one place alone has no mean over places.

    Args:
        samples: finite values.
    """
    from gridcell.report.intervals import student_interval

    by_metric: dict[str, list[tuple[float, float]]] = {}
    for (_, metric), pairs in samples.items():
        one, two = (math.fsum(side) / len(pairs) for side in zip(*pairs, strict=True))
        by_metric.setdefault(metric, []).append((one, two))
    found = []
    for metric, places in by_metric.items():
        if len(places) > 1 and any(one != two for one, two in places):
            before, after = (math.fsum(side) / len(places) for side in zip(*places, strict=True))
            mean, half = student_interval([two - one for one, two in places])
            cancel = abs(mean) <= _ROUNDING * max(abs(before), abs(after))
            difference = 0.0 if cancel else float(mean)
            found.append(Mean(metric, before, after, difference, len(places), float(half)))
    return sorted(found, key=lambda one: -one.places)


def _move(
    place: tuple[tuple[str, str], ...],
    metric: str,
    pairs: Sequence[tuple[float, float]],
    noise: tuple[float, float],
    tolerance: float,
) -> Move:
    count = len(pairs)
    before = math.fsum(one for one, _ in pairs) / count
    after = math.fsum(two for _, two in pairs) / count
    difference = math.fsum(two - one for one, two in pairs) / count
    half, threshold = (each / math.sqrt(count) for each in noise)
    known = not math.isnan(threshold)
    size = abs(difference) if known else max(abs(two - one) for one, two in pairs)
    beyond = size > max(threshold if known else 0.0, tolerance * (abs(before) + abs(after)) / 2)
    return Move(place, metric, before, after, difference, count, half, threshold, moved=beyond)


def _pooled(groups: Sequence[Sequence[tuple[float, float]]]) -> tuple[float, int]:
    """Return the standard deviation of differences within groups, and its degrees of freedom."""
    squares, freedom = 0.0, 0
    for pairs in groups:
        differences = [two - one for one, two in pairs]
        mean = math.fsum(differences) / len(differences)
        squares += math.fsum((difference - mean) ** 2 for difference in differences)
        freedom += len(differences) - 1
    return (math.sqrt(squares / freedom), freedom) if freedom else (math.nan, 0)
