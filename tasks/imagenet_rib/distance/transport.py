"""Optimal transport between uniform samples, given the cost of every pair: exact, and with entropy."""

import math

import torch
from torch import Tensor

from gridcell import UserError

_ROWS_AT_ONCE = 256
_PIVOTS = (
    100_000_000  # POT's own limit of 100,000 is reached by a few thousand samples: the plan is then wrong
)
_MISPLACED = 1e-4  # share of the mass; the cost is then right to some 1e-5 of itself
_PER_STAGE, _AVERAGED, _ITERATIONS = 5, 100, 20_000


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return squared Euclidean distances, shape (n, m), of points (n, d) to points (m, d).

    The points are moved to a common origin first, and what lies below the rounding error is 0, so that equal
    points are at distance 0 and far-off sets lose no digits.
    """
    origin = a.mean(0)
    a, b = a - origin, b - origin
    a_norms, b_norms = a.square().sum(1), b.square().sum(1)
    distances = torch.empty(len(a), len(b), dtype=a.dtype, device=a.device)
    for first in range(0, len(a), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        norms = a_norms[rows, None] + b_norms
        part = torch.addmm(norms, a[rows], b.T, alpha=-2)
        part[part < 4 * a.shape[1] * torch.finfo(a.dtype).eps * norms] = 0
        distances[rows] = part
    return distances


def exact_transport(cost: Tensor) -> float:
    """Return the least mean cost of moving n uniform samples onto m others, by POT's network simplex.

    Args:
        cost: float64, shape (n, m); copied to the CPU, where the solver runs.

    Raises:
        UserError: the solver gave up before the optimum.
    """
    import ot

    value, log = ot.emd2([], [], cost.cpu().numpy(), numItermax=_PIVOTS, log=True)
    if log["warning"] is not None:
        raise UserError(f"The exact solver failed on {cost.shape[0]} x {cost.shape[1]} samples: use sinkhorn")
    return float(value)


def entropic_transport(cost: Tensor, regularisation: float) -> float:
    """Return ``min <P, C> + e KL(P | a b^T)`` over the plans P of uniform samples, by Sinkhorn in logarithms.

    The regularisation falls from the largest cost to its final value by halves, each stage starting from the
    last one's potentials. Steps average the old and the new potentials of both sides at once, which settles
    a set against itself within some twenty (Feydy et al., "Interpolating between Optimal Transport and MMD",
    AISTATS 2019, section 3.2); what isn't settled then goes on with Sinkhorn's alternating ones, which are
    faster between different sets.

    Args:
        cost: floating point, shape (n, m), on any device.
        regularisation: e > 0, in the cost's own unit.

    Raises:
        UserError: the iteration did not converge.
    """
    n, m = cost.shape
    f, g = cost.new_zeros(n), cost.new_zeros(m)
    scale = max(float(cost.max()), regularisation)
    while scale > regularisation:
        for _ in range(_PER_STAGE):
            f, g = _averaged_step(cost, f, g, scale)
        scale /= 2
    for iteration in range(_ITERATIONS):
        if iteration < _AVERAGED:
            f, g = _averaged_step(cost, f, g, regularisation)
        else:
            g = _softmin(cost.T, f, regularisation)
        fitted = _softmin(cost, g, regularisation)
        # exp((f - fitted) / e) is how full each point of the first set is; with f fitted, the plan has the
        # right mass and the dual value is its sum of potentials.
        misplaced = float(torch.expm1((f - fitted) / regularisation).abs().mean())
        if misplaced < _MISPLACED:
            return float(fitted.mean() + g.mean())
        if iteration >= _AVERAGED:
            f = fitted
        if not math.isfinite(misplaced):
            break
    raise UserError(f"Sinkhorn did not converge in {_ITERATIONS} iterations: raise the regularisation")


def _averaged_step(cost: Tensor, f: Tensor, g: Tensor, regularisation: float) -> tuple[Tensor, Tensor]:
    return (f + _softmin(cost, g, regularisation)) / 2, (g + _softmin(cost.T, f, regularisation)) / 2


def _softmin(cost: Tensor, potential: Tensor, regularisation: float) -> Tensor:
    """Return ``-e log mean_j exp((g_j - C_ij) / e)``, shape (n,), a block of rows at a time."""
    parts = [
        torch.logsumexp((potential - cost[first : first + _ROWS_AT_ONCE]) / regularisation, 1)
        for first in range(0, len(cost), _ROWS_AT_ONCE)
    ]
    return -regularisation * (torch.cat(parts) - math.log(len(potential)))
