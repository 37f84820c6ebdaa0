"""Frontier-based exploration with one global map (Yamauchi 1997), as Hwang et al. 2024 compare with."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from farmap.agents.agent import Observation
from farmap.agents.local_map import LocalMap
from farmap.agents.reachable import Cell, Clusters, Survey
from farmap.agents.route import Route, follow, route_to_cluster


class Frontier:
    """Goes to the edge of the known, again and again.

    Args:
        rng: of its choices.
        gamma: decay of confidence per step.
    """

    def __init__(self, rng: np.random.Generator, *, gamma: float = 0.9) -> None:
        self._rng = rng
        self._map = LocalMap(gamma)
        self._position: Cell = (0, 0)
        self._route: Route | None = None
        self.done = False

    @property
    def active_memory(self) -> int:
        """Known cells of the one map."""
        return self._map.known

    @property
    def place(self) -> tuple[int, Cell]:
        """Number of the map in use, and the position in it."""
        return 0, self._position

    @property
    def maps(self) -> Mapping[int, LocalMap]:
        """The one map, by its number."""
        return {0: self._map}

    def observe(self, observation: Observation) -> None:
        """Follow the odometry and update the map."""
        rows, columns = observation["moved"].tolist()
        self._position = self._position[0] + rows, self._position[1] + columns
        self._map.integrate(observation["view"], *self._position, observation["heading"])

    def act(self) -> int:
        """Follow the route, or plan another."""
        action = follow(self._route, self._map, self._position)
        if action is None:
            self._route = self._plan()
            action = follow(self._route, self._map, self._position)
        return int(self._rng.integers(4)) if action is None else action

    def counts(self) -> Mapping[str, int]:
        """One map, and no recall."""
        return {"fragments": 1, "recalls": 0, "stored_memory": self._map.known}

    def _plan(self) -> Route | None:
        survey = Survey(self._map, self._position)
        self.done = not len(survey.clusters)
        return (
            None if self.done else route_to_cluster(survey, self._position, by_distance, self._rng.random())
        )


def by_distance(clusters: Clusters, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weigh clusters by the inverse of the way there."""
    return 1.0 / steps
