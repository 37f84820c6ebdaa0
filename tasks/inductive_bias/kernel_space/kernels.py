"""Kernels between rows of inputs, float64."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError

Floats = NDArray[np.float64]
Kernel = Callable[[Floats, Floats], Floats]
"""``(n, d), (m, d) -> (n, m)``, positive semi-definite."""


def rbf(bandwidth: float, amplitude: float = 1.0) -> Kernel:
    """Return the radial basis function kernel ``amplitude exp(-|x - y|^2 / (2 bandwidth^2))``.

    Raises:
        UserError: the bandwidth or the amplitude isn't positive.
    """
    if not bandwidth > 0 or not amplitude > 0:
        raise UserError(
            f"The kernel's bandwidth and amplitude must be positive, not {bandwidth:g} and {amplitude:g}"
        )

    def kernel(x: Floats, y: Floats) -> Floats:
        values = squared_distances(x, y)
        values *= -0.5 / bandwidth**2
        np.exp(values, out=values)
        values *= amplitude
        return values

    return kernel


def arc_cosine(
    depth: int, weight_variance: float = 2.0, bias_variance: float = 0.1, amplitude: float = 1.0
) -> Kernel:
    """Return the kernel of infinitely wide ReLU networks with ``depth`` hidden layers.

    Weights have variance ``weight_variance`` / fan-in, biases ``bias_variance``; the values are multiplied by
    ``amplitude``.

    Source: Cho and Saul, "Kernel methods for deep learning", NIPS 2009 (order 1); Lee et al., "Deep neural
    networks as Gaussian processes", ICLR 2018, equation 11.
    """
    if depth < 1:
        raise UserError(f"The arc-cosine kernel needs at least one hidden layer, not {depth}")

    def kernel(x: Floats, y: Floats) -> Floats:
        fan_in = x.shape[1]
        covariance = weight_variance * (x @ y.T) / fan_in + bias_variance
        left = weight_variance * np.einsum("ij,ij->i", x, x) / fan_in + bias_variance
        right = weight_variance * np.einsum("ij,ij->i", y, y) / fan_in + bias_variance
        for _ in range(depth):
            norm = np.sqrt(np.multiply.outer(left, right))
            cosine = np.clip(covariance / norm, -1, 1)
            angle = np.arccos(cosine)
            inner = norm / (2 * math.pi) * (np.sqrt(1 - cosine**2) + (math.pi - angle) * cosine)
            covariance = weight_variance * inner + bias_variance
            left = weight_variance * left / 2 + bias_variance
            right = weight_variance * right / 2 + bias_variance
        return np.asarray(amplitude * covariance)

    return kernel


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
