"""Exact nearest neighbours of some points among all distinct points, tile by tile."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.estimate.distances import (
    Floats,
    Frame,
    Ids,
    exact_distances,
    lower_bounds,
    where_true,
)
from gridcell import UserError

_QUERIES = 512  # with a tile of 2,048: a block of bounds that fits a core's cache
_SPARE = 4  # candidates taken beyond k at first
DENSE = 0.02
"""Share of candidates from which a float32 product over all features is faster than as many exact looks."""


@dataclass(eq=False)
class NeighbourSearch:
    """The k nearest of each query among the tiles seen so far.

    Bounds sort out what can't be among the nearest; what is left is computed from differences, so the result
    is that of a search over all pairs.

    Args:
        queries: points of the data, shape (q, features), native dtype.
        ids: int64 (q,), their numbers, so that none is its own neighbour.
        frame: the coordinates of bounds.
        k: neighbours to find.
    """

    queries: NDArray[Any]
    ids: Ids
    frame: Frame
    k: int

    def __post_init__(self) -> None:
        self.best = np.full((len(self.queries), self.k), np.inf)
        steps = range(0, len(self.queries), _QUERIES)
        self._sketches = [self.frame.sketch(self.queries[step : step + _QUERIES]) for step in steps]

    def update(self, ids: Ids, points: NDArray[Any], sketch: Floats) -> None:
        """Compare every query with a tile: numbers, points and their sketches."""
        whole: Floats | None = None
        for first, own in zip(range(0, len(self.queries), _QUERIES), self._sketches, strict=True):
            rows = slice(first, first + _QUERIES)
            bounds = lower_bounds(own, sketch)
            self._leave_out_own(bounds, rows, ids)
            if not np.isfinite(self.best[rows, -1]).all():  # no limit yet: the nearest few by bounds give one
                few = min(self.k + _SPARE, len(ids))
                farthest = np.partition(bounds, few - 1, axis=1)[:, few - 1 : few]
                self._merge(rows, points, bounds, *where_true(bounds <= farthest))
            near = bounds <= self.frame.limit(self.best[rows, -1:])
            if self.frame.projects and np.count_nonzero(near) > DENSE * near.size:
                whole = self.frame.whole(points) if whole is None else whole
                done = np.isinf(bounds)
                bounds = lower_bounds(self.frame.whole(self.queries[rows]), whole)
                bounds[done] = np.inf
                near = bounds <= self.frame.limit(self.best[rows, -1:])
            self._merge(rows, points, bounds, *where_true(near))

    def distances(self) -> NDArray[np.float64]:
        """Return the distances, float64 (q, k), ascending, all above zero.

        Raises:
            UserError: a query has fewer than k neighbours.
        """
        lacking = np.flatnonzero(~np.isfinite(self.best[:, -1]))
        if lacking.size:
            found = int(np.isfinite(self.best[lacking[0]]).sum())
            raise UserError(
                f"A point has {found} neighbours at a distance above zero, {self.k} are needed: "
                "too few samples, or too many copies"
            )
        return self.best

    def _leave_out_own(self, bounds: Floats, rows: slice, ids: Ids) -> None:
        column = np.searchsorted(ids, self.ids[rows])
        column[column == len(ids)] = 0
        here = np.flatnonzero(ids[column] == self.ids[rows])
        bounds[here, column[here]] = np.inf

    def _merge(self, part: slice, points: NDArray[Any], bounds: Floats, rows: Ids, columns: Ids) -> None:
        """Compare the given pairs exactly and never again; ``rows`` must ascend."""
        keep = bounds[rows, columns] < np.inf
        rows, columns = rows[keep], columns[keep]
        if not rows.size:
            return
        distances = exact_distances(self.queries[part], points, rows, columns)
        bounds[rows, columns] = np.inf
        best = self.best[part]
        counts = np.bincount(rows, minlength=len(best))
        place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        table = np.full((len(best), int(counts.max())), np.inf)
        table[rows, place] = distances
        best[:] = np.sort(np.concatenate([best, table], axis=1), axis=1)[:, : self.k]
