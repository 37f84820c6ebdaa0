"""The first pass through the data: counts, norms, copies, and the points that are held in memory."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import ArrayBatches, Batches, as_float, in_blocks
from generalization_difficulty.estimate.watch import Watch, quiet
from gridcell import UserError
from gridcell.data import generator

_LARGEST = 1e300  # differences of larger values overflow float64
_PLAIN = 1e-140, 1e140  # values whose squares float64 holds
_WHOLE = 2**53  # larger integers are not all float64


@dataclass(frozen=True, eq=False)
class FirstPass:
    """What one pass tells.

    Attributes:
        n: points in all.
        features: numbers per point.
        radius: R, the largest Euclidean norm of a point (uint8 scaled to [0, 1]), from the origin.
        mean: float64 (features,), the points' mean.
        spread: root of the mean squared distance from the mean.
        largest: largest absolute value of a feature.
        classes: how many different labels there are.
        codes: int64 (n,), the points' classes as 0, 1, ...
        first: int64 (n,), for each point the first one that equals it, itself where none came before.
        keys: float64 (n,), random: the points of smallest keys are the sample.
        points: the points held, shape (held, features), of the data's own dtype.
        positions: int64 (held,), ascending, where in the data each of them stands.
    """

    n: int
    features: int
    radius: float
    mean: NDArray[np.float64]
    spread: float
    largest: float
    classes: int
    codes: NDArray[np.int64]
    first: NDArray[np.int64]
    keys: NDArray[np.float64]
    points: NDArray[Any]
    positions: NDArray[np.int64]

    @property
    def pairs(self) -> int:
        """How many pairs of points have different classes."""
        return self.n * (self.n - 1) // 2 - _pairs_within(np.bincount(self.codes))

    @property
    def copies(self) -> int:
        """How many points equal another one."""
        sizes = np.bincount(self.first)
        return int(sizes[sizes > 1].sum())


def first_pass(batches: Batches, *, seed: int, memory: int, watch: Watch = quiet) -> FirstPass:
    """Go through the data once; hold all of them, or a uniform sample that takes ``memory`` bytes.

    Each point draws a random key, and the points of smallest keys are held: which they are depends on the
    seed and the points' order, not on how they are cut into batches. An array that fits is held uncopied.

    Args:
        batches: the data.
        seed: of the sample.
        memory: bytes that the sample may take, in the data's dtype.
        watch: is told of the progress.

    Raises:
        UserError: no points, all labels equal, values whose distances no float64 holds, or what
            ``in_blocks`` finds.
    """
    random = generator(seed, "held")
    held = _Held(memory)
    moments = _Moments()
    labels: list[NDArray[Any]] = []
    keys: list[NDArray[np.float64]] = []
    digests: dict[bytes, int] = {}
    first: list[int] = []
    array = _array_that_fits(batches, memory)
    for start, points, classes in watch("blocks_read", in_blocks(batches)):
        moments.add(points, start)
        labels.append(classes)
        keys.append(random.random(len(points)))
        first += [digests.setdefault(digest, start + row) for row, digest in enumerate(_digests(points))]
        if array is None:
            held.add(points, keys[-1], start)
    if not labels:
        raise UserError("The data hold no points")
    names, codes = np.unique(np.concatenate(labels), return_inverse=True)
    if len(names) < 2:
        raise UserError(f"All {len(codes)} labels are {names[0].item()!r}: there is nothing to tell apart")
    all_keys = np.concatenate(keys)
    points, positions = (array, np.arange(len(codes))) if array is not None else held.finish()
    return FirstPass(
        n=len(codes),
        features=points.shape[1],
        radius=moments.radius,
        mean=moments.mean,
        spread=moments.spread,
        largest=moments.largest,
        classes=len(names),
        codes=codes.astype(np.int64),
        first=np.array(first, dtype=np.int64),
        keys=all_keys,
        points=points,
        positions=positions,
    )


def _array_that_fits(batches: Batches, memory: int) -> NDArray[Any] | None:
    """Return the points where they are an array already, which need not be copied, of at most ``memory``."""
    if not isinstance(batches, ArrayBatches) or batches.points.nbytes > memory:
        return None
    return batches.points.reshape(len(batches.points), -1) if batches.points.size else None


def duplicates_across(
    codes: NDArray[np.int64], first: NDArray[np.int64]
) -> tuple[int, tuple[int, int] | None]:
    """Count the pairs of equal points of different classes.

    Args:
        codes: int64 (n,), classes.
        first: int64 (n,), for each point the first one that equals it.

    Returns:
        How many such pairs there are, and the positions of one of them.
    """
    _, value = np.unique(first, return_inverse=True)
    _, kind = np.unique(value * (int(codes.max()) + 1) + codes, return_inverse=True)
    count = _pairs_within(np.bincount(value)) - _pairs_within(np.bincount(kind))
    if not count:
        return 0, None
    other = int(np.flatnonzero(codes != codes[first])[0])
    return count, (int(first[other]), other)


def _pairs_within(sizes: NDArray[np.int64]) -> int:
    return sum(count * (count - 1) // 2 for count in sizes.tolist())


def _digests(points: NDArray[Any]) -> Iterator[bytes]:
    """Yield a digest of each point's values; equal values have one digest, whatever their sign of zero."""
    rows = np.ascontiguousarray(points if points.dtype == np.uint8 else as_float(points) + 0.0)
    for row in rows:
        yield hashlib.blake2b(row.data, digest_size=16).digest()


class _Moments:
    """Mean, spread, largest norm and largest value of points that come in blocks."""

    def __init__(self) -> None:
        self.n, self.radius, self.largest = 0, 0.0, 0.0
        self.mean: NDArray[np.float64] = np.zeros(0)
        self._unit, self._squares = 1.0, 0.0  # of squares: far from 1 only where they would leave float64

    def add(self, points: NDArray[Any], start: int) -> None:
        """Merge a block (Chan, Golub, LeVeque 1979: no large sums are subtracted)."""
        values = as_float(points)
        sizes = np.maximum(values.max(axis=1), -values.min(axis=1))
        largest = float(sizes.max())
        if largest > _LARGEST:
            raise UserError(
                f"Point {start + int(sizes.argmax())} holds the value {largest:.3g}: distances between such "
                "points exceed 64-bit numbers; divide all points by a constant (bits do not change)"
            )
        if points.dtype.kind in "iu" and largest >= _WHOLE:
            raise UserError(
                f"The points hold integers up to {largest:.3g}, which 64-bit numbers round: give floats"
            )
        self.largest = max(self.largest, largest)
        if largest and not _PLAIN[0] < largest < _PLAIN[1] and self._squares == 0:
            self._unit = math.ldexp(1.0, math.frexp(largest)[1])
        if self._unit != 1:
            values /= self._unit
        norms = np.einsum("ij,ij->i", values, values)
        self.radius = max(self.radius, float(np.sqrt(norms.max())) * self._unit)
        mean = values.mean(axis=0)
        if self.n == 0:
            self.mean = np.zeros_like(mean)
        shift = mean - self.mean / self._unit
        values -= mean
        total = self.n + len(points)
        self._squares += float(np.einsum("ij,ij->", values, values))
        self._squares += float(shift @ shift) * self.n * len(points) / total
        self.mean = self.mean + shift * self._unit * (len(points) / total)
        self.n = total

    @property
    def spread(self) -> float:
        """Root of the mean squared distance from the mean."""
        return float(np.sqrt(self._squares / self.n)) * self._unit


class _Held:
    """The points of smallest keys among those that came so far, in the order of the data."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._parts: list[tuple[NDArray[Any], NDArray[np.float64], NDArray[np.int64]]] = []
        self._count, self._limit = 0, 0

    def add(self, points: NDArray[Any], keys: NDArray[np.float64], start: int) -> None:
        """Add a batch; drop what is beyond the memory."""
        self._limit = max(2, self._memory // max(1, points[:1].nbytes))
        self._parts.append((points, keys, np.arange(start, start + len(points))))
        self._count += len(points)
        if self._count > self._limit + max(self._limit // 4, len(points)):
            self._drop()

    def finish(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the points held and their positions; nothing is copied twice."""
        self._drop()
        width = self._parts[0][0].shape[1]
        dtype = np.result_type(*{part[0].dtype for part in self._parts})
        points = np.empty((self._count, width), dtype=dtype)
        positions = np.concatenate([part[2] for part in self._parts])
        start = 0
        self._parts.reverse()
        while self._parts:  # each part's memory is given back once it is copied
            part = self._parts.pop()[0]
            points[start : start + len(part)] = part
            start += len(part)
        return points, positions

    def _drop(self) -> None:
        if self._count <= self._limit:
            return
        keys = np.concatenate([part[1] for part in self._parts])
        bound = np.partition(keys, self._limit - 1)[self._limit - 1]
        self._parts = [
            (points[chosen <= bound], chosen[chosen <= bound], positions[chosen <= bound])
            for points, chosen, positions in self._parts
        ]
        self._count = sum(len(part[0]) for part in self._parts)
