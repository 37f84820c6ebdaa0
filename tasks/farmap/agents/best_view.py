"""The next best view: where most of the unknown would be seen, for the way there."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.local_map import EMPTY, LocalMap
from farmap.agents.reachable import Survey
from farmap.agents.route import Route
from farmap.world.view import MIDDLE, UNKNOWN, WINDOW, place, rays

DECAY = 0.05  # per step of the way; of 0.03 to 0.4 the best on large maps 0 to 23


def route_to_best_view(survey: Survey, chart: LocalMap, position: tuple[int, int]) -> Route:
    """Return the way to the view with the highest ``gain * exp(-DECAY * steps)``.

    Source: Gonzalez-Banos and Latombe 2002.

    Views are the subgoals of all frontier clusters in all four headings; gain is the number of unknown cells
    that would be seen if everything unknown were empty.

    Args:
        survey: with at least one cluster.
        chart: that it looked over.
        position: the agent's.
    """
    clusters = survey.clusters
    gains = _gains(chart.colours[0], clusters.goal + np.array(chart.origin), *rays())
    value = gains * np.exp(-DECAY * survey.steps(clusters.goal))[:, None]
    chosen, heading = divmod(int(value.argmax()), 4)
    row, column = clusters.goal[chosen].tolist()
    target = tuple(clusters.target[chosen].tolist())
    return Route(position, survey.path(row, column), target, heading)


@njit(cache=True)
def _gains(
    colours: NDArray[np.int32],
    cells: NDArray[np.int64],
    starts: NDArray[np.int32],
    steps: NDArray[np.int8],
) -> NDArray[np.float64]:
    """Return how many unknown cells each cell shows in each heading, (cells, 4)."""
    height, width = colours.shape
    gains = np.zeros((len(cells), 4))
    counted = np.zeros((WINDOW, WINDOW), np.bool_)
    for i in range(len(cells)):
        for heading in range(4):
            counted[:] = False
            for ray in range(len(starts) - 1):
                for step in range(starts[ray], starts[ray + 1]):
                    free = True
                    blocked = 0
                    for touched in range(3):
                        ahead, right = steps[step, 2 * touched], steps[step, 2 * touched + 1]
                        if ahead < 0:
                            continue
                        r, c = place(cells[i, 0], cells[i, 1], heading, ahead, right)
                        outside = not (0 <= r < height and 0 <= c < width)
                        colour = UNKNOWN if outside else colours[r, c]
                        if colour == UNKNOWN and not counted[ahead, right + MIDDLE]:
                            counted[ahead, right + MIDDLE] = True
                            gains[i, heading] += 1
                        if colour > EMPTY:
                            if touched == 0:
                                free = False
                            else:
                                blocked += 1
                    if not free or blocked == 2:
                        break
    return gains
