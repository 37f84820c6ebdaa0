"""FARMap: a map in fragments, cut at surprising places and taken up again where they are entered."""

from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from farmap.agents.agent import Observation
from farmap.agents.fragments import Border, Fragment, FragmentGraph
from farmap.agents.local_map import LocalMap
from farmap.agents.reachable import STEPS, Cell, Clusters, Survey
from farmap.agents.route import Route, follow, route_to_cluster
from fragmentation_recall.surprisal import RunningMoments, is_surprising

Criterion = Literal["z", "ratio", "random", "uniform"]

LEAST = 25  # earlier observations that a fragment's statistics must have
NEARLY_EXPLORED = 0.05  # q below which neighbouring fragments are considered
BEHIND = 1e-3  # weight of clusters behind the agent
DISCOUNT, LESS_DISCOUNT = 0.95, 0.01  # of the neighbour left last, and how much less of each one before it


class FarMap:
    """Fragmentation and recall for map building (Hwang et al. 2024, arXiv 2307.05793).

    Args:
        rng: of its choices.
        gamma: decay of confidence per step.
        rho: threshold of the criterion.
        epsilon: steps added to the distance of a fragment, so that the present one doesn't win by being near.
        criterion: where a fragment ends: ``z`` or ``ratio`` of the surprisal against those since the last
            fracture or recall, or, as controls, after a ``random`` or ``uniform`` number of steps.
        period: mean number of steps per fragment of the controls.
        recall: whether fragments are taken up again where the agent crosses a border. Without, it never
            goes back.
        capacity: fragments that are kept; None: all.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        gamma: float = 0.9,
        rho: float = 2.0,
        epsilon: float = 5.0,
        criterion: Criterion = "z",
        period: int = 150,
        recall: bool = True,
        capacity: int | None = None,
    ) -> None:
        self._rng = rng
        self._gamma = gamma
        self._rho = rho
        self._epsilon = epsilon
        self._criterion: Criterion = criterion
        self._period = period
        self._recall = recall
        self._moments = RunningMoments(1)
        self._graph = FragmentGraph(capacity)
        self._number = self._graph.add(LocalMap(gamma))
        self._position: Cell = (0, 0)
        self._heading = 0
        self._route: Route | None = None
        self._way: list[Border] = []  # borders to be crossed; the route leads to the first, if there is any
        # Crossed or given up since something was last explored, and no aim again before: what can be reached
        # in a fragment may depend on where it is entered, and the agent must not go to and fro for ever. That
        # it comes to an end at all is not said: each cut makes an empty fragment, with a frontier all around.
        self._tried: set[Border] = set()
        self._time = 0
        self._recalls = 0
        self.done = False

    @property
    def active_memory(self) -> int:
        """Known cells of the present fragment."""
        return self._fragment.chart.known

    @property
    def place(self) -> tuple[int, Cell]:
        """Number of the present fragment, and the position in it."""
        return self._number, self._position

    @property
    def maps(self) -> Mapping[int, LocalMap]:
        """The fragments' maps by number."""
        return {number: self._graph[number].chart for number in self._graph}

    @property
    def _fragment(self) -> Fragment:
        return self._graph[self._number]

    def counts(self) -> Mapping[str, int]:
        """Return fragments ever made, recalls, and the known cells of all fragments kept."""
        stored = sum(self._graph[number].chart.known for number in self._graph)
        return {"fragments": self._graph.made, "recalls": self._recalls, "stored_memory": stored}

    def observe(self, observation: Observation) -> None:
        """Follow the odometry, change fragments where a border is crossed, update the map, and cut it."""
        self._time += 1
        self._heading = observation["heading"]
        self._walk(*observation["moved"].tolist())
        view = observation["view"]
        confidence = self._fragment.chart.integrate(view, *self._position, self._heading)
        if self._is_fracture(1.0 - confidence):
            known = self._recall and self._fragment.crossing(self._position, self._heading)
            if known:
                self._take_up(known)  # cut here before: what follows is stored
            else:
                self._fracture()
            self._fragment.chart.integrate(view, *self._position, self._heading)

    def act(self) -> int:
        """Follow the route, or plan another."""
        action = follow(self._route, self._fragment.chart, self._position)
        if action is None:
            self._route = self._plan()
            self.done = self._route is None
            action = follow(self._route, self._fragment.chart, self._position)
        return int(self._rng.integers(4)) if action is None else action

    def _walk(self, rows: int, columns: int) -> None:
        border = None
        if (rows, columns) != (0, 0):
            meant = self._way[0] if self._way else None
            border = self._fragment.crossing(self._position, self._heading, meant)
        self._position = self._position[0] + rows, self._position[1] + columns
        if border is not None:
            self._take_up(border)

    def _take_up(self, border: Border) -> None:
        """Leave the present map for the stored one, placed by the border's offset."""
        self._graph.leave(self._number, self._time)
        self._number = border.to
        self._tried.add(border)
        if self._way and border is self._way[0]:
            self._way = self._way[1:]
        else:
            self._give_up_way()
        self._graph.use(self._number)
        self._position = self._position[0] + border.shift[0], self._position[1] + border.shift[1]
        self._route = None
        self._moments.reset(0)
        self._recalls += 1

    def _is_fracture(self, surprisal: float) -> bool:
        if self._criterion == "random":
            return bool(self._rng.random() * self._period < 1)
        if self._criterion == "uniform":
            return self._time % self._period == 0
        surprising = is_surprising(
            surprisal, self._moments, 0, criterion=self._criterion, rho=self._rho, least=LEAST
        )
        self._moments.add(0, surprisal)
        return bool(surprising)

    def _fracture(self) -> None:
        """Store the present map and begin another here."""
        near = self._number
        self._number = self._graph.add(LocalMap(self._gamma), keep=[near])
        if self._recall:
            self._graph.tie(near, self._number, self._position, self._heading)
        self._graph.leave(near, self._time)
        self._position = (0, 0)
        self._route = None
        self._way = []
        self._moments.reset(0)

    def _plan(self) -> Route | None:
        """Go on here, or over a border to where more is left; None where nothing is left anywhere."""
        survey = self._fragment.survey(self._position)
        here = survey.quotient / self._epsilon  # 0 if and only if there is no cluster
        if here and survey.quotient >= NEARLY_EXPLORED:
            return self._to_cluster(survey)
        reached = self._reachable_borders(survey)
        there = {
            border: self._desirability(border, distance)
            for border, (distance, _) in reached.items()
            if border not in self._tried
        }
        best = max(there, key=lambda border: there[border], default=None)
        if here and (best is None or here >= there[best]):
            return self._to_cluster(survey)
        if best is not None and there[best]:
            self._way = [best]
        else:
            self._go_far(reached)
        if not self._way:
            return None
        _, cell = reached[self._way[0]]
        return Route(self._position, [*survey.path(*cell), self._way[0].outward])

    def _reachable_borders(self, survey: Survey) -> dict[Border, tuple[int, Cell]]:
        """Return the borders that can be crossed, each with the steps to its nearest open cell, and it."""
        found = {}
        for border in self._fragment.borders:
            steps = [(survey.distance(*cell), cell) for cell in border.open_cells(self._fragment.chart)]
            reached = [step for step in steps if step[0] >= 0]
            if reached:
                found[border] = min(reached)
        return found

    def _desirability(self, border: Border, distance: int) -> float:
        """Return q / (d + epsilon), fragments left lately slightly discounted."""
        left = {other.to: self._graph[other.to].left for other in self._fragment.borders}
        later = sum(time > left[border.to] for time in left.values())
        discount = min(1.0, DISCOUNT + LESS_DISCOUNT * later)
        return discount * border.quotient / (distance + self._epsilon)

    def _go_far(self, reached: Collection[Border]) -> None:
        """Go on with the way over several borders, or find another where it can't be gone on with here."""
        if self._way and self._way[0] not in reached:
            self._give_up_way()
        if not self._way:
            self._way = self._graph.way_to_unexplored(self._number, reached, self._tried)

    def _give_up_way(self) -> None:
        """Aim at the end of the way no more, so that no way is taken for ever."""
        self._tried.update(self._way[-1:])
        self._way = []

    def _to_cluster(self, survey: Survey) -> Route:
        self._tried.clear()
        self._way = []
        return route_to_cluster(survey, self._position, self._weigh, self._rng.random())

    def _weigh(self, clusters: Clusters, steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weigh clusters by size over way, those behind the agent all but not."""
        ahead = (clusters.centroid - self._position) @ STEPS[self._heading] >= 0
        return clusters.size / steps * np.where(ahead, 1.0, BEHIND)
