"""How clusters of frontier cells are weighed against each other."""

import numpy as np
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
        ahead = (clusters.centroid - self._position) @ STEPS[self._heading] >= 0
        return clusters.size / steps * np.where(ahead, 1.0, self._behind)
