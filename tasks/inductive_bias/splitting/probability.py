"""What the levels of a run say of P(error <= eps)."""

import math

import numpy as np

from inductive_bias.splitting.levels import Progress, survivors


def nats_passed(particles: int, left: int) -> float:
    """Return what is added to ``I = -log P`` where ``left`` of the particles lie below the next level.

    It is the sum of ``1 / i`` for i from ``left + 1`` to ``particles``. Take the particles out one by one,
    the worst first: with i independent ones, -log of the probability below the worst is exponential, of mean
    ``1 / i``. So the sum is unbiased for I, be the level a particle (not among those left) or a fixed error.

    Two other estimates are biased for I. ``-log(left / particles)``, whose probability is unbiased, finds
    about ``1 / (2 particles)`` more at a level of one half, by Jensen's inequality. Counting the level's own
    particle among those left finds less, by three times as much.

    Source: Guyader, Hengartner and Matzner-Løber, "Simulation and estimation of extreme quantiles and extreme
    probabilities", Applied Mathematics and Optimization 64 (2011), taken for the logarithm.

    Examples:
        >>> nats_passed(10, 10)
        0.0
        >>> round(nats_passed(10, 5), 4)  # log 2 is 0.6931
        0.6456
    """
    return float((1 / np.arange(left + 1, particles + 1)).sum())


def reached(target: float, at: Progress) -> bool:
    """Say whether a finished run came down to the target."""
    return len(at.errors) > 0 and bool((at.errors <= target).any())


def log_probability(eps: float, target: float, at: Progress) -> float:
    """Return log P(error <= eps) of a finished run; NaN below the target and where the run did not come.

    It is read off at the first level whose particles hold it: those that lie below the level before.
    """
    if eps < target or not len(at.errors):
        return math.nan
    count = len(at.errors)
    total = 0.0
    for level, errors in zip(at.levels, at.history, strict=True):
        if eps >= level.error:
            return -total - nats_passed(count, int((errors <= eps).sum()))
        total += nats_passed(count, survivors(count))
    left = int((at.errors <= eps).sum())
    return -total - nats_passed(count, left) if left else math.nan
