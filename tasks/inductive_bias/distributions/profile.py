"""Profile likelihood: the range of I(eps) over all parameters that the sampled errors don't reject."""

import math
from collections.abc import Callable

import numpy as np

from inductive_bias.distributions.fit import from_point
from inductive_bias.distributions.ncx2 import Floats, ScaledNcx2

Fall = Callable[[Floats], float]
"""Point -> twice the fall of the log likelihood from its maximum."""

DIRECTIONS = 80
"""Rays along which the edge of the likelihood region is looked for."""

_HALVINGS = 14
_LARGEST_SHARE = 0.9999
_FARTHEST = 60.0  # units of the likelihood's own width: where a ray ends if the likelihood stays flat


def profile_interval(
    errors: Floats, fitted: ScaledNcx2, epsilons: Floats, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the ends of I(eps) in nats, shape (E,), over all parameters that a ratio test accepts.

    A parameter is accepted if twice the fall of the log likelihood from its maximum is at most the square of
    Student's t quantile with n - 3 degrees of freedom, one restriction's chi-squared for large n. The
    region's edge is found along rays from the maximum; I is highest and lowest on the edge.

    Source: Venzon and Moolgavkar, "A method for computing profile-likelihood-based confidence intervals",
    Applied Statistics 37 (1988).

    Args:
        errors: shape (n,), positive.
        fitted: the fit of them by maximum likelihood.
        epsilons: errors asked for, shape (E,).
        level: of confidence.
    """
    from scipy.stats import t

    unit = float(errors.mean())
    scaled = errors / unit
    allowed = float(t.ppf(0.5 + level / 2, max(len(errors) - 3, 1))) ** 2
    centre = _point(fitted, unit)

    def fall(point: Floats) -> float:
        total = float(from_point(_clipped(point)).log_density(scaled).sum())
        return 2 * (top - total) if math.isfinite(total) else math.inf

    top = 0.0
    top = -fall(centre) / 2
    width = _widths(fall, centre, len(errors))
    ends = [centre]
    for ray in _sphere(DIRECTIONS) @ width:
        ends.append(centre + ray * _edge(fall, centre, ray, allowed))
    values = np.array([-_scaled(from_point(_clipped(point)), unit).log_cdf(epsilons) for point in ends])
    return np.asarray(values.min(axis=0)), np.asarray(values.max(axis=0))


def _edge(fall: Fall, centre: Floats, ray: Floats, allowed: float) -> float:
    """Return how far along a ray the likelihood has fallen by what is allowed, by bisection."""
    low, high = 0.0, 2.0
    while fall(centre + high * ray) <= allowed:
        low, high = high, 2 * high
        if high > _FARTHEST:
            return low
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if fall(centre + middle * ray) <= allowed:
            low = middle
        else:
            high = middle
    return low


def _widths(fall: Fall, centre: Floats, n: int) -> Floats:
    """Return the matrix whose columns span the likelihood's ellipsoid, rows a coordinate; transposed."""
    step = np.array([0.3 / math.sqrt(n), 0.5 / math.sqrt(n), 0.1])
    step[0] *= math.exp(centre[1])
    step[2] *= -1 if centre[2] > 0.5 else 1
    hessian = np.empty((3, 3))
    at = {}
    for i in range(3):
        for j in range(i, 3):
            move = np.zeros(3)
            move[i] += step[i]
            move[j] += step[j]
            at[i, j] = fall(centre + move)
    single = [fall(centre + np.eye(3)[i] * step[i]) for i in range(3)]
    for i in range(3):
        for j in range(i, 3):
            mixed = at[i, j] - single[i] - single[j]
            hessian[i, j] = hessian[j, i] = mixed / (step[i] * step[j])
    hessian = np.where(np.isfinite(hessian), hessian, 0.0)
    scale = np.array([math.exp(centre[1]) / math.sqrt(n), 1 / math.sqrt(2 * n), 1.0])
    values, vectors = np.linalg.eigh(hessian * np.outer(scale, scale) / 2)
    # Where the likelihood is as good as flat, or bends the wrong way, the region ends at the share's bounds.
    lengths = 1 / np.sqrt(np.maximum(values, 0.05))
    return np.asarray((scale[:, None] * vectors * lengths).T)


def _sphere(count: int) -> Floats:
    """Return unit vectors spread evenly over the sphere, shape (count, 3): a Fibonacci lattice."""
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    angle = math.pi * (1 + math.sqrt(5)) * index
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def _clipped(point: Floats) -> Floats:
    return np.array([point[0], point[1], min(max(float(point[2]), 0.0), _LARGEST_SHARE)])


def _point(fitted: ScaledNcx2, unit: float) -> Floats:
    share = fitted.nc / (fitted.df + fitted.nc)
    return np.array([math.log(fitted.mean / unit), math.log(fitted.deviation / fitted.mean), share])


def _scaled(distribution: ScaledNcx2, unit: float) -> ScaledNcx2:
    return ScaledNcx2(distribution.df, distribution.nc, distribution.scale * unit)
