"""Weighted sums of chi-squared variables by other ways, against which the package's tails are tested."""

import math
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.special import log_ndtr

from inductive_bias.distributions.weighted import WeightedChi2


def imhof_cdf(distribution: WeightedChi2, q: float) -> float:
    """Return P(Q <= q) by Imhof's inversion along the imaginary axis; absolute accuracy about 1e-9.

    For the body of the distribution: it can't resolve tails below its accuracy.

    Source: Imhof, "Computing the distribution of quadratic forms in normal variables", Biometrika 48 (1961),
    equations 3.2 and 3.3.
    """
    w, b, k = distribution.weights, distribution.offsets, distribution.multiplicity

    def integrand(u: float) -> float:
        wu = w * u
        one = 1 + wu**2
        angle = 0.5 * float(np.sum(k * np.arctan(wu) + b * u / one)) - 0.5 * q * u
        log_modulus = float(np.sum(0.25 * k * np.log(one) + 0.5 * b * w * u**2 / one))
        return math.sin(angle) * math.exp(-log_modulus) / u if u > 0 else 0.5 * (distribution.mean - q)

    # The axis is cut where the integrand is below 1e-13, and into pieces of a few oscillations each.
    top = 1 / float(w.max())
    while (
        float(np.sum(0.25 * k * np.log1p((w * top) ** 2))) + math.log(top * w.max()) < 30
        and top < 1e14 / w.max()
    ):
        top *= 1.5
    scale = 1 / distribution.deviation
    edges = np.concatenate(
        [np.linspace(0, min(20 * scale, top), 41), np.geomspace(min(20 * scale, top), top, 200)[1:]]
    )
    parts = [
        quad(integrand, low, high, limit=200, epsabs=1e-13, epsrel=1e-10)[0] for low, high in pairwise(edges)
    ]
    return 0.5 - sum(parts) / math.pi


def saddlepoint_log_cdf(distribution: WeightedChi2, q: float) -> float:
    """Return log P(Q <= q) by the Lugannani-Rice formula in logarithms, for q below the mean.

    A closed form good to a relative error of a few per cent at any depth; ``WeightedChi2.log_cdf`` is exact.

    Source: Lugannani and Rice, Adv. Appl. Probab. 12 (1980); Kuonen, Biometrika 86 (1999).
    """
    left = -1 / distribution.mean
    while distribution.cumulants(left)[1] > q:
        left *= 2
    right = 0.0
    for _ in range(200):
        middle = 0.5 * (left + right)
        if distribution.cumulants(middle)[1] > q:
            right = middle
        else:
            left = middle
    s = 0.5 * (left + right)
    zeroth, _, second, _ = distribution.cumulants(s)
    r = -math.sqrt(max(2 * (s * q - zeroth), 0.0))
    v = s * math.sqrt(second)
    # Phi(r) + phi(r) (1/r - 1/v), with phi(r) taken out of both terms
    log_phi = -0.5 * r * r - 0.5 * math.log(2 * math.pi)
    return float(log_phi + math.log(math.exp(float(log_ndtr(r)) - log_phi) + 1 / r - 1 / v))
