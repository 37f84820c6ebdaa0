"""The distinct points of the data, each once, in memory or read anew in each pass."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import Batches, in_blocks
from generalization_difficulty.estimate.distances import Frame, Ids
from generalization_difficulty.estimate.sample import FirstPass

_ROWS = 2048  # of a tile
_NUMBERS = 1 << 22  # of a tile at most
_SAMPLE = 2048  # points from which principal components are taken
_SAMPLED = 1 << 23  # their numbers at most: 64 MiB in float64, and as many components as points take no more


@dataclass(frozen=True, eq=False)
class Cloud:
    """Distinct points, numbered in the order of the data.

    Attributes:
        codes: int64 (size,), classes; a value that has several classes is a class of its own, as it differs
            in class from every other point.
        positions: int64 (size,), where in the data each point first stands.
        keys: float64 (size,), random: an order of sampling.
        points: all points in memory, of which ``rows`` are the distinct ones; None: they are read anew.
        rows: int64 (size,); -1: not in memory.
        batches: from which they are read.
    """

    codes: Ids
    positions: Ids
    keys: NDArray[np.float64]
    points: NDArray[Any] | None
    rows: Ids
    batches: Batches

    @classmethod
    def of(cls, seen: FirstPass, batches: Batches) -> "Cloud":
        """Number the distinct points of a first pass."""
        positions, value = np.unique(seen.first, return_inverse=True)
        codes = seen.codes[positions].copy()
        several = np.unique(value[seen.codes != seen.codes[seen.first]])
        codes[several] = seen.classes + np.arange(len(several))
        whole = len(seen.points) == seen.n
        return cls(
            codes=codes,
            positions=positions,
            keys=seen.keys[positions],
            points=seen.points if whole else None,
            rows=positions if whole else np.empty(0, dtype=np.int64),
            batches=batches,
        )

    @property
    def size(self) -> int:
        """How many distinct points there are."""
        return len(self.positions)

    def held(self, seen: FirstPass) -> "Cloud":
        """Return the same points, of which only those that the first pass holds can be taken."""
        if self.points is not None:
            return self
        rows = np.minimum(np.searchsorted(seen.positions, self.positions), len(seen.positions) - 1)
        rows[seen.positions[rows] != self.positions] = -1
        return replace(self, points=seen.points, rows=rows)

    def only(self, ids: Ids) -> "Cloud":
        """Return a cloud of some of the points that are in memory, numbered anew."""
        ids = np.sort(ids)
        return replace(
            self,
            codes=self.codes[ids],
            positions=self.positions[ids],
            keys=self.keys[ids],
            rows=self.rows[ids],
        )

    def sample(self, size: int) -> Ids:
        """Return the numbers of a random sample of the points that are in memory, in random order.

        Args:
            size: of the sample; all where they are fewer.
        """
        order = np.argsort(self.keys, kind="stable")
        return order[self.rows[order] >= 0][:size]

    def tiles(self) -> Iterator[tuple[Ids, NDArray[Any]]]:
        """Yield all points as (numbers (b,), points (b, features) of the data's dtype)."""
        if self.points is not None:
            step = max(1, min(_ROWS, _NUMBERS // max(1, self.points.shape[1])))
            for start in range(0, self.size, step):
                ids = np.arange(start, min(start + step, self.size))
                yield ids, self.take(ids)
            return
        for start, points, _ in in_blocks(self.batches):
            low, high = np.searchsorted(self.positions, [start, start + len(points)])
            if high > low:
                yield np.arange(low, high), points[self.positions[low:high] - start]

    def take(self, ids: Ids) -> NDArray[Any]:
        """Return points by their numbers, shape (len(ids), features); a pass where they are not in memory."""
        if self.points is not None:
            return self.points[self.rows[ids]]
        found: NDArray[Any] | None = None
        order = np.argsort(ids, kind="stable")
        for numbers, points in self.tiles():
            if found is None:
                found = np.empty((len(ids), points.shape[1]), dtype=points.dtype)
            low, high = np.searchsorted(ids[order], [numbers[0], numbers[-1] + 1])
            found[order[low:high]] = points[ids[order[low:high]] - numbers[0]]
        assert found is not None
        return found


def frame_of(seen: FirstPass) -> Frame:
    """Choose the coordinates for bounds from what a first pass holds."""
    scale = math.ldexp(1.0, math.frexp(2 * seen.largest)[1]) if seen.largest else 1.0
    keys = seen.keys[seen.positions]
    few = min(_SAMPLE, len(keys), max(2, _SAMPLED // max(1, seen.features)))
    chosen = np.sort(np.argpartition(keys, few - 1)[:few])
    return Frame.of(seen.points[chosen], seen.mean, scale)
