"""The generalization difficulty of a task in bits, in log space so that nothing overflows.

Source: Boopathy, Liu, Hwang, Ge, Mohammedsaleh, Fiete, "Model-agnostic Measure of Generalization Difficulty",
ICML 2023. A task's difficulty is the information that picks, from all band-limited functions on the data's
manifold that fit the training points, one whose error is below a target.
"""

import math
from dataclasses import dataclass

from generalization_difficulty.formula.logs import exp2, log_binomial, log_difference
from gridcell import UserError

LN2 = math.log(2)
_MOST = 1e306


@dataclass(frozen=True, slots=True)
class Difficulty:
    """A difficulty and the two factors it is made of.

    Attributes:
        log2_bits: base-2 logarithm of the difficulty, finite for every task.
        log2_dimension: base-2 logarithm of how many degrees of freedom the training points leave open.
        bits_per_dimension: information that each of them takes.
    """

    log2_bits: float
    log2_dimension: float
    bits_per_dimension: float

    @property
    def bits(self) -> float:
        """The difficulty in bits; infinity above the largest float, about 1.8e308."""
        return exp2(self.log2_bits)


def generalization_difficulty(
    *,
    eps: float,
    n: int,
    m: float,
    radius: float,
    discrete: float,
    delta: float,
    outputs: float,
    bound: float = 1.0,
) -> Difficulty:
    """Return the difficulty of a supervised task (the paper's main result).

    Args:
        eps: target error relative to the Lipschitz constant of the loss.
        n: training points; Python integers of any size.
        m: intrinsic dimension of the data, at least 1.
        radius: R, largest norm of a data point, in the data's unit.
        discrete: P, product of the sizes of the discrete features; for classification the number of classes.
        delta: spatial resolution: smallest distance between classes, in the data's unit.
        outputs: D, output dimension; for classification the number of classes less one.
        bound: B, bound on the function's largest value.

    Raises:
        UserError: a value outside its range; the points already determine the function at this resolution; or
            the target error is so large that it asks for nothing.
    """
    _check(eps=eps, n=n, radius=radius, discrete=discrete, delta=delta, outputs=outputs, bound=bound)
    return difficulty_from_logs(
        eps=eps,
        log_n=math.log(n),
        m=m,
        radius=radius,
        log_discrete=math.log(discrete),
        delta=delta,
        log_outputs=math.log(outputs),
        bound=bound,
    )


def difficulty_from_logs(
    *,
    eps: float,
    log_n: float,
    m: float,
    radius: float,
    log_discrete: float,
    delta: float,
    log_outputs: float,
    bound: float,
) -> Difficulty:
    """Return the same as ``generalization_difficulty``, of n, P and D given as natural logarithms."""
    _check(eps=eps, radius=radius, delta=delta, bound=bound)
    frequency, log_eigenfunctions = eigenfunctions(m, radius, delta)
    log_lipschitz = math.log(frequency) + 0.5 * log_outputs - math.log(radius)
    per_dimension = (
        math.log(bound)
        + 0.5 * log_outputs
        + 0.5 * log_discrete
        - math.log(eps)
        + log_lipschitz
        + log_wasserstein(log_n, m, radius, log_discrete)
    ) / LN2
    return open_difficulty(LN2 + log_discrete + log_eigenfunctions, log_n, log_outputs, per_dimension, eps)


def log_wasserstein(log_n: float, m: float, radius: float, log_discrete: float) -> float:
    """Return ln W, W the Wasserstein distance between n training points and the m-sphere of radius R."""
    surface = LN2 + (m + 1) / 2 * math.log(math.pi) + log_discrete - math.lgamma((m + 1) / 2)
    return 0.5 * math.log(m / 6) + surface / m + math.log(radius) - log_n / m


def eigenfunctions(m: float, radius: float, delta: float) -> tuple[float, float]:
    """Count the eigenfunctions of the Laplacian on the m-sphere below the frequency M = 2 pi R / delta.

    Returns:
        K, the highest degree (real, > 0), and ln N_eig = ln [C(m+K, m) + C(m+K-1, m)].

    Raises:
        UserError: ``m`` is below 1 or not finite, or M is no 64-bit number.
    """
    if not (math.isfinite(m) and m >= 1):
        raise UserError(f"The intrinsic dimension m must be at least 1, not {m}")
    frequency = 2 * math.pi * radius / delta
    if frequency > _MOST:
        raise UserError(
            f"The resolution delta = {delta:.3g} is so much finer than the radius R = {radius:.3g} that no "
            "64-bit number holds their ratio"
        )
    # (sqrt((m-1)^2 + 4 M^2) - (m-1)) / 2, without its cancellation where M is small against m
    degree = 2 * frequency * (frequency / (math.hypot(m - 1, 2 * frequency) + (m - 1)))
    # C(m+K-1, m) = C(m+K, m) K / (m+K)
    return degree, log_binomial(degree, m) + math.log((m + 2 * degree) / (m + degree))


def open_difficulty(
    log_freedom: float, log_n: float, log_outputs: float, per_dimension: float, eps: float
) -> Difficulty:
    """Return the difficulty from degrees of freedom and points per output, and bits per degree of freedom.

    Raises:
        UserError: the points determine the function, or the target error asks for nothing.
    """
    if log_freedom <= log_n:
        raise UserError(
            "The data already determine the function at this resolution: n = "
            f"{power_of_ten(log_n)} points against {power_of_ten(log_freedom)} degrees of freedom per output "
            "(a smaller delta or fewer points would leave something to generalize)"
        )
    if per_dimension <= 0:
        raise UserError(
            f"The target error eps = {eps:g} asks for nothing: a function that fits the training points has "
            f"it anyway ({per_dimension:.3g} bits per degree of freedom); choose a smaller one"
        )
    log_dimension = log_outputs + log_difference(log_freedom, log_n)
    return Difficulty(
        log2_bits=log_dimension / LN2 + math.log2(per_dimension),
        log2_dimension=log_dimension / LN2,
        bits_per_dimension=per_dimension,
    )


def power_of_ten(log: float) -> str:
    """Write e^log with three digits, whatever its size, e.g. ``6e+04`` or ``2.51e+1034``."""
    exponent, rest = divmod(log / math.log(10), 1)
    mantissa = f"{10**rest:.3g}"
    if mantissa == "10":
        mantissa, exponent = "1", exponent + 1
    return f"{mantissa}e{int(exponent):+03d}"


_NAMES = {
    "eps": "target error eps",
    "n": "number of points n",
    "radius": "radius R",
    "discrete": "product P of discrete features",
    "delta": "resolution delta",
    "outputs": "output dimension D",
    "bound": "bound B",
}


def _check(**values: float) -> None:
    for name, value in values.items():
        known = isinstance(value, int) or math.isfinite(value)  # an integer may exceed every float
        least = 1 if name in ("n", "discrete", "outputs") else 0
        if not (known and (value >= least if least else value > 0)):
            bound = "at least 1" if least else "above 0"
            raise UserError(f"The {_NAMES[name]} must be a number {bound}, not {value}")
