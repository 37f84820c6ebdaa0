"""How far rounding and jitter may move I(eps) of a kernel space computed in float64."""

import math
from dataclasses import dataclass

import numpy as np

from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.kernels import EPSILON, Floats, Kernel

ACCEPTED = 0.05
"""I is called exact where rounding moves it by at most this part."""

NEGLIGIBLE = 0.01
"""Nats by which I may move all the same."""


@dataclass(frozen=True)
class Doubt:
    """Errors that a posterior computed in float64 may have; infinite where nothing is known.

    Attributes:
        covariance: spectral norm of the covariance's error.
        mean: Euclidean norm of the error of the mean at all test points, of the worst output.
    """

    covariance: float
    mean: float

    @property
    def known(self) -> bool:
        """The errors have a bound."""
        return math.isfinite(self.covariance) and math.isfinite(self.mean)

    @property
    def none(self) -> bool:
        """There is no error worth a word: the numbers come from high precision."""
        return self.covariance == 0 and self.mean == 0


def doubt_of(
    kernel: Kernel,
    x: Floats,
    *,
    norm: float,
    alpha: Floats,
    weights: Floats,
    jitter: float,
    condition: float,
) -> Doubt:
    """Bound the errors by first-order perturbation: dC = A dK A^T - dK_* A^T - A dK_*^T + dK_**.

    Args:
        kernel: of the prior.
        x: all inputs, shape (n + n_test, d).
        norm: of the kernel matrix.
        alpha: ``K^-1 Y``, shape (n, k).
        weights: ``A = K_* K^-1``, shape (n_test, n).
        jitter: added to the diagonal and not asked for.
        condition: of the kernel matrix with its jitter. The bound holds only while the jitter is small beside
            the smallest eigenvalue: otherwise it is infinite.
    """
    n = len(weights.T)
    unit = float(np.abs(np.diag(kernel(x[:1], x[:1]))).max())
    entries = kernel.rounding(x) * unit * math.sqrt(len(x))
    backward = 4 * EPSILON * math.sqrt(n) * norm  # of a Cholesky factor: the usual size, not the worst
    change = entries + backward + jitter
    smallest = norm / condition
    if change > 0.05 * smallest:
        return Doubt(math.inf, math.inf)
    size = float(np.linalg.norm(weights, 2))
    targets = float(np.linalg.norm(alpha, axis=0).max())
    return Doubt(change * (1 + size) ** 2, change * (1 + size) * targets)


def movement(exact: WeightedChi2, eps: float, doubt: Doubt, n_test: int) -> float:
    """Return how far the doubt may move I(eps), in nats: a first-order bound at the saddle point.

    With the cumulant generating function K(s; C, b), tr(dK/dC dC) is at most the nuclear norm of dK/dC times
    the spectral norm of dC, and likewise for the bias b.

    Args:
        exact: the error's distribution, as computed in float64.
        eps: the error asked for, in the unit of ``exact``.
        doubt: in the unit of the targets (covariance: squared), divided by the same unit as ``exact``.
        n_test: test points.
    """
    if doubt.none:
        return 0.0
    if math.isinf(doubt.covariance) or eps <= exact.floor:
        return math.inf
    if eps > exact.mean + 60 * exact.deviation:
        return 0.0
    s = exact.saddle(eps)
    w, b, k = exact.weights, exact.offsets, exact.multiplicity
    r = 1 / (1 - 2 * w * s)
    covariance = doubt.covariance / (n_test * k)
    mean = doubt.mean / math.sqrt(n_test)  # of one output: there are k of them, over n_test k numbers
    by_covariance = float((k * abs(s) * r + 2 * s**2 * r**2 * b).sum()) * covariance
    by_mean = abs(s) * float(2 * np.sqrt((r**2 * b).sum()) * mean + mean**2)
    return by_covariance + by_mean


def is_sound(exact: WeightedChi2, eps: float, doubt: Doubt, n_test: int) -> bool:
    """Say whether I(eps) may be called exact: rounding moves it by ``ACCEPTED`` of it at most.

    The arguments are those of ``movement``.
    """
    if doubt.none:
        return True
    moved = movement(exact, eps, doubt, n_test)
    return moved <= NEGLIGIBLE or moved <= ACCEPTED * -exact.log_cdf(eps)
