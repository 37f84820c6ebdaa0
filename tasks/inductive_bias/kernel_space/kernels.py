"""Kernels between rows of inputs, float64."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError

Floats = NDArray[np.float64]

EPSILON = float(np.finfo(np.float64).eps)


class Kernel(Protocol):
    """A positive semi-definite function of two inputs."""

    def __call__(self, x: Floats, y: Floats, /) -> Floats:
        """Return its values, shape (n, m), between rows of ``x`` (n, d) and ``y`` (m, d)."""

    def rounding(self, x: Floats, /) -> float:
        """Return how far float64 values between rows of ``x`` may be off, relative to the largest."""


@dataclass(frozen=True)
class Rbf:
    """The radial basis function kernel ``amplitude exp(-|x - y|^2 / (2 bandwidth^2))``.

    Attributes:
        bandwidth: > 0, in the unit of the inputs.
        amplitude: > 0, the prior variance of a function's value.

    Raises:
        UserError: the bandwidth or the amplitude isn't positive.
    """

    bandwidth: float
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        if not self.bandwidth > 0 or not self.amplitude > 0:
            raise UserError(
                "The kernel's bandwidth and amplitude must be positive, not "
                f"{self.bandwidth:g} and {self.amplitude:g}"
            )

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Return the kernel's values, shape (n, m), between rows of ``x`` (n, d) and ``y`` (m, d)."""
        values = squared_distances(x, y)
        values *= -0.5 / self.bandwidth**2
        np.exp(values, out=values)
        values *= self.amplitude
        return values

    def rounding(self, x: Floats) -> float:
        """Return how far float64 values between rows of ``x`` may be off, relative to the amplitude."""
        return EPSILON * (2 + float(np.einsum("ij,ij->i", x, x).max()) / self.bandwidth**2)


@dataclass(frozen=True)
class ArcCosine:
    """The kernel of infinitely wide ReLU networks with ``depth`` hidden layers.

    Weights have variance ``weight_variance`` / fan-in, biases ``bias_variance``; the values are multiplied by
    ``amplitude``.

    Source: Cho and Saul, "Kernel methods for deep learning", NIPS 2009 (order 1); Lee et al., "Deep neural
    networks as Gaussian processes", ICLR 2018, equation 11.

    Raises:
        UserError: there is no hidden layer.
    """

    depth: int
    weight_variance: float = 2.0
    bias_variance: float = 0.1
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise UserError(f"The arc-cosine kernel needs at least one hidden layer, not {self.depth}")

    def __call__(self, x: Floats, y: Floats) -> Floats:
        """Return the kernel's values, shape (n, m), between rows of ``x`` (n, d) and ``y`` (m, d)."""
        weights, biases = self.weight_variance, self.bias_variance
        fan_in = x.shape[1]
        covariance = weights * (x @ y.T) / fan_in + biases
        left = weights * np.einsum("ij,ij->i", x, x) / fan_in + biases
        right = weights * np.einsum("ij,ij->i", y, y) / fan_in + biases
        for _ in range(self.depth):
            norm = np.sqrt(np.multiply.outer(left, right))
            cosine = np.clip(covariance / norm, -1, 1)
            angle = np.arccos(cosine)
            inner = norm / (2 * math.pi) * (np.sqrt(1 - cosine**2) + (math.pi - angle) * cosine)
            covariance = weights * inner + biases
            left = weights * left / 2 + biases
            right = weights * right / 2 + biases
        return np.asarray(self.amplitude * covariance)

    def rounding(self, x: Floats) -> float:
        """Return how far float64 values between rows of ``x`` may be off, relative to the largest."""
        return EPSILON * (4 + 4 * self.depth)


def rbf(bandwidth: float, amplitude: float = 1.0) -> Rbf:
    """Return a radial basis function kernel; see ``Rbf``."""
    return Rbf(bandwidth, amplitude)


def arc_cosine(depth: int, *, amplitude: float = 1.0) -> ArcCosine:
    """Return an arc-cosine kernel of the usual variances; see ``ArcCosine``."""
    return ArcCosine(depth, amplitude=amplitude)


def squared_distances(x: Floats, y: Floats) -> Floats:
    """Return squared Euclidean distances, shape (n, m), between rows of ``x`` (n, d) and ``y`` (m, d)."""
    values = x @ y.T
    values *= -2
    values += np.einsum("ij,ij->i", x, x)[:, None]
    values += np.einsum("ij,ij->i", y, y)[None, :]
    if x is y:
        np.fill_diagonal(values, 0.0)  # rounding leaves 1e-15 there, which a narrow kernel would show
    return np.maximum(values, 0, out=values)


def median_bandwidth(x: Floats) -> float:
    """Return the median distance between different rows of ``x``, shape (n, d), of at most 1,000 of them.

    Raises:
        UserError: more than half of the pairs are equal.
    """
    some = x[:1000]
    squared = squared_distances(some, some)[np.triu_indices(len(some), 1)]
    median = math.sqrt(float(np.median(squared))) if len(squared) else 0.0
    if median <= 0:
        raise UserError("The median distance between inputs is zero: give the kernel a bandwidth")
    return median
