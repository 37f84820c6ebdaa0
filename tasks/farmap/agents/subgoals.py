"""Where FARMap goes next: on in its fragment, over a border, or to what all maps show (section 3.3)."""

from bisect import bisect_right
from collections.abc import Collection
from typing import Literal

import numpy as np

from farmap.agents.atlas import Atlas
from farmap.agents.fragments import Border, Fragment, FragmentGraph
from farmap.agents.overlay import overlay
from farmap.agents.reachable import Cell, Survey, Weight
from farmap.agents.route import Route, route_to_cluster
from farmap.agents.weights import BEHIND, BEHIND_RELEASED, Ahead, by_nearness

Choice = Literal["weighted", "nearest"]

NEARLY_EXPLORED = 0.05  # q below which neighbouring fragments are considered
DISCOUNT, LESS_DISCOUNT = 0.95, 0.01  # of the neighbour left last, and how much less of each one before it


class Subgoals:
    """Chooses subgoals and remembers which ones are of no use for now.

    Args:
        rng: of its choices.
        graph: the fragments.
        atlas: what any of them knows.
        epsilon: steps added to the distance of a fragment.
        share: whether what another fragment knows is no frontier.
        choice: of a cluster, by chance in proportion to the paper's weight, size over way and hardly one
            behind the agent (``weighted``), or the ``nearest``.
        released: whether to choose as the authors' code does: cells beyond a border are frontier, clusters
            behind the agent weigh less still, paths are walked to their end.

    Attributes:
        way: borders to be crossed; the route leads to the first, if there is any.
        read: cells that planning looked over, in all.
        shared: cells that the last plan took from what other fragments know.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        graph: FragmentGraph,
        atlas: Atlas,
        *,
        epsilon: float,
        share: bool,
        choice: Choice,
        released: bool,
    ) -> None:
        self._choice = choice
        self._rng = rng
        self._graph = graph
        self._atlas = atlas
        self._epsilon = epsilon
        self._share = share
        self._released = released
        # Crossed or given up since something new was seen, and no aim again before: what can be reached
        # in a fragment may depend on where it is entered, and the agent must not go to and fro for ever.
        self._tried: set[Border] = set()
        self.way: list[Border] = []
        self.read = 0
        self.shared = 0

    def renew(self) -> None:
        """Take every border for an aim again: there is something new."""
        self._tried.clear()

    def crossed(self, border: Border) -> None:
        """Note that a border was crossed; whatever the aim was, it goes on or is given up."""
        self._tried.add(border)
        if self.way and border is self.way[0]:
            self.way = self.way[1:]
        else:
            self.give_up_way()

    def give_up_way(self) -> None:
        """Aim at the end of the way no more, so that no way is taken for ever."""
        self._tried.update(self.way[-1:])
        self.way = []

    def survey(self, fragment: Fragment, position: Cell) -> Survey:
        """Look over a fragment from a cell of it."""
        found = fragment.survey(position, self._atlas if self._share else None, not self._released)
        self.read += found.read
        return found

    def near(self, number: int, position: Cell, heading: int) -> Route | None:
        """Return the way to a subgoal here or over borders, None where nothing is left by what is stored.

        Args:
            number: of the fragment in use.
            position: the agent's in it.
            heading: the agent's.
        """
        fragment = self._graph[number]
        survey = self.survey(fragment, position)
        self.shared = survey.shared
        here = survey.quotient / self._epsilon  # 0 if and only if there is no cluster
        if here and survey.quotient >= NEARLY_EXPLORED:
            return self._to_cluster(survey, position, heading)
        reached = fragment.reachable(survey)
        discounts = self._discounts(fragment)
        there = {
            border: discounts[border.to] * self._quotient(border) / (distance + self._epsilon)
            for border, (distance, _) in reached.items()
            if border not in self._tried
        }
        best = max(there, key=lambda border: there[border], default=None)
        if here and (best is None or here >= there[best]):
            return self._to_cluster(survey, position, heading)
        if best is not None and there[best]:
            self.way = [best]
        else:
            self._go_far(number, reached)
        if not self.way:
            return None
        _, cell = reached[self.way[0]]
        outward = self.way[0].outward
        if self._released:  # a border is crossed by standing on it
            return Route(position, survey.path(*cell), face=outward)
        return Route(position, [*survey.path(*cell), outward])

    def far(self, number: int, position: Cell, heading: int) -> Route | None:
        """Lay all maps over each other; return the way to what is frontier of all, None where nothing is.

        Args:
            number: of the fragment in use.
            position: the agent's in it.
            heading: the agent's.
        """
        self.way = []
        fragment = self._graph[number]
        others = sorted(
            (self._graph[other] for other in self._graph if other != number), key=lambda other: other.left
        )
        together = overlay([*others, fragment])
        rows, columns = fragment.place
        survey = Survey(together, (position[0] + rows, position[1] + columns))
        self.read += together.read + survey.read
        if not len(survey.clusters):
            return None
        route = route_to_cluster(
            survey,
            (position[0] + rows, position[1] + columns),
            self._weigh_at((position[0] + rows, position[1] + columns), heading),
            self._rng.random(),
        )
        route.shift(-rows, -columns)
        return route

    def _to_cluster(self, survey: Survey, position: Cell, heading: int) -> Route:
        self.way = []
        weigh = self._weigh_at(position, heading)
        return route_to_cluster(survey, position, weigh, self._rng.random(), to_end=self._released)

    def _weigh_at(self, position: Cell, heading: int) -> Weight:
        if self._choice == "nearest":
            return by_nearness
        return Ahead(position, heading, BEHIND_RELEASED if self._released else BEHIND)

    def _quotient(self, border: Border) -> float:
        """Return frontier per empty cell in the fragment beyond a border, as far as it is still unknown."""
        left = self._graph.remains(border, self.survey)
        if not len(left.frontier):
            return 0.0
        unknown = self._atlas.unknown(left.frontier) if self._share else len(left.frontier)
        return unknown / max(1, left.empty)

    def _discounts(self, fragment: Fragment) -> dict[int, float]:
        """Return by which factor each neighbour of a fragment counts: less where it was left lately."""
        left = {border.to: self._graph[border.to].left for border in fragment.borders}
        times = sorted(left.values())
        later = {number: len(times) - bisect_right(times, time) for number, time in left.items()}
        return {number: min(1.0, DISCOUNT + LESS_DISCOUNT * count) for number, count in later.items()}

    def _go_far(self, number: int, reached: Collection[Border]) -> None:
        """Go on with the way over several borders, or find another where it can't be gone on with here."""
        if self.way and self.way[0] not in reached:
            self.give_up_way()
        if not self.way:
            self.way = self._graph.way_to_unexplored(number, reached, self._tried, self._quotient)
