"""The exact Gaussian process posterior that interpolates the training data, and its error's distribution."""

from dataclasses import dataclass

import numpy as np

from gridcell import UserError
from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.kernels import Floats, Kernel
from inductive_bias.kernel_space.solve import (
    Solution,
    multiply,
    solve_cholesky,
    solve_conjugate_gradients,
)

DENSE_POINTS = 10_000
"""Training points up to which the kernel matrix is held, 3 x 0.8 GB with its factor and LAPACK's copy: a
constant, as what is free at the moment must not decide how a number is computed."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """Functions at the test points, given that they fit the training data: k independent outputs.

    Attributes:
        mean: ``K_* K^-1 Y``, shape (n_test, k).
        covariance: ``K_** - K_* K^-1 K_*^T``, shape (n_test, n_test), the same for every output.
        solution: how the system was solved.
        prior_trace: sum of the prior's variances at the test points.
        training_error: mean squared error of the mean at the training points, |K X - Y|^2 / (n k): what the
            jitter, which the solution's residual counts in, keeps the functions from fitting.
    """

    mean: Floats
    covariance: Floats
    solution: Solution
    prior_trace: float
    training_error: float


def posterior(
    kernel: Kernel,
    x_train: Floats,
    y_train: Floats,
    x_test: Floats,
    *,
    solver: str = "auto",
) -> Posterior:
    """Return the posterior at the test points in one solve.

    Args:
        kernel: of the prior.
        x_train: float64, shape (n, d).
        y_train: float64, shape (n, k).
        x_test: float64, shape (n_test, d).
        solver: ``cholesky``, ``conjugate-gradients``, or ``auto``: Cholesky up to ``DENSE_POINTS``.

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
        solver = "cholesky" if len(x_train) <= DENSE_POINTS else "conjugate-gradients"
    outputs = y_train.shape[1]
    if solver == "cholesky":
        matrix = kernel(x_train, x_train)
        solution = solve_cholesky(matrix, right)
        fitted = matrix @ solution.x[:, :outputs]
    else:
        solution = solve_conjugate_gradients(kernel, x_train, right)
        fitted = multiply(kernel, x_train, solution.x[:, :outputs])
    mean = cross @ solution.x[:, :outputs]
    prior = kernel(x_test, x_test)
    covariance = prior - cross @ solution.x[:, outputs:]
    training_error = float(((fitted - y_train) ** 2).mean())
    return Posterior(mean, (covariance + covariance.T) / 2, solution, float(np.trace(prior)), training_error)


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
