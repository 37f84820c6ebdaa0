"""How much further apart two sets are than two draws of one distribution would be.

A distance between finite samples is too large, and the more so the fewer samples there are: two draws of one
distribution are never at distance 0, and a ranking of sets by their distances is in part one by their sizes.
Here each set is cut in two halves. What the halves of one set are apart is sampling noise alone, and is taken
off what the halves of different sets are apart, all at the same number of samples. Székely and Rizzo, "Energy
statistics" (2013), is the same construction for the mean distance of samples.
"""

import math
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridcell import UserError
from imagenet_rib.distance.otdd import otdd
from imagenet_rib.distance.sets import LabelledFeatures


@dataclass(frozen=True)
class Excess:
    """A debiased distance between two sets.

    Attributes:
        distance: the root of the mean excess over the baseline, in the unit of the features; 0 where the sets
            are no further apart than two draws of one distribution.
        squared: the mean excess, of squared distances; below 0 by chance where the distributions are equal.
        baseline: root mean square of the distances between the halves of one set, of either set in turn.
        deviation: standard deviation of the squared excess over the repeats; None where there is one.
        used: samples of each half.
    """

    distance: float
    squared: float
    baseline: float
    deviation: float | None
    used: int


def otdd_excess(
    source: LabelledFeatures,
    target: LabelledFeatures,
    *,
    max_samples: int = 5000,
    repeats: int = 3,
    seed: int = 0,
    **how: Any,
) -> Excess:
    """Return what two sets are apart beyond what their sizes explain.

    With A1, A2 the halves of one set and B1, B2 those of the other, and D the distance of
    :func:`imagenet_rib.distance.otdd.otdd` with the classes described by the half itself:
    ``(D(A1, B1)^2 + D(A2, B2)^2 - D(A1, A2)^2 - D(B1, B2)^2) / 2``, mean over the repeats. If both sets are
    drawn from one distribution with one number of images a class, its expectation is 0 at every size.

    Args:
        source: N samples of d features, two or more.
        target: N' samples of d features, two or more.
        max_samples: of a half.
        repeats: ways of halving.
        seed: of the halves.
        how: further arguments of ``otdd``.

    Raises:
        UserError: a set has a single sample, or as ``otdd``.
    """
    for one in (source, target):
        if len(one) < 2:
            raise UserError(f"The set '{one.name}' has a single sample, which can't be cut in two halves")
    used = min(len(source) // 2, len(target) // 2, max_samples)
    squares, noise = [], []
    for repeat in range(repeats):
        a1, a2 = halves(source, used, seed=seed, repeat=repeat)
        b1, b2 = halves(target, used, seed=seed, repeat=repeat)

        def apart(one: LabelledFeatures, other: LabelledFeatures) -> float:
            found = otdd(one, other, max_samples=used, repeats=1, seed=seed, **how)
            return found.distance**2

        within = (apart(a1, a2) + apart(b1, b2)) / 2
        squares.append((apart(a1, b1) + apart(a2, b2)) / 2 - within)
        noise.append(within)
    squared = statistics.fmean(squares)
    return Excess(
        distance=math.sqrt(max(0.0, squared)),
        squared=squared,
        baseline=math.sqrt(statistics.fmean(noise)),
        deviation=statistics.stdev(squares) if repeats > 1 else None,
        used=used,
    )


def halves(
    labelled: LabelledFeatures, size: int, *, seed: int, repeat: int = 0
) -> tuple[LabelledFeatures, LabelledFeatures]:
    """Return two disjoint draws of ``size`` samples; each class is cut in two as evenly as can be.

    Args:
        labelled: what to draw from; at least twice ``size`` samples.
        size: samples of a half.
        seed: of the draws.
        repeat: tells draws of one seed apart.
    """
    rng = np.random.default_rng((seed, repeat))
    shuffled = rng.permutation(len(labelled))
    by_class = shuffled[np.argsort(labelled.labels[shuffled], kind="stable")]
    even, odd = by_class[::2], by_class[1::2]
    first, second = (rng.choice(half, size, replace=False) for half in (even, odd))
    return labelled.take(np.sort(first)), labelled.take(np.sort(second))
