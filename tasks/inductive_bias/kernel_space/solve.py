"""Symmetric positive definite systems, by Cholesky with a reported jitter."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gridcell import UserError
from inductive_bias.kernel_space.kernels import Floats

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
        how: ``cholesky``, or how else it was solved.
        condition: of K + jitter I in the norm of largest row sums, LAPACK's estimate; infinite where nobody
            knows.
        inverse_diagonal: mean of the diagonal of (K + jitter I)^-1; infinite where nobody knows.
    """

    x: Floats
    jitter: float
    residual: float
    how: str
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
