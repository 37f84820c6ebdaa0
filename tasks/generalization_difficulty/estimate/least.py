"""The least distance between points of different classes among all pairs, exactly."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.estimate.cloud import Cloud
from generalization_difficulty.estimate.distances import (
    Floats,
    Frame,
    Ids,
    exact_distances,
    lower_bounds,
    where_true,
)
from generalization_difficulty.estimate.neighbours import DENSE
from generalization_difficulty.estimate.watch import Watch, quiet

_ROWS, _COLUMNS = 1024, 4096  # of a block of bounds
_FIRST = 32  # rows of the first look; each next look takes four times as many
_LOOK = 4096  # pairs of one exact look: the next one knows its result
_NUMBERS = 1 << 22  # of points taken in full at a time
_SMALLEST = 256  # points of the smallest sample on the way


@dataclass(eq=False)
class Sketches:
    """The sketches of all points of a cloud, class by class, and their numbers.

    Attributes:
        rows: float32 (size, length + 2), see ``Frame.sketch``.
        order: int64 (size,), the points' numbers in the order of ``rows``.
        codes: int64 (size,), their classes, ascending.
        place: int64, the row of each number; empty for a part of the points.
    """

    rows: Floats
    order: Ids
    codes: Ids
    place: Ids

    @classmethod
    def empty(cls, codes: Ids, length: int) -> "Sketches":
        """Make room for points of the given classes."""
        order = np.argsort(codes, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(np.empty((len(codes), length), dtype=np.float32), order, codes[order], place)

    def put(self, ids: Ids, rows: Floats) -> None:
        """Store the sketches of some points."""
        self.rows[self.place[ids]] = rows

    def among(self, ids: Ids) -> "Sketches":
        """Return those of some points, given by number."""
        if len(ids) == len(self.order):
            return self
        kept = np.sort(self.place[ids])
        return Sketches(self.rows[kept], self.order[kept], self.codes[kept], np.empty(0, dtype=np.int64))


@dataclass(eq=False)
class Least:
    """The least distance found so far.

    Attributes:
        distance: infinity where there is none.
        pair: numbers of the two points, or None.
    """

    distance: float = math.inf
    pair: tuple[int, int] | None = None

    def look(self, first: Ids, second: Ids, distances: NDArray[np.float64]) -> None:
        """Take over the least of some distances, if it is less."""
        if distances.size and distances.min() < self.distance:
            place = int(distances.argmin())
            one, other = sorted((int(first[place]), int(second[place])))
            self.distance, self.pair = float(distances[place]), (one, other)


def least_distance(
    cloud: Cloud,
    held: Cloud,
    sketches: Sketches,
    frame: Frame,
    *,
    memory: int,
    watch: Watch = quiet,
) -> tuple[Least, list[tuple[int, float]]]:
    """Find the least distance between points of different classes.

    Bounds on all pairs say for each point how near another class may be; points are looked at in that order,
    until no further one can be nearer than what was found. Samples of rising size come first: each gives a
    distance that the next search starts from.

    Args:
        cloud: the points.
        held: the same, of which some or all are in memory, see ``Cloud.held``.
        sketches: of all points.
        frame: the coordinates of the sketches.
        memory: bytes that points may take where they are read anew.
        watch: is told of the progress.

    Returns:
        The least distance, and (points, distance) for samples of rising size, each within the next, all
        points last.
    """
    least = Least()
    curve = []
    order = held.sample(cloud.size)
    for size in _sample_sizes(len(order)):
        part = sketches.among(order[:size])
        _search(held, part, frame, least, memory, watch)
        curve.append((size, least.distance))
    if len(order) < cloud.size:
        _search(cloud, sketches, frame, least, memory, watch)
        curve.append((cloud.size, least.distance))
    return least, curve


def _sample_sizes(points: int) -> list[int]:
    """Return halves of halves and all, ascending, none very small."""
    halvings = [points >> shift for shift in range(points.bit_length())]
    return [size for size in reversed(halvings) if size >= min(_SMALLEST, points)]


def _search(cloud: Cloud, part: Sketches, frame: Frame, least: Least, memory: int, watch: Watch) -> None:
    nearest = _nearest_bounds(part, watch)
    rows = np.argsort(nearest, kind="stable")
    rows = rows[np.isfinite(nearest[rows])]
    if cloud.points is None:
        looks = _evenly(len(rows), max(_FIRST, memory // (8 * len(frame.centre))))
    else:
        looks = _growing(len(rows))
    for look in watch("delta_looks", looks):
        chosen = rows[look]
        chosen = chosen[nearest[chosen] <= frame.limit(least.distance)]
        if not chosen.size:
            return
        if cloud.points is None:
            _compare_read_anew(cloud, part, chosen, frame, least)
        else:
            _compare_in_memory(cloud, part, chosen, frame, least)


def _growing(rows: int) -> Iterator[slice]:
    """Yield slices of the rows, few at first: what they find spares the others."""
    start, size = 0, _FIRST
    while start < rows:
        yield slice(start, start + size)
        start, size = start + size, min(4 * size, _ROWS)


def _evenly(rows: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, rows, size))


def _nearest_bounds(part: Sketches, watch: Watch) -> Floats:
    """Return for each row the least bound on its squared distance to a later class, float32 (rows,)."""
    size = len(part.codes)
    ends = np.searchsorted(part.codes, part.codes, side="right")
    nearest = np.full(size, np.inf, dtype=np.float32)
    for start in watch("delta_bounds", range(0, size, _ROWS), len(range(0, size, _ROWS))):
        stop = min(start + _ROWS, size)
        rows = slice(start, stop)
        for first in range(int(ends[start]), size, _COLUMNS):
            columns = slice(first, min(first + _COLUMNS, size))
            bounds = lower_bounds(part.rows[rows], part.rows[columns])
            if first < ends[stop - 1]:  # classes of these rows reach into the columns
                bounds[part.codes[rows, None] == part.codes[None, columns]] = np.inf
            np.minimum(nearest[rows], bounds.min(axis=1), out=nearest[rows])
    return nearest


@dataclass(frozen=True, eq=False)
class _Side:
    """Points of one side of a block: numbers, classes, sketches, and how to get some of them in full."""

    ids: Ids
    codes: Ids
    sketches: Floats
    fetch: Callable[[Ids], NDArray[Any]]

    def some(self, chosen: Ids) -> "_Side":
        """Return some of the points."""
        return _Side(
            self.ids[chosen],
            self.codes[chosen],
            self.sketches[chosen],
            lambda few: self.fetch(chosen[few]),
        )


def _compare_in_memory(cloud: Cloud, part: Sketches, chosen: Ids, frame: Frame, least: Least) -> None:
    """Compare some rows with all of later classes."""
    rows = _side_in_memory(cloud, part, chosen)
    begin = int(np.searchsorted(part.codes, rows.codes.min(), side="right"))
    for first in range(begin, len(part.codes), _COLUMNS):
        places = np.arange(first, min(first + _COLUMNS, len(part.codes)))
        _compare(rows, _side_in_memory(cloud, part, places), frame, least)


def _side_in_memory(cloud: Cloud, part: Sketches, places: Ids) -> _Side:
    ids = part.order[places]
    return _Side(ids, part.codes[places], part.rows[places], lambda some: cloud.take(ids[some]))


def _compare_read_anew(cloud: Cloud, part: Sketches, chosen: Ids, frame: Frame, least: Least) -> None:
    """Compare some rows with all other points, in two passes: one reads the rows, one the others."""
    ids = part.order[chosen]
    held = cloud.take(ids)
    rows = _Side(ids, part.codes[chosen], part.rows[chosen], held.__getitem__)
    for others, points in cloud.tiles():
        places = part.place[others]
        columns = _Side(others, part.codes[places], part.rows[places], points.__getitem__)
        for start in range(0, len(chosen), _ROWS):
            _compare(rows.some(np.arange(start, min(start + _ROWS, len(chosen)))), columns, frame, least)


def _compare(rows: _Side, columns: _Side, frame: Frame, least: Least) -> None:
    """Take over the least distance between different classes in a block, where it is less."""
    bounds = lower_bounds(rows.sketches, columns.sketches)
    bounds[rows.codes[:, None] == columns.codes[None, :]] = np.inf
    if not np.isfinite(least.distance):  # the nearest by bounds give a first limit
        nearest = bounds.argmin(axis=1)
        own = np.flatnonzero(np.isfinite(bounds[np.arange(len(nearest)), nearest]))
        _look(rows, columns, own, nearest[own], least)
    near = bounds <= frame.limit(least.distance)
    if frame.projects and np.count_nonzero(near) > DENSE * near.size:
        _bound_in_full(bounds, rows, columns, frame)
        near = bounds <= frame.limit(least.distance)
    first, second = where_true(near & np.isfinite(bounds))
    found = bounds[first, second]
    order = np.argsort(found, kind="stable")
    first, second, found = first[order], second[order], found[order]
    step = max(16, min(_LOOK, _NUMBERS // max(1, rows.sketches.shape[1])))
    for start in range(0, len(found), step):
        if found[start] > frame.limit(least.distance):
            return
        piece = slice(start, start + step)
        _look(rows, columns, first[piece], second[piece], least)


def _look(rows: _Side, columns: _Side, first: Ids, second: Ids, least: Least) -> None:
    pairs = np.arange(len(first))
    distances = exact_distances(rows.fetch(first), columns.fetch(second), pairs, pairs)
    least.look(rows.ids[first], columns.ids[second], distances)


def _bound_in_full(bounds: Floats, rows: _Side, columns: _Side, frame: Frame) -> None:
    """Replace finite bounds by those from all features, in pieces that fit memory."""
    step = max(64, _NUMBERS // max(1, len(frame.centre)))
    for start in range(0, len(rows.ids), step):
        own = np.arange(start, min(start + step, len(rows.ids)))
        whole = frame.whole(rows.fetch(own))
        for first in range(0, len(columns.ids), step):
            other = np.arange(first, min(first + step, len(columns.ids)))
            block = bounds[own[0] : own[-1] + 1, other[0] : other[-1] + 1]
            better = lower_bounds(whole, frame.whole(columns.fetch(other)))
            np.copyto(block, better, where=np.isfinite(block))
