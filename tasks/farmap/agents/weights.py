"""How clusters of frontier cells are weighed against each other."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.reachable import STEPS, Cell, Clusters

BEHIND, BEHIND_RELEASED = 1e-3, 1e-5  # of clusters behind the agent, ours and in the authors' code


def by_distance(clusters: Clusters, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weigh clusters by the inverse of the way there."""
    return 1.0 / steps


def by_nearness(clusters: Clusters, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weigh the nearest of the clusters that are large enough to be chosen, and no other."""
    allowed = clusters.size >= min(3, clusters.size.max())
    nearest = np.argmin(np.where(allowed, steps, np.iinfo(np.int64).max))
    return (np.arange(len(steps)) == nearest).astype(np.float64)


class Ahead:
    """Weighs clusters by size over way, those behind the agent all but not (Hwang et al. 2024).

    Args:
        position: the agent's, in the coordinates of the clusters.
        heading: the agent's.
        behind: factor of those behind.
    """

    def __init__(self, position: Cell, heading: int, behind: float = BEHIND) -> None:
        self._position = position
        self._heading = heading
        self._behind = behind

    def __call__(self, clusters: Clusters, steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return a weight each."""
        weights: NDArray[np.float64] = _ahead(
            clusters.size, clusters.centroid, steps, *self._position, self._heading, self._behind
        )
        return weights


@njit(cache=True)
def _ahead(
    size: NDArray[np.int64],
    centroid: NDArray[np.float64],
    steps: NDArray[np.int64],
    row: int,
    column: int,
    heading: int,
    behind: float,
) -> NDArray[np.float64]:
    weights = size / steps
    for i in range(len(size)):
        apart = (centroid[i, 0] - row) * STEPS[heading, 0] + (centroid[i, 1] - column) * STEPS[heading, 1]
        if apart < 0:
            weights[i] *= behind
    return weights
