"""The scaled non-central chi-squared distribution, in logarithms: its far lower tail is what is asked for.

X = scale * chi'^2(df, nc), with ``df > 0`` degrees of freedom, non-centrality ``nc >= 0`` and no shift.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_LARGE_ORDER = 40.0  # from here on the uniform expansion of the Bessel function is good to 1e-12
_NARROW = 1e6  # df + nc from which the saddle point is good to 1e-8, and libraries' gamma tails no more
_AT_MEAN = 1e-3  # deviations from the mean within which its correction is taken by its limit
_CUTOFF = 45.0  # nats: terms of a sum that are smaller than its largest by e^-45 are left out


@dataclass(frozen=True)
class ScaledNcx2:
    """A scaled non-central chi-squared distribution.

    Attributes:
        df: degrees of freedom, > 0.
        nc: non-centrality, >= 0.
        scale: > 0, in the unit of the errors.
    """

    df: float
    nc: float
    scale: float

    @property
    def mean(self) -> float:
        """``scale (df + nc)``."""
        return self.scale * (self.df + self.nc)

    @property
    def deviation(self) -> float:
        """Standard deviation, ``scale sqrt(2 (df + 2 nc))``."""
        return self.scale * math.sqrt(2 * (self.df + 2 * self.nc))

    def log_density(self, x: ArrayLike) -> Floats:
        """Return log densities at ``x`` (any shape, the unit of the errors), -inf at and below zero."""
        values = np.asarray(x, dtype=np.float64)
        out = np.full(values.shape, -np.inf)
        positive = values > 0
        out[positive] = log_density(values[positive] / self.scale, self.df, self.nc) - math.log(self.scale)
        return out

    def log_cdf(self, x: ArrayLike) -> Floats:
        """Return log P(X <= x) at ``x`` (any shape), -inf at and below zero; it never underflows."""
        values = np.asarray(x, dtype=np.float64)
        flat = [log_cdf(float(value) / self.scale, self.df, self.nc) for value in values.ravel()]
        return np.array(flat, dtype=np.float64).reshape(values.shape)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x) at ``x`` (any shape) to about 1e-5; ``log_cdf`` is exact but slower."""
        from scipy.integrate import cumulative_simpson
        from scipy.stats import ncx2

        values = np.maximum(np.asarray(x, dtype=np.float64), 0)
        low = self.mean - 10 * self.deviation
        if low <= 0:  # wide: the density may rise steeply towards zero, and the library's own sum is fast
            return np.asarray(ncx2.cdf(values / self.scale, self.df, self.nc), dtype=np.float64)
        grid = np.linspace(low, self.mean + 14 * self.deviation, 2401)
        mass = cumulative_simpson(np.exp(self.log_density(grid)), x=grid, initial=0)
        return np.interp(values, grid, np.minimum(mass, 1), left=0, right=1)

    def sample(self, size: int, generator: np.random.Generator) -> Floats:
        """Draw ``size`` values."""
        return self.scale * generator.noncentral_chisquare(self.df, self.nc, size)


def log_density(x: Floats, df: float, nc: float) -> Floats:
    """Return the log density of chi'^2(df, nc) at ``x > 0``, shape as ``x``.

    ``-log 2 - (x + nc)/2 + (df/4 - 1/2) log(x/nc) + log I_{df/2 - 1}(sqrt(nc x))``; where ``nc`` vanishes,
    the central density.
    """
    from scipy.special import gammaln

    order = df / 2 - 1
    if nc < 1e-12 * df:
        return order * np.log(x) - x / 2 - df / 2 * math.log(2) - gammaln(df / 2)
    root = np.sqrt(nc * x)
    return (
        -math.log(2) - 0.5 * (np.sqrt(x) - math.sqrt(nc)) ** 2 + order / 2 * np.log(x / nc)
    ) + _log_scaled_bessel(order, root)


def _log_scaled_bessel(order: float, z: Floats) -> Floats:
    """Return log(e^-z I_order(z)); large orders by the uniform expansion, DLMF 10.41.3: no underflow."""
    from scipy.special import ive

    if order < _LARGE_ORDER:
        with np.errstate(divide="ignore"):
            return np.log(ive(order, z))
    ratio = z / order
    root = np.sqrt(1 + ratio**2)
    # eta - z/order without cancellation, for eta = root + log(ratio / (1 + root))
    exponent = order * (1 / (root + ratio) + np.log(ratio / (1 + root)))
    t = 1 / root
    t2 = t * t
    u1 = t * (3 - 5 * t2) / 24
    u2 = t2 * (81 - 462 * t2 + 385 * t2**2) / 1152
    u3 = t * t2 * (30375 - 369603 * t2 + 765765 * t2**2 - 425425 * t2**3) / 414720
    series = u1 / order + u2 / order**2 + u3 / order**3
    return exponent - 0.5 * np.log(2 * np.pi * order * root) + np.log1p(series)


def log_cdf(x: float, df: float, nc: float) -> float:
    """Return log P(chi'^2(df, nc) <= x), however small.

    The Poisson mixture of central distributions, summed in logarithms around its largest term; of narrow
    distributions the saddle point's approximation.
    """
    if x <= 0:
        return -math.inf
    if math.isinf(x):
        return 0.0
    if df + nc >= _NARROW:
        return _saddle_log_cdf(x, df, nc)
    if nc < 1e-200:  # half of it may be zero already
        return float(_log_gamma_cdf(np.full(1, df / 2), x / 2)[0])
    # The terms' logarithms are concave in the index, so the largest is found by bisection on their slope.
    low, high = 0, int(nc / 2 + 20 * math.sqrt(nc) + 40)
    while low < high:
        middle = (low + high) // 2
        pair = _mixture_terms(np.array([middle, middle + 1]), x, df, nc)
        if pair[1] > pair[0]:
            low = middle + 1
        else:
            high = middle
    peak = low
    top = float(_mixture_terms(np.array([peak]), x, df, nc)[0])
    first, last = (
        _where_small(peak, top, x, df, nc, step=-1),
        _where_small(peak, top, x, df, nc, step=1),
    )
    terms = _mixture_terms(np.arange(first, last + 1), x, df, nc)
    return min(0.0, top + float(np.log(np.exp(terms - top).sum())))


def _saddle_log_cdf(x: float, df: float, nc: float) -> float:
    """Return log P(chi'^2(df, nc) <= x), whose relative error is about 1 / (df + nc), at any depth.

    With the cumulant function ``K(t) = nc t / (1 - 2 t) - df / 2 log(1 - 2 t)`` and its saddle point
    ``K'(t) = x``: the normal tail of ``r + log(v / r) / r``, ``r^2 = 2 (t x - K)``, ``v = t sqrt(K'')``.

    Source: Barndorff-Nielsen, "Modified signed log likelihood ratio", Biometrika 78 (1991).
    """
    from scipy.special import log_ndtr

    shrunk = (df + math.sqrt(df**2 + 4 * x * nc)) / (2 * x)  # 1 - 2 t
    t = (1 - shrunk) / 2
    cumulant = nc * t / shrunk - df / 2 * math.log(shrunk)
    deviate = math.copysign(math.sqrt(max(2 * (t * x - cumulant), 0.0)), t)
    if abs(deviate) < _AT_MEAN:
        skewness = (8 * df + 24 * nc) / (2 * df + 4 * nc) ** 1.5
        return float(log_ndtr(deviate + skewness / 6))
    spread = t * math.sqrt(4 * nc / shrunk**3 + 2 * df / shrunk**2)
    return float(log_ndtr(deviate + math.log(spread / deviate) / deviate))


def _where_small(peak: int, top: float, x: float, df: float, nc: float, *, step: int) -> int:
    """Return the first index on one side of the peak whose term no longer counts (or 0)."""
    distance = 1
    while True:
        index = peak + step * distance
        if index <= 0:
            return 0
        if float(_mixture_terms(np.array([index]), x, df, nc)[0]) < top - _CUTOFF:
            return index
        distance *= 2


def _mixture_terms(index: NDArray[np.int64], x: float, df: float, nc: float) -> Floats:
    from scipy.special import gammaln

    weights = index * math.log(nc / 2) - nc / 2 - gammaln(index + 1.0)
    return weights + _log_gamma_cdf(df / 2 + index, x / 2)


def _log_gamma_cdf(shape: NDArray[np.floating[Any]], x: float) -> Floats:
    """Return log of the regularised lower incomplete gamma function P(shape, x), for many shapes."""
    from scipy.special import gammainc, gammaln

    direct = gammainc(shape, x)
    with np.errstate(divide="ignore"):
        out = np.log(direct)
    small = direct < 1e-200  # the power series: x is far below the shape, so it converges at once
    if small.any():
        a = shape[small]
        term = np.ones_like(a)
        total = np.ones_like(a)
        n = 0
        while (term > 1e-17 * total).any():
            n += 1
            term = term * x / (a + n)
            total += term
        out[small] = a * math.log(x) - x - gammaln(a + 1) + np.log(total)
    return out


def sankaran_z(eps: ArrayLike, distribution: ScaledNcx2) -> Floats:
    """Return Sankaran's normal deviate z, P(X <= eps) ~ Phi(z), shape as ``eps``.

    Source: Sankaran, "Approximations to the non-central chi-square distribution", Biometrika 50 (1963);
    it is what the released code of Boopathy et al. (arXiv 2406.15941) takes.
    """
    df, nc = distribution.df, distribution.nc
    e = np.asarray(eps, dtype=np.float64) / distribution.scale
    h = 1 - 2 / 3 * (df + nc) * (df + 3 * nc) / (df + 2 * nc) ** 2
    p = (df + 2 * nc) / (df + nc) ** 2
    m = (h - 1) * (1 - 3 * h)
    centre = 1 + h * p * (h - 1 - 0.5 * (2 - h) * m * p)
    width = h * math.sqrt(2 * p) * (1 + 0.5 * m * p)
    return np.asarray(((e / (df + nc)) ** h - centre) / width, dtype=np.float64)


def sankaran_information(eps: ArrayLike, distribution: ScaledNcx2, *, short: bool = False) -> Floats:
    """Return I(eps) in nats by Sankaran's approximation: ``-log Phi(z)``, or ``z^2/2`` where ``short``.

    ``z^2/2`` is the leading term of the former far in the lower tail; above the centre it is meaningless
    and returned as 0.
    """
    from scipy.special import log_ndtr

    z = sankaran_z(eps, distribution)
    return np.where(z < 0, z**2 / 2, 0.0) if short else -np.asarray(log_ndtr(z), dtype=np.float64)


def to_record(distribution: ScaledNcx2) -> dict[str, Any]:
    """Return the parameters as JSON values."""
    return {"df": distribution.df, "nc": distribution.nc, "scale": distribution.scale}
