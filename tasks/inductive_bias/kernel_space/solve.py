"""Symmetric positive definite systems: by Cholesky with a reported jitter, or by conjugate gradients."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gridcell import UserError
from inductive_bias.kernel_space.kernels import Floats, Kernel

JITTERS = (0.0, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)
"""Tried in turn, relative to the mean of the diagonal."""

RESIDUAL = 1e-6
"""Relative, up to which a system counts as solved."""


@dataclass(frozen=True, eq=False)
class Solution:
    """``(K + jitter I) X = B``, solved.

    Attributes:
        x: shape of B.
        jitter: what was added to the diagonal, absolute.
        residual: |(K + jitter I) X - B| / |B| (Frobenius): of the system solved, not of K X = B.
        how: ``cholesky`` or ``conjugate gradients``.
        iterations: of conjugate gradients; 0 for Cholesky.
        condition: of K + jitter I in the norm of largest row sums, LAPACK's estimate; infinite where nobody
            knows (conjugate gradients).
        inverse_diagonal: mean of the diagonal of (K + jitter I)^-1; infinite where nobody knows.
    """

    x: Floats
    jitter: float
    residual: float
    how: str
    iterations: int = 0
    condition: float = math.inf
    inverse_diagonal: float = math.inf

    def spread(self, noise: float) -> float:
        """Return the functions' mean variance at the training points, K holding ``noise`` on its diagonal.

        With S = K + noise I it is ``noise (1 - noise tr(S^-1) / n)``; where the trace is unknown, at most
        the noise.
        """
        return noise if math.isinf(self.inverse_diagonal) else noise * (1 - noise * self.inverse_diagonal)


def solve_cholesky(matrix: Floats, right: Floats) -> Solution:
    """Solve ``matrix @ X = right``, shapes (n, n) and (n, m), with the smallest jitter that does.

    Rounding can let a singular matrix be factorised, but what such a factor solves is noise: a jitter does
    only where the solution's residual is at most ``RESIDUAL``.

    Raises:
        UserError: the matrix isn't finite, or isn't positive definite even with the largest jitter.
    """
    from scipy.linalg import cho_solve
    from scipy.linalg.lapack import dpocon, dpotri

    scale = float(np.linalg.norm(right)) or 1.0
    for factor, jitter in _factors(matrix):
        x = cho_solve((factor, True), right, check_finite=False)
        remainder = right - matrix @ x - jitter * x
        # One step of iterative refinement wins back digits that an ill-conditioned factor lost.
        refined = x + cho_solve((factor, True), remainder, check_finite=False)
        after = right - matrix @ refined - jitter * refined
        if np.linalg.norm(after) < np.linalg.norm(remainder):
            x, remainder = refined, after
        residual = float(np.linalg.norm(remainder)) / scale
        if residual <= RESIDUAL:
            norm = float(np.abs(matrix).sum(axis=1).max()) + jitter
            reciprocal = float(dpocon(factor, norm, uplo="L")[0])
            inverse, _ = dpotri(factor, lower=1)
            return Solution(
                x,
                jitter,
                residual,
                "cholesky",
                condition=1 / reciprocal if reciprocal else math.inf,
                inverse_diagonal=float(np.diag(inverse).mean()),
            )
    raise UserError(
        f"The system of the kernel matrix can't be solved: even with {jitter:.1g} added to its diagonal the "
        f"relative residual is {residual:.1g}; are there equal inputs with different labels?"
    )


def cholesky(matrix: Floats) -> tuple[Floats, float]:
    """Return the lower factor of ``matrix + jitter I``, shape (n, n), and the smallest jitter that has one.

    Raises:
        UserError: as for ``solve_cholesky``.
    """
    return next(_factors(matrix))


def _factors(matrix: Floats) -> Iterator[tuple[Floats, float]]:
    """Yield the lower factor of ``matrix + jitter I`` and the jitter (absolute), for each that has one."""
    if not np.isfinite(matrix).all():
        raise UserError("The kernel matrix has entries that are not finite")
    mean = float(np.trace(matrix)) / len(matrix)
    found = False
    for relative in JITTERS:
        jitter = relative * abs(mean)
        try:
            factor = np.linalg.cholesky(matrix + jitter * np.eye(len(matrix)))
        except np.linalg.LinAlgError:
            continue
        found = True
        yield np.asarray(factor, dtype=np.float64), jitter
    if found:
        return
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    raise UserError(
        f"The kernel matrix is not positive definite: its smallest eigenvalue is {smallest:.3g}, and adding "
        f"{JITTERS[-1] * abs(mean):.1g} to the diagonal does not help"
    )


def solve_conjugate_gradients(
    kernel: Kernel,
    inputs: Floats,
    right: Floats,
    *,
    noise: float = 0.0,
    jitter: float = 1e-8,
    tolerance: float = 1e-10,
    rank: int = 200,
    block: int = 1024,
    iterations: int = 5000,
) -> Solution:
    """Solve ``(K + (noise + jitter) I) X = right`` by preconditioned conjugate gradients, without holding K.

    Each column has its own step lengths; K is formed ``block`` rows at a time. The preconditioner is a
    partial Cholesky factor with pivots, inverted by Woodbury's identity.

    Source: Gardner et al., "GPyTorch: blackbox matrix-matrix Gaussian process inference", NeurIPS 2018.

    Args:
        kernel: of K.
        inputs: shape (n, d).
        right: shape (n, m).
        noise: asked for on the diagonal.
        jitter: absolute; none is added to noise that is larger.
        tolerance: of the relative residual of every column.
        rank: of the preconditioner.
        block: rows of K in memory at once.
        iterations: at most.

    Raises:
        UserError: the tolerance is not reached.
    """
    jitter = 0.0 if noise >= jitter else jitter
    shift = noise + jitter

    def system(v: Floats) -> Floats:
        return multiply(kernel, inputs, v, block) + shift * v

    precondition = _preconditioner(kernel, inputs, shift, min(rank, len(inputs)))
    x = np.zeros_like(right)
    remainder = right.copy()
    scale = np.maximum(np.linalg.norm(right, axis=0), 1e-300)
    z = precondition(remainder)
    direction = z.copy()
    rho = np.einsum("ij,ij->j", remainder, z)
    for iteration in range(1, iterations + 1):
        image = system(direction)
        curvature = np.einsum("ij,ij->j", direction, image)
        alpha = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)
        x += alpha * direction
        remainder -= alpha * image
        if (np.linalg.norm(remainder, axis=0) <= tolerance * scale).all():
            true = right - system(x)
            if (np.linalg.norm(true, axis=0) <= 2 * tolerance * scale).all():
                residual = float(np.linalg.norm(true) / np.linalg.norm(right))
                return Solution(x, jitter, residual, "conjugate gradients", iteration)
            remainder = true  # rounding had drifted away from the truth: start over from here
            z = precondition(remainder)
            direction, rho = z.copy(), np.einsum("ij,ij->j", remainder, z)
            continue
        z = precondition(remainder)
        new = np.einsum("ij,ij->j", remainder, z)
        beta = np.divide(new, rho, out=np.zeros_like(new), where=rho > 0)
        direction = z + beta * direction
        rho = new
    worst = float((np.linalg.norm(remainder, axis=0) / scale).max())
    raise UserError(
        f"Conjugate gradients reached a relative residual of {worst:.1g} in {iterations} steps, not "
        f"{tolerance:.1g}: the kernel matrix is too ill-conditioned; take a smaller bandwidth, or fewer "
        "training points, and see whether equal inputs have different labels"
    )


def multiply(kernel: Kernel, inputs: Floats, v: Floats, block: int = 1024) -> Floats:
    """Return K v, shape (n, m), of v of shape (n, m), with ``block`` rows of K in memory at once."""
    parts = [kernel(inputs[i : i + block], inputs) @ v for i in range(0, len(inputs), block)]
    return np.concatenate(parts)


def _preconditioner(kernel: Kernel, inputs: Floats, shift: float, rank: int) -> Callable[[Floats], Floats]:
    """Return v -> (L L^T + noise I)^-1 v, for the partial pivoted Cholesky factor L of shape (n, rank)."""
    from scipy.linalg import cho_factor, cho_solve

    n = len(inputs)
    factor = np.zeros((n, rank))
    left = np.array([float(kernel(row[None], row[None])[0, 0]) for row in inputs])
    start = left.sum()
    used = rank
    for column in range(rank):
        pivot = int(np.argmax(left))
        if left[pivot] <= 1e-14 * start / n:
            used = column
            break
        values = kernel(inputs, inputs[pivot : pivot + 1])[:, 0] - factor[:, :column] @ factor[pivot, :column]
        factor[:, column] = values / np.sqrt(left[pivot])
        left = np.maximum(left - factor[:, column] ** 2, 0)
    factor = factor[:, :used]
    noise = max(shift, float(left.mean()))  # what the partial factor leaves out, spread evenly
    inner = cho_factor(noise * np.eye(used) + factor.T @ factor)

    def apply(v: Floats) -> Floats:
        return np.asarray((v - factor @ cho_solve(inner, factor.T @ v)) / noise)

    return apply
