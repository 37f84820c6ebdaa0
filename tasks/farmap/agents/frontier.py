"""Exploration with one global map: by its frontier (Yamauchi 1997), or to the next best view."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from farmap.agents.agent import Observation
from farmap.agents.best_view import route_to_best_view
from farmap.agents.local_map import LocalMap
from farmap.agents.reachable import Cell, Survey
from farmap.agents.route import Route, follow, route_to_cluster
from farmap.agents.weights import Ahead, by_distance, by_nearness

Choice = Literal["distance", "weighted", "nearest", "gain"]


class Frontier:
    """Goes to the edge of the known, again and again.

    Args:
        rng: of its choices.
        gamma: decay of confidence per step.
        choice: which frontier cluster it goes to: by chance in proportion to the inverse of the way there
            (``distance``; the baseline of Hwang et al. 2024), or to FARMap's weight, size over way and hardly
            one behind the agent (``weighted``); the ``nearest``; or where most is seen per way (``gain``; see
            ``best_view``).
        route: finds the way on, instead of ``choice``, from a survey with a frontier, the position, and rng.
    """

    gave_up = False

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        gamma: float = 0.9,
        choice: Choice = "distance",
        route: Callable[[Survey, Cell, np.random.Generator], Route] | None = None,
    ) -> None:
        self._rng = rng
        self._choice = choice
        self._way = route
        self._heading = 0
        self._read = 0
        self._map = LocalMap(gamma)
        self._position: Cell = (0, 0)
        self._route: Route | None = None
        self.done = False

    @property
    def active_memory(self) -> int:
        """Known cells of the one map."""
        return self._map.known

    @property
    def own_memory(self) -> int:
        """Known cells of the one map."""
        return self._map.known

    @property
    def box_memory(self) -> int:
        """Cells of the rectangle around it."""
        height, width = self._map.box
        return height * width

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
        self._heading = observation["heading"]
        self._map.integrate(observation["view"], *self._position, self._heading)

    def act(self) -> int:
        """Follow the route, or plan another."""
        action = follow(self._route, self._map, self._position)
        if action is None:
            self._route = self._plan()
            action = follow(self._route, self._map, self._position)
        return int(self._rng.integers(4)) if action is None else action

    def counts(self) -> Mapping[str, int]:
        """One map, and no recall."""
        return {
            "fragments": 1,
            "recalls": 0,
            "matches": 0,
            "looks": 0,
            "stored_memory": self._map.known,
            "cells_read": self._read,
        }

    def _plan(self) -> Route | None:
        survey = Survey(self._map, self._position)
        self._read += survey.read
        self.done = not len(survey.clusters)
        if self.done:
            return None
        if self._way is not None:
            return self._way(survey, self._position, self._rng)
        if self._choice == "gain":
            return route_to_best_view(survey, self._map, self._position)
        weight = {"distance": by_distance, "nearest": by_nearness}.get(
            self._choice, Ahead(self._position, self._heading)
        )
        return route_to_cluster(survey, self._position, weight, self._rng.random())
