"""A way that an agent has decided on, and when it no longer makes sense."""

from collections.abc import Iterable

from farmap.agents.local_map import LocalMap
from farmap.agents.reachable import Cell, Survey, Weight, choose, towards
from farmap.world.view import UNKNOWN

_STEPS = [(-1, 0), (1, 0), (0, -1), (0, 1)]  # plain numbers, for one at a time
TURN = 4  # added to a heading: turn there and stay


class Route:
    """Headings to walk, then a turn to face what was to be seen.

    Args:
        start: where it begins.
        headings: of the steps.
        target: the unknown cell that it is to show; the route is over once that is known.
        face: heading to turn to at the end.
    """

    def __init__(
        self, start: Cell, headings: Iterable[int], target: Cell | None = None, face: int | None = None
    ) -> None:
        self._actions = list(headings)
        if face is not None:
            self._actions.append(TURN + face)
        self._actions.reverse()
        self._expected = start
        self._target = target

    def shift(self, rows: int, columns: int) -> None:
        """Go on in coordinates that are so much larger."""
        self._expected = self._expected[0] + rows, self._expected[1] + columns
        if self._target is not None:
            self._target = self._target[0] + rows, self._target[1] + columns

    def next(self, chart: LocalMap, position: Cell) -> int | None:
        """Return the next action, None where the route is at its end, blocked, lost or of no use any more.

        Args:
            chart: the map that it was planned on, as it is known by now.
            position: where the agent is.
        """
        if not self._actions or position != self._expected:
            return None
        if self._target is not None and chart.colour(*self._target) != UNKNOWN:
            return None
        action = self._actions.pop()
        if action < TURN:
            rows, columns = _STEPS[action]
            self._expected = position[0] + rows, position[1] + columns
            if chart.colour(*self._expected) > 0:
                return None
        return action


def follow(route: Route | None, chart: LocalMap, position: Cell) -> int | None:
    """Return the next action of a route, None where there is no route or it makes no sense any more."""
    return None if route is None else route.next(chart, position)


def route_to_cluster(
    survey: Survey, position: Cell, weight: Weight, chance: float, to_end: bool = False
) -> Route:
    """Choose a cluster (see ``choose``) and return the way to where it is seen from.

    Args:
        survey: with at least one cluster.
        position: the agent's.
        weight: of the clusters.
        chance: uniform in [0, 1).
        to_end: whether to walk on when what was to be seen is seen.
    """
    clusters = survey.clusters
    chosen = choose(survey, weight, chance)
    row, column = clusters.goal[chosen].tolist()
    target = tuple(clusters.target[chosen].tolist())
    face = towards((row, column), target)
    return Route(position, survey.path(row, column), None if to_end else target, face)
