"""Exact k nearest neighbours, the data passing by in blocks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import Batches, as_float, go_through
from generalization_difficulty.estimate.distances import approximate_squares, exact_squares
from gridcell.errors import UserError

_QUERIES = 64  # compared with a batch at a time: a table of distances that fits a core's cache
_SPARE = 4  # candidates taken beyond k at first, for copies of the query


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nearest neighbours of some points.

    Attributes:
        distances: float64 (queries, k), ascending, all above zero.
        copies: int64 (queries,), how many other points equal the query; they are no neighbours.
    """

    distances: NDArray[np.float64]
    copies: NDArray[np.int64]


def nearest_neighbours(
    queries: NDArray[np.float64], positions: NDArray[np.int64], batches: Batches, k: int
) -> Neighbours:
    """Find the k nearest points of each query among all data, leaving out itself and its copies.

    Approximate squared distances sort out what can't be among the nearest; what is left is computed from
    differences, so the result is that of a search over all pairs.

    Args:
        queries: float64 (queries, features), points of the data.
        positions: int64 (queries,), where in the data they stand.
        batches: all data.
        k: neighbours to find.

    Raises:
        UserError: a query has fewer than k other points at a distance above zero.
    """
    best = np.full((len(queries), k), np.inf)  # squared, ascending
    copies = np.zeros(len(queries), dtype=np.int64)
    for start, points, _ in go_through(batches):
        block = as_float(points)
        for first in range(0, len(queries), _QUERIES):
            rows = slice(first, first + _QUERIES)
            _compare(queries[rows], positions[rows] - start, block, best[rows], copies[rows])
    lacking = np.flatnonzero(~np.isfinite(best[:, -1]))
    if lacking.size:
        found = int(np.isfinite(best[lacking[0]]).sum())
        raise UserError(
            f"Point {positions[lacking[0]]} has {found} neighbours at a distance above zero, {k} are needed: "
            "too few samples, or too many copies"
        )
    return Neighbours(np.sqrt(best), copies)


def _compare(
    queries: NDArray[np.float64],
    own: NDArray[np.int64],
    block: NDArray[np.float64],
    best: NDArray[np.float64],
    copies: NDArray[np.int64],
) -> None:
    """Update ``best`` and ``copies`` of some queries by a block; ``own`` is each query's row in it."""
    rough, slack = approximate_squares(queries, block)
    here = np.flatnonzero((own >= 0) & (own < len(block)))
    rough[here, own[here]] = np.inf
    if not np.isfinite(best[:, -1]).all():  # no limit yet: the nearest few by the approximation give one
        few = min(best.shape[1] + _SPARE, len(block))
        columns = np.argpartition(rough, few - 1, axis=1)[:, :few]
        farthest = np.take_along_axis(rough, columns, axis=1).max(axis=1)
        rows = np.repeat(np.arange(len(queries)), few)
        _merge(queries, block, rows, columns.ravel(), rough, best, copies)
        if (farthest > best[:, -1] + slack).all():  # so is every other point of the block
            return
    rows, columns = np.nonzero(rough <= best[:, -1:] + slack)
    _merge(queries, block, rows, columns, rough, best, copies)


def _merge(
    queries: NDArray[np.float64],
    block: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    rough: NDArray[np.float64],
    best: NDArray[np.float64],
    copies: NDArray[np.int64],
) -> None:
    """Compare the given pairs exactly and never again; ``rows`` must ascend."""
    keep = np.isfinite(rough[rows, columns])
    rows, columns = rows[keep], columns[keep]
    if not rows.size:
        return
    squares = exact_squares(queries, block, rows, columns)
    rough[rows, columns] = np.inf
    np.add.at(copies, rows[squares == 0], 1)
    squares[squares == 0] = np.inf
    counts = np.bincount(rows, minlength=len(best))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((len(best), int(counts.max())), np.inf)
    table[rows, place] = squares
    best[:] = np.sort(np.concatenate([best, table], axis=1), axis=1)[:, : best.shape[1]]
