"""The memory that a coupling takes, known before anything is allocated or any heavy library imported."""

import math
from typing import Literal

from gridcell import UserError

Solver = Literal["exact", "sinkhorn"]

LIMIT = 8 * 10**9
"""Bytes that a distance may take by default."""

_COPIES = {"exact": 6, "sinkhorn": 3}
"""Float64 matrices of the cost's size at the peak, as measured by tests/benchmarks/otdd.py, rounded up."""


def memory_needed(n: int, m: int, solver: Solver) -> int:
    """Return the bytes that a coupling of n and m samples takes at its peak, beside the features."""
    largest = n * m if solver == "exact" else max(n, m) ** 2  # debiasing couples each set with itself, too
    return 8 * _COPIES[solver] * largest


def check_memory(n: int, m: int, solver: Solver, limit: int) -> int:
    """Return the bytes needed.

    Raises:
        UserError: they are more than ``limit``; the sentence says which cap fits.
    """
    needed = memory_needed(n, m, solver)
    if needed > limit:
        fits = math.isqrt(limit // (8 * _COPIES[solver]))
        raise UserError(
            f"A distance between {n:,} and {m:,} samples by {solver} takes {needed / 1e9:.3g} GB, more than "
            f"the limit of {limit / 1e9:.3g} GB: set max_samples to {fits:,} or less, or raise the limit"
        )
    return needed
