"""Maximum likelihood for the scaled non-central chi-squared distribution, and how well it fits."""

import math

import numpy as np

from gridcell import UserError
from inductive_bias.distributions.ncx2 import Floats, ScaledNcx2

MINIMUM_SAMPLES = 20
"""Three parameters can't be told from fewer errors than this."""

POOR = 0.05
"""A fit is called poor where its p-value is below this."""

LEAST_RESAMPLES = 20
"""Draws that a p-value takes to get below ``POOR`` at all: of n draws the smallest is 1 / (n + 1)."""

EQUAL = 1e-6
"""Relative differences up to which errors are equal: the density of anything narrower is lost in rounding."""

_STARTS = (0.05, 0.5, 0.95)  # shares of non-centrality from which the likelihood is climbed


def check_errors(errors: Floats) -> Floats:
    """Return sampled errors as float64, shape (n,).

    Raises:
        UserError: too few for a fit, not finite, negative, or equal up to a millionth.
    """
    values = np.asarray(errors, dtype=np.float64).ravel()
    if len(values) < MINIMUM_SAMPLES:
        raise UserError(
            f"{len(values)} sampled errors are too few to fit a non-central chi-squared distribution: "
            f"it takes at least {MINIMUM_SAMPLES}"
        )
    if not np.isfinite(values).all():
        raise UserError(f"{int((~np.isfinite(values)).sum())} of the sampled errors are not finite")
    if (values <= 0).any():
        raise UserError(
            "A sampled error is zero or below: mean squared errors of sampled functions are positive"
        )
    if np.ptp(values) <= EQUAL * values.max():
        raise UserError(
            f"The sampled errors are all equal, {values.mean():.6g} up to a millionth: the space is hardly "
            "more than one function, and no distribution can be fitted to it"
        )
    return values


def fit(errors: Floats, start: ScaledNcx2 | None = None) -> ScaledNcx2:
    """Fit (df, nc, scale) by maximum likelihood, with loc = 0.

    The likelihood is climbed in coordinates that hardly depend on one another: the logarithms of mean and
    coefficient of variation, and the share nc / (df + nc), whose optimum may be at an end (0: central).

    Args:
        errors: shape (n,), positive.
        start: a fit close to this one, as for a resample; by default moments, from several shares.

    Raises:
        UserError: see ``check_errors``.
    """
    from scipy.optimize import minimize

    values = check_errors(errors)
    unit = float(values.mean())
    scaled = values / unit
    variation = float(scaled.std())

    def cost(point: Floats) -> float:
        density = from_point(point).log_density(scaled)
        total = -float(density.mean())
        return total if math.isfinite(total) else 1e10

    if start is None:
        starts = [np.array([0.0, math.log(variation), share]) for share in _STARTS]
    else:
        share = start.nc / (start.df + start.nc)
        starts = [np.array([0.0, math.log(variation), min(max(share, 1e-3), 0.999)])]
    bounds = [(-2.0, 2.0), (starts[0][1] - 2, starts[0][1] + 2), (0.0, 0.9999)]
    found = [
        minimize(cost, point, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-10, "gtol": 1e-6})
        for point in starts
    ]
    best = min(found, key=lambda result: float(result.fun))
    relative = from_point(best.x)
    return ScaledNcx2(relative.df, relative.nc, relative.scale * unit)


def from_point(point: Floats) -> ScaledNcx2:
    """Return the distribution of given log mean, log coefficient of variation and share of non-centrality."""
    mean, variation, share = math.exp(point[0]), math.exp(point[1]), float(point[2])
    # variance / mean^2 = 2 (df + 2 nc) / (df + nc)^2 = 2 (1 + share) / total
    total = 2 * (1 + share) / variation**2
    return ScaledNcx2(total * (1 - share), total * share, mean / total)


def ks_distance(errors: Floats, distribution: ScaledNcx2) -> float:
    """Return the Kolmogorov-Smirnov distance of ``errors``, shape (n,), from the distribution."""
    ordered = np.sort(errors)
    model = distribution.cdf(ordered)
    n = len(ordered)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - model).max(), (model - steps[:-1]).max()))


def goodness_of_fit(
    errors: Floats, fitted: ScaledNcx2, *, resamples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov distance of the fit and its p-value.

    The parameters come from the same errors, so the distance's usual table would be too kind: the p-value
    is from a parametric bootstrap, drawing from the fit and fitting anew.

    Args:
        errors: shape (n,), positive.
        fitted: the fit of them.
        resamples: draws; ``LEAST_RESAMPLES`` where fewer are asked for.
        generator: of the draws.
    """
    draws = max(resamples, LEAST_RESAMPLES)
    distance = ks_distance(errors, fitted)
    as_far = 0
    for _ in range(draws):
        drawn = fitted.sample(len(errors), generator)
        as_far += ks_distance(drawn, fit(drawn, fitted)) >= distance
    return distance, (as_far + 1) / (draws + 1)
