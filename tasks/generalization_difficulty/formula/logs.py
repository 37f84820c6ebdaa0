"""Logarithms of quantities that no float holds: binomials of real arguments, differences, powers of two."""

import math

_STIRLING_FROM = 16.0  # the series below is exact to 1e-16 from here on


def log_gamma_ratio(x: float, a: float) -> float:
    """Return ln(Gamma(x + a) / Gamma(x)) for x > 0, a >= 0.

    Two large log-gammas would cancel; here Stirling's series is subtracted term by term, so that the result
    is exact to about 1e-15 of ``a ln(x + a)`` however large ``x`` is.
    """
    if x < _STIRLING_FROM:
        return math.lgamma(x + a) - math.lgamma(x)
    end = x + a
    return (x - 0.5) * math.log1p(a / x) + a * math.log(end) - a + _stirling(end) - _stirling(x)


def _stirling(x: float) -> float:
    """Return lnGamma(x) less (x - 1/2) ln x - x + ln(2 pi)/2 (Abramowitz and Stegun 6.1.41)."""
    square = 1 / (x * x)
    series = 1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))
    return series / x


def log_binomial(k: float, m: float) -> float:
    """Return ln C(m + k, m), the generalized binomial of real k >= 0 and m >= 0."""
    large, small = max(k, m), min(k, m)
    return log_gamma_ratio(large + 1, small) - math.lgamma(small + 1)


def log_difference(larger: float, smaller: float) -> float:
    """Return ln(e^larger - e^smaller); ``larger`` must exceed ``smaller``."""
    return larger + math.log(-math.expm1(smaller - larger))


def exp2(exponent: float) -> float:
    """Return 2 to a power, infinity where no float holds it."""
    try:
        return math.exp2(exponent)
    except OverflowError:
        return math.inf
