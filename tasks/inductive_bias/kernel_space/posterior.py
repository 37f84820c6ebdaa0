"""The exact Gaussian process posterior given the training data, and its error's distribution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridcell import UserError
from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.kernels import Floats, Kernel
from inductive_bias.kernel_space.precise import contradiction, is_offered, precise_posterior
from inductive_bias.kernel_space.rounding import Doubt, doubt_of, is_sound
from inductive_bias.kernel_space.solve import Solution, solve_cholesky

MOST_POINTS = 30_000
"""Training points: the kernel matrix of so many takes 3 x 7.2 GB with its factor and LAPACK's copy. Iterative
solvers that do not hold it took 40 times as long at 3,000 points, and are none for more."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """Functions at the test points, given the training data: k independent outputs.

    Attributes:
        mean: ``K_* (K + noise I)^-1 Y``, shape (n_test, k).
        covariance: ``K_** - K_* (K + noise I)^-1 K_*^T``, shape (n_test, n_test), the same for every output.
        solution: how the system was solved.
        prior_trace: sum of the prior's variances at the test points.
        training_error: expected mean squared error of the functions at the training points: what the noise,
            and the jitter, which the solution's residual counts in, keep them from fitting.
        doubt: how far rounding and jitter may have moved mean and covariance.
    """

    mean: Floats
    covariance: Floats
    solution: Solution
    prior_trace: float
    training_error: float
    doubt: Doubt


def posterior(
    kernel: Kernel,
    x_train: Floats,
    y_train: Floats,
    x_test: Floats,
    *,
    noise: float = 0.0,
) -> Posterior:
    """Return the posterior at the test points in one solve.

    Args:
        kernel: of the prior.
        x_train: float64, shape (n, d).
        y_train: float64, shape (n, k).
        x_test: float64, shape (n_test, d).
        noise: variance of the noise on training targets; 0: the functions interpolate them.

    Raises:
        UserError: there are more than ``MOST_POINTS`` training points, inputs aren't finite, no test points,
            or the system can't be solved (see ``solve``).
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
    if len(x_train) > MOST_POINTS:
        raise UserError(
            f"There are {len(x_train):,} training points, and a kernel space takes at most {MOST_POINTS:,}: "
            f"its matrix would take {8e-9 * len(x_train) ** 2:.0f} GB, three times"
        )
    cross = kernel(x_test, x_train)
    right = np.concatenate([y_train, cross.T], axis=1)
    outputs = y_train.shape[1]
    matrix = kernel(x_train, x_train)
    matrix[np.diag_indices_from(matrix)] += noise
    solution = solve_cholesky(matrix, right)
    fitted = matrix @ solution.x[:, :outputs]
    norm = float(np.abs(matrix).sum(axis=1).max())
    alpha, weights = solution.x[:, :outputs], solution.x[:, outputs:].T
    mean = cross @ alpha
    prior = kernel(x_test, x_test)
    covariance = prior - weights @ cross.T
    missed = fitted - noise * alpha - y_train
    doubt = doubt_of(
        kernel,
        np.concatenate([x_train, x_test]),
        norm=norm,
        alpha=alpha,
        weights=weights,
        jitter=solution.jitter,
        condition=solution.condition,
    )
    return Posterior(
        mean,
        (covariance + covariance.T) / 2,
        solution,
        float(np.trace(prior)),
        float((missed**2).mean()) + solution.spread(noise),
        doubt,
    )


@dataclass(frozen=True, eq=False)
class Solved:
    """A posterior and the exact distribution of its error, in float64 or in high precision.

    Attributes:
        posterior: of the functions.
        exact: their error's distribution; ``posterior.doubt`` says how far it may be off.
        bits: of the precision in which it was computed.
        condition: of the kernel matrix, an estimate; None where nobody knows.
    """

    posterior: Posterior
    exact: WeightedChi2
    bits: int
    condition: float | None


FLOAT64_BITS = 53


def solved(
    kernel: Kernel,
    train: tuple[Floats, Floats],
    test: tuple[Floats, Floats],
    *,
    noise: float,
    targets: Sequence[float],
) -> Solved:
    """Return the posterior, in high precision where rounding could move I at one of the target errors.

    Args:
        kernel: of the prior.
        train: inputs (n, d) and targets (n, k), float64.
        test: inputs (n_test, d) and targets (n_test, k), float64.
        noise: variance of the noise on training targets.
        targets: errors at which I is asked for, mean squared.

    Raises:
        UserError: see ``posterior`` and ``error_distribution``.
    """
    given = posterior(kernel, *train, test[0], noise=noise)
    condition = given.solution.condition
    plain = Solved(
        given,
        error_distribution(given, test[1]),
        FLOAT64_BITS,
        condition if math.isfinite(condition) else None,
    )
    if all(is_sound(plain.exact, target, given.doubt, len(test[0])) for target in targets):
        return plain
    if not is_offered(kernel, len(train[0]), len(test[0])):
        return plain
    precise = precise_posterior(kernel, *train, *test, noise=noise)
    if precise is None:
        return plain
    solution = replace(given.solution, jitter=0.0, residual=0.0, how="high precision")
    given = replace(
        given,
        mean=precise.mean,
        covariance=precise.covariance,
        solution=solution,
        training_error=given.training_error if noise else contradiction(*train),
        doubt=Doubt(0.0, 0.0),
    )
    return Solved(given, precise.exact, precise.bits, precise.condition)


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
    root = root_of(given.covariance)
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


def root_of(covariance: Floats) -> Floats:
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
