"""Weighted sums of non-central chi-squared variables: their distribution to machine precision.

Q = sum_j w_j chi'^2(k, d_j): the mean squared error of a function drawn from a Gaussian process. It is held
as weights ``w_j >= 0`` and offsets ``b_j = w_j d_j >= 0``, so that a direction without variance (w_j = 0)
is simply a constant b_j. The cumulant generating function is

    K(s) = sum_j [ -k/2 log(1 - 2 w_j s) + b_j s / (1 - 2 w_j s) ],   s < 1 / (2 max w).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError

Floats = NDArray[np.float64]

_OPENING = 0.6  # how far the contour's arms go right for each unit that they go up
_DEEP = 1e13  # nats


@dataclass(frozen=True, eq=False)
class WeightedChi2:
    """A weighted sum of independent non-central chi-squared variables.

    Attributes:
        weights: w, shape (m,), >= 0.
        offsets: b = w times non-centrality, shape (m,), >= 0.
        multiplicity: k, degrees of freedom of each term.
    """

    weights: Floats
    offsets: Floats
    multiplicity: int = 1

    def __post_init__(self) -> None:
        if not np.isfinite(self.weights).all() or not np.isfinite(self.offsets).all():
            raise UserError("The error's distribution has a weight that is not finite")
        if (self.weights < 0).any() or (self.offsets < 0).any():
            raise UserError("The error's distribution has a negative weight")
        if not (self.weights > 0).any():
            raise UserError(
                "All functions that fit the training data have one error here: the posterior has no variance"
            )

    @property
    def floor(self) -> float:
        """The smallest value possible: what directions without variance contribute."""
        return float(self.offsets[self.weights == 0].sum())

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(self.multiplicity * self.weights.sum() + self.offsets.sum())

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        variance = 2 * self.multiplicity * self.weights**2 + 4 * self.weights * self.offsets
        return math.sqrt(float(variance.sum()))

    def cumulants(self, s: float) -> tuple[float, float, float, float]:
        """Return K(s) and its first three derivatives at a real ``s < 1 / (2 max w)``."""
        w, b, k = self.weights, self.offsets, self.multiplicity
        r = 1 / (1 - 2 * w * s)
        zeroth = 0.5 * k * np.log(r) + b * s * r
        first = k * w * r + b * r**2
        second = 2 * k * (w * r) ** 2 + 4 * b * w * r**3
        third = 8 * k * (w * r) ** 3 + 24 * b * w**2 * r**4
        return float(zeroth.sum()), float(first.sum()), float(second.sum()), float(third.sum())

    def log_cdf(self, q: float) -> float:
        """Return log P(Q <= q) to about 12 digits, however small.

        Inversion of the transform along a hyperbola through the saddle point: with
        f(s) = K(s) - s q - log(-s) and c < 0 its minimum on the negative axis,
        P = e^f(c)/pi * integral over u > 0 of Re[e^(f(s) - f(c)) ds/(i du)], s = c + x(u) + i u. All
        singularities lie on the positive axis, inside the hyperbola; its curvature at c follows the steepest
        descent, so that nothing oscillates and the trapezoidal rule converges geometrically, and its arms
        rise faster than they open, since within 45 degrees of the axis the integrand may grow.

        Source: Rice, "Distribution of quadratic forms in normal random variables: evaluation by numerical
        integration", SIAM J. Sci. Stat. Comput. 1 (1980), for the saddle-point contour.
        """
        if q <= self.floor:
            return -math.inf
        if q > self.mean + 60 * self.deviation:
            return 0.0
        c = self.saddle(q)
        zeroth, _, second, third = self.cumulants(c)
        height = zeroth - c * q - math.log(-c)
        if height < -_DEEP:  # the rest is below the digits of the height, and cumulants may underflow
            return height
        second += 1 / c**2
        third += -2 / c**3
        kappa = third / (6 * second)
        width = 1 / math.sqrt(second)
        before = math.nan
        step = 0.25
        for _ in range(6):
            value = self._along(c, kappa, q, height, width, step)
            if abs(value - before) <= 1e-12 * abs(value):
                break
            before, step = value, step / 2
        return min(0.0, height + math.log(value * width / math.pi)) if value > 0 else -math.inf

    def _along(self, c: float, kappa: float, q: float, height: float, width: float, step: float) -> float:
        """Integrate along the parabola by the trapezoidal rule, ``u`` in units of ``width``."""
        total, start = 0.0, 0
        block = 64
        while start < 200_000:
            index = np.arange(start, start + block)
            u = index * step * width
            arm = np.sqrt(1 + (u * 2 * kappa / _OPENING) ** 2)
            s = c + _OPENING**2 / (2 * kappa) * (arm - 1) + 1j * u
            slope = 2 * kappa * u / arm
            values = np.real(np.exp(self._log_integrand(s, q) - height) * (slope + 1j) / 1j)
            if start == 0:
                values[0] *= 0.5
            total += float(values.sum())
            start += block
            if np.abs(values[-16:]).max() <= 1e-17 * abs(total):
                break
        return total * step

    def _log_integrand(self, s: NDArray[np.complex128], q: float) -> NDArray[np.complex128]:
        d = 1 - 2 * np.multiply.outer(s, self.weights)
        terms = -0.5 * self.multiplicity * np.log(d) + np.multiply.outer(s, self.offsets) / d
        return np.asarray(terms.sum(axis=-1) - s * q - np.log(-s))

    def saddle(self, q: float) -> float:
        """Return the minimum of K(s) - s q - log(-s) over s < 0, by bisection of its rising slope."""

        def slope(s: float) -> float:
            return self.cumulants(s)[1] - q - 1 / s

        left = -1 / self.mean
        while slope(left) > 0:
            left *= 2
        right = left / 2
        while slope(right) < 0:
            left, right = right, right / 2
        for _ in range(80):
            middle = 0.5 * (left + right)
            if slope(middle) > 0:
                right = middle
            else:
                left = middle
        return 0.5 * (left + right)

    def cdf(self, q: Floats) -> Floats:
        """Return P(Q <= q), shape as ``q``."""
        return np.array([math.exp(self.log_cdf(float(value))) for value in np.ravel(q)]).reshape(np.shape(q))

    def fast_cdf(self, q: Floats) -> Floats:
        """Return P(Q <= q) to about 1e-5, shape as ``q``: interpolated between 160 exact values."""
        from scipy.interpolate import PchipInterpolator

        values = np.asarray(q, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        if not low < high:
            return self.cdf(values)
        grid = np.linspace(low, high, 160)
        return np.asarray(PchipInterpolator(grid, self.cdf(grid))(values), dtype=np.float64)

    def sample(self, size: int, generator: np.random.Generator) -> Floats:
        """Draw ``size`` values, shape (size,)."""
        spread = self.weights > 0
        w, b = self.weights[spread], self.offsets[spread]
        out = np.full(size, self.floor)
        for weight, offset in zip(w, b, strict=True):
            out += weight * generator.noncentral_chisquare(self.multiplicity, offset / weight, size)
        return out
