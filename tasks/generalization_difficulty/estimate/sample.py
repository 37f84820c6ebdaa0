"""The first pass through the data: counts, largest norm, and a uniform sample that is held in memory."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import Batches, as_float, go_through
from gridcell.data.seeds import generator
from gridcell.errors import UserError


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass tells.

    Attributes:
        n: points in all.
        features: numbers per point.
        radius: R, the largest Euclidean norm of a point (uint8 scaled to [0, 1]).
        class_counts: label -> points.
        points: the sample, shape (held, features), of the data's own dtype, in random order.
        codes: int64 (held,), the sample's classes as 0, 1, ...
        positions: int64 (held,), where in the data each point of the sample stands.
    """

    n: int
    features: int
    radius: float
    class_counts: dict[Any, int]
    points: NDArray[Any]
    codes: NDArray[np.int64]
    positions: NDArray[np.int64]

    @property
    def pairs(self) -> int:
        """How many pairs of points have different classes."""
        same = sum(count * (count - 1) // 2 for count in self.class_counts.values())
        return self.n * (self.n - 1) // 2 - same


def survey(batches: Batches, *, seed: int, memory: int) -> Survey:
    """Go through the data once; hold a uniform sample without replacement of at most ``memory`` bytes.

    Each point draws a random key, and the points of smallest keys are held: which they are depends on the
    seed and the points' order, not on how they are cut into batches. What fits into memory is held whole.

    Args:
        batches: the data.
        seed: of the sample.
        memory: bytes that the sample may take, in the data's dtype.

    Raises:
        UserError: no points, all labels equal, or what ``go_through`` finds.
    """
    random = generator(seed, "held")
    counts: Counter[Any] = Counter()
    held: list[tuple[NDArray[Any], ...]] = []
    n, features, square = 0, 0, 0.0
    for start, points, labels in go_through(batches):
        n, features = start + len(points), points.shape[1]
        if not len(points):
            continue
        counts.update(labels.tolist())
        square = max(square, float(np.square(as_float(points)).sum(axis=1).max()))
        positions = np.arange(start, n)
        held.append((random.random(len(points)), points, labels, positions))
        limit = max(2, memory // max(1, points[:1].nbytes))
        if sum(len(part[0]) for part in held) > 2 * limit:
            held = [_smallest(held, limit)]
    if n == 0:
        raise UserError("The data hold no points")
    if len(counts) < 2:
        raise UserError(f"All {n} labels are {next(iter(counts))!r}: there is nothing to tell apart")
    _, points, labels, positions = _smallest(held, limit)
    codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return Survey(n, features, float(np.sqrt(square)), dict(counts), points, codes, positions)


def _smallest(parts: list[tuple[NDArray[Any], ...]], limit: int) -> tuple[NDArray[Any], ...]:
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")[:limit]
    return tuple(column[order] for column in joined)
