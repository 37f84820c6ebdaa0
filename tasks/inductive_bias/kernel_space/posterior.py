"""The exact Gaussian process posterior that interpolates the training data, and its error's distribution."""

from dataclasses import dataclass

import numpy as np

from gridcell.errors import UserError
from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.kernels import Floats, Kernel
from inductive_bias.kernel_space.solve import Solution, solve_cholesky, solve_conjugate_gradients


@dataclass(frozen=True, eq=False)
class Posterior:
    """Functions at the test points, given that they fit the training data: k independent outputs.

    Attributes:
        mean: ``K_* K^-1 Y``, shape (n_test, k).
        covariance: ``K_** - K_* K^-1 K_*^T``, shape (n_test, n_test), the same for every output.
        solution: how the system was solved.
        prior_trace: sum of the prior's variances at the test points.
    """

    mean: Floats
    covariance: Floats
    solution: Solution
    prior_trace: float


def posterior(
    kernel: Kernel,
    x_train: Floats,
    y_train: Floats,
    x_test: Floats,
    *,
    solver: str = "auto",
    memory_bytes: float | None = None,
) -> Posterior:
    """Return the posterior at the test points in one solve.

    Args:
        kernel: of the prior.
        x_train: float64, shape (n, d).
        y_train: float64, shape (n, k).
        x_test: float64, shape (n_test, d).
        solver: ``cholesky``, ``conjugate-gradients``, or ``auto``: Cholesky where its matrices fit.
        memory_bytes: what the dense matrices may take; by default half of what is free.

    Raises:
        UserError: inputs aren't finite, no test points, or the system can't be solved (see ``solve``).
    """
    for name, values in (
        ("training inputs", x_train),
        ("training targets", y_train),
        ("test inputs", x_test),
    ):
        if not np.isfinite(values).all():
            raise UserError(f"The {name} hold values that are not finite (NaN or infinite)")
        if len(values) == 0:
            raise UserError(f"There are no {name}")
    cross = kernel(x_test, x_train)
    right = np.concatenate([y_train, cross.T], axis=1)
    if solver == "auto":
        needed = 3 * 8.0 * len(x_train) ** 2  # K, its factor and LAPACK's copy
        free = _free_memory() / 2 if memory_bytes is None else memory_bytes
        solver = "cholesky" if needed <= free else "conjugate-gradients"
    if solver == "cholesky":
        solution = solve_cholesky(kernel(x_train, x_train), right)
    else:
        solution = solve_conjugate_gradients(kernel, x_train, right)
    outputs = y_train.shape[1]
    mean = cross @ solution.x[:, :outputs]
    prior = kernel(x_test, x_test)
    covariance = prior - cross @ solution.x[:, outputs:]
    return Posterior(mean, (covariance + covariance.T) / 2, solution, float(np.trace(prior)))


def error_distribution(given: Posterior, y_test: Floats) -> WeightedChi2:
    """Return the exact distribution of the mean squared error over the n_test x k outputs.

    With the covariance's eigenvalues l_j and eigenvectors u_j the error is
    ``sum_j l_j / (n_test k) chi'^2(k, sum over outputs of (u_j . (mean - y))^2 / l_j)``.

    Args:
        given: the posterior.
        y_test: float64, shape (n_test, k).

    Raises:
        UserError: the posterior has no variance at the test points, or the targets aren't finite.
    """
    if not np.isfinite(y_test).all():
        raise UserError("The test targets hold values that are not finite (NaN or infinite)")
    values, vectors = np.linalg.eigh(given.covariance)
    # The covariance is a difference of matrices of the prior's size: below the rounding of those an
    # eigenvalue is noise of either sign, and that direction has no variance.
    values = np.where(values > 1e-14 * given.prior_trace, values, 0.0)
    bias = vectors.T @ (given.mean - y_test)
    return WeightedChi2(values / y_test.size, (bias**2).sum(axis=1) / y_test.size, y_test.shape[1])


def sample_errors(given: Posterior, y_test: Floats, samples: int, generator: np.random.Generator) -> Floats:
    """Draw functions from the posterior and return their mean squared errors, shape (samples,).

    By a triangular root of the covariance, so by another way than ``error_distribution``.
    """
    n_test, outputs = y_test.shape
    root = _root(given.covariance)
    bias = given.mean - y_test
    errors = np.empty(samples)
    block = max(1, 4_000_000 // y_test.size)
    for first in range(0, samples, block):
        count = min(block, samples - first)
        noise = generator.standard_normal((n_test, count * outputs))
        functions = (root @ noise).reshape(n_test, count, outputs)
        functions += bias[:, None, :]
        errors[first : first + count] = np.einsum("icj,icj->c", functions, functions) / y_test.size
    return errors


def _root(covariance: Floats) -> Floats:
    """Return R with R R^T = covariance, pivoted so that a semi-definite covariance has one too."""
    from scipy.linalg.lapack import dpstrf

    factor, pivots, rank, info = dpstrf(covariance, lower=1)
    if info < 0:
        raise UserError("The posterior's covariance can't be factorised")
    factor = np.tril(factor)
    factor[:, rank:] = 0
    root = np.empty_like(factor)
    root[pivots - 1] = factor
    return root


def _free_memory() -> float:
    import os

    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return 4e9
