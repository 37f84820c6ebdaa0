"""Distances: exact ones from differences, and float32 bounds that say which pairs need an exact look."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import BYTE, as_float

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

COMPONENTS = 192
"""Principal components of a sketch. Points of so many features or fewer are not projected."""

_ITERATIONS = 3
_CHUNK = 1 << 20  # numbers of a temporary array of the exact look: 8 MiB
_AT_ONCE = 1 << 22  # numbers of the points that are turned into rows at a time
_PIECE = 4096  # features that one float32 product sums, which bounds its rounding error
_UNIT = 2.0**-24  # rounding of float32
_VANISHING = 1e-36  # squares in a frame below it are lost in float32
_SAFE = 1e-280, 1e280  # squares outside are computed again, scaled


def exact_distances(
    first: NDArray[Any], second: NDArray[Any], rows: Ids, columns: Ids
) -> NDArray[np.float64]:
    """Return |first[rows[i]] - second[columns[i]]| for each i, shape (pairs,), from differences in float64.

    Equal points give exactly zero and only they do: squares that would overflow or vanish are scaled by the
    largest difference. uint8 is scaled to [0, 1].
    """
    result = np.empty(len(rows))
    step = max(1, _CHUNK // max(1, first.shape[1]))
    with np.errstate(over="ignore", under="ignore"):
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            difference = np.subtract(first[rows[part]], second[columns[part]], dtype=np.float64)
            squares = np.einsum("ij,ij->i", difference, difference)
            distances = np.sqrt(squares)
            for row in np.flatnonzero((squares < _SAFE[0]) | (squares > _SAFE[1])):
                distances[row] = scaled_norm(difference[row])
            result[part] = distances
    return result / BYTE if first.dtype == np.uint8 else result


def scaled_norm(vector: NDArray[np.float64]) -> float:
    """Return the Euclidean norm of a vector whose squares may be outside the range of floats."""
    largest = float(np.abs(vector).max(initial=0.0))
    if largest == 0:
        return 0.0
    unit = math.ldexp(1.0, math.frexp(largest)[1])  # a power of two: nothing is rounded
    return unit * float(np.sqrt(np.square(vector / unit).sum()))


@dataclass(frozen=True, eq=False)
class Frame:
    """Coordinates in which float32 loses little: centred, of size 1 at most, on principal components.

    Attributes:
        centre: float64 (features,), subtracted.
        scale: a power of two that no centred value exceeds; points are divided by it.
        basis: float64 (features, components), orthonormal columns; None: points are not projected.
    """

    centre: NDArray[np.float64]
    scale: float
    basis: NDArray[np.float64] | None

    @classmethod
    def of(cls, sample: NDArray[Any], centre: NDArray[np.float64], scale: float) -> "Frame":
        """Choose the principal components of a sample of the points, shape (s, features), native dtype."""
        features = sample.shape[1]
        if features <= COMPONENTS or len(sample) < 2:
            return cls(centre, scale, None)
        centred = ((as_float(sample) - centre) / scale).astype(np.float32)
        # Any orthonormal basis gives bounds: components from a few steps of subspace iteration do.
        components = min(COMPONENTS, len(sample))
        leading = np.random.default_rng(0).standard_normal((features, components), dtype=np.float32)
        for _ in range(_ITERATIONS):
            leading, _ = np.linalg.qr(centred.T @ (centred @ leading))
        basis, _ = np.linalg.qr(leading.astype(np.float64))
        return cls(centre, scale, basis)

    @property
    def projects(self) -> bool:
        """Whether a sketch is shorter than a point."""
        return self.basis is not None

    def sketch(self, points: NDArray[Any]) -> Floats:
        """Return rows whose bounds (see :func:`lower_bounds`) are never above the points' distances.

        A row holds the point's principal components, and the length of what they leave out: two points are
        at least as far apart as their components and these lengths are.

        Args:
            points: shape (b, features), native dtype.

        Returns:
            float32 (b, length + 2): the last two columns are 1 and the shrunk square.
        """
        if self.basis is None:
            return self.whole(points)
        return np.concatenate([self._sketch(few, self.basis) for few in _in_turn(points)])

    def _sketch(self, points: NDArray[Any], basis: NDArray[np.float64]) -> Floats:
        centred = (as_float(points) - self.centre) / self.scale
        parts = centred @ basis
        squares = np.einsum("ij,ij->i", centred, centred)
        rest = np.sqrt(np.maximum(squares - np.einsum("ij,ij->i", parts, parts), 0.0))
        # The square root of the rounding error of the two squares, where they cancel.
        loss = 2 * np.sqrt((points.shape[1] + parts.shape[1]) * np.finfo(np.float64).eps)
        return _augmented(np.concatenate([parts, rest[:, None]], axis=1), squares, loss)

    def whole(self, points: NDArray[Any]) -> Floats:
        """Return the same as :meth:`sketch` from all features."""
        rows = np.empty((len(points), points.shape[1] + 2), dtype=np.float32)
        start = 0
        for few in _in_turn(points):
            centred = (as_float(few) - self.centre) / self.scale
            rows[start : start + len(few)] = _augmented(centred, np.einsum("ij,ij->i", centred, centred), 0.0)
            start += len(few)
        return rows

    def limit(self, distance: NDArray[np.float64] | float) -> Floats:
        """Return the largest bound that a pair no farther apart than ``distance`` can have, rounded up."""
        with np.errstate(over="ignore"):
            square = np.square(np.asarray(distance, dtype=np.float64) / self.scale * (1 + 1e-12))
            rounded = (square + _VANISHING).astype(np.float32)
        up: Floats = np.nextafter(rounded, np.float32(np.inf))
        return up


def _in_turn(points: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield points so few at a time that their float64 takes 32 MiB."""
    step = max(1, _AT_ONCE // max(1, points.shape[1]))
    for start in range(0, max(1, len(points)), step):
        yield points[start : start + step]


def _augmented(values: NDArray[np.float64], squares: NDArray[np.float64], loss: float) -> Floats:
    """Append 1 and the square less the largest rounding error of its share of a float32 product.

    A product of d terms errs by at most d u sum |terms| (Higham, "Accuracy and Stability of Numerical
    Algorithms", 3.1), here 2 (d + 2) u (|x|^2 + |y|^2); rounding the values and ``loss`` move a distance by
    at most (2 u + loss) (|x| + |y|).
    """
    length = values.shape[1]
    summed = min(length, _PIECE) + length // _PIECE
    share = (2 * (summed + 2) + 32) * _UNIT + 6 * loss
    rows = np.empty((len(values), length + 2), dtype=np.float32)
    rows[:, :length] = values
    rows[:, length] = 1.0
    rows[:, length + 1] = squares * (1 - share)
    return rows


def lower_bounds(first: Floats, second: Floats) -> Floats:
    """Return lower bounds on squared distances in a frame, shape (first, second), of rows of one kind.

    A bound may be below zero, where rounding leaves nothing.
    """
    length = first.shape[1] - 2
    left = -2 * first
    left[:, length] = first[:, length + 1]
    left[:, length + 1] = 1.0
    if length <= _PIECE:
        return left @ second.T
    total = left[:, :_PIECE] @ second[:, :_PIECE].T
    for start in range(_PIECE, left.shape[1], _PIECE):
        total += left[:, start : start + _PIECE] @ second[:, start : start + _PIECE].T
    return total


def where_true(chosen: NDArray[np.bool_]) -> tuple[Ids, Ids]:
    """Return rows and columns of what is true, as ``np.nonzero`` does, but faster where it is little."""
    flat = np.flatnonzero(chosen)
    return np.divmod(flat, chosen.shape[1])
