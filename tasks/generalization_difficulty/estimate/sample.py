"""The first pass through the data: counts, largest norm, and a uniform sample that is held in memory."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import Batches, as_float, go_through, rows_of
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
    code_of: dict[Any, int] = {}  # in the order in which classes pass by
    held: _Held | None = None
    n, square = 0, 0.0
    for start, points, labels in go_through(batches):
        n = start + len(points)
        held = held or _Held(points, memory)
        values, places = np.unique(labels, return_inverse=True)
        codes = np.array([code_of.setdefault(value, len(code_of)) for value in values.tolist()])[places]
        counts.update(labels.tolist())
        square = max(square, float(np.square(as_float(points)).sum(axis=1).max()))
        held.add(random.random(len(points)), points, codes, np.arange(start, n))
    if held is None:
        raise UserError("The data hold no points")
    if len(counts) < 2:
        raise UserError(f"All {n} labels are {next(iter(counts))!r}: there is nothing to tell apart")
    sample, met, positions = held.in_order()
    return Survey(
        n,
        sample.shape[1],
        float(np.sqrt(square)),
        dict(counts),
        sample,
        _by_value(met, list(code_of)),
        positions,
    )


def _by_value(codes: NDArray[np.int64], values: list[Any]) -> NDArray[np.int64]:
    """Return codes that count the classes there are as 0, 1, ... in the order of their values."""
    there, places = np.unique(codes, return_inverse=True)
    return np.unique([values[code] for code in there], return_inverse=True)[1].astype(np.int64)[places]


class _Held:
    """The points of the smallest keys among those that passed by.

    There is room for an eighth more points than are to be held. Once it is full, the points of the largest
    keys give way, and only points that stay are moved.

    Args:
        points: The first that pass by, shape (b, features): what type and size they are.
        memory: Bytes that those held may take.
    """

    def __init__(self, points: NDArray[Any], memory: int) -> None:
        features = points.shape[1]
        self._limit = max(2, memory // max(1, points[:1].nbytes))
        room = self._limit + max(rows_of(features), self._limit // 8)
        # Pages that are never written to take no memory, so a small data set doesn't pay for the room.
        self._keys = np.empty(room)
        self._codes = np.empty(room, dtype=np.int64)
        self._positions = np.empty(room, dtype=np.int64)
        self._points = np.empty((room, features), dtype=points.dtype)
        self._count = 0
        self._worst = np.inf

    def add(
        self,
        keys: NDArray[np.float64],
        points: NDArray[Any],
        codes: NDArray[np.int64],
        positions: NDArray[np.int64],
    ) -> None:
        """Take in the points of a piece that may be among those of the smallest keys.

        Raises:
            UserError: They are of another type than those before.
        """
        if points.dtype != self._points.dtype:
            raise UserError(
                f"The points are of type {self._points.dtype}, then of type {points.dtype}: "
                "all must be of one"
            )
        may = np.flatnonzero(keys < self._worst)
        if self._count + len(may) > len(self._keys):
            self._give_way()
            may = np.flatnonzero(keys < self._worst)
        room = slice(self._count, self._count + len(may))
        self._keys[room], self._codes[room], self._positions[room] = keys[may], codes[may], positions[may]
        self._points[room] = points[may]
        self._count += len(may)

    def _give_way(self) -> None:
        stays = np.zeros(self._count, dtype=bool)
        stays[np.argpartition(self._keys[: self._count], self._limit - 1)[: self._limit]] = True
        free, moved = (
            np.flatnonzero(~stays[: self._limit]),
            self._limit + np.flatnonzero(stays[self._limit :]),
        )
        for array in (self._keys, self._codes, self._positions, self._points):
            array[free] = array[moved]
        self._count = self._limit
        self._worst = float(self._keys[: self._limit].max())

    def in_order(self) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Return the points of the smallest keys by their keys: points, codes and positions."""
        order = np.argsort(self._keys[: self._count], kind="stable")[: self._limit]
        return self._points[order], self._codes[order], self._positions[order]
