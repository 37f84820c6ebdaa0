"""A study: what do the two faults cost that the clustering of the authors' Frontier is known to have?

It tests the neighbour ``(row + d, column + d)`` where ``(row + e, column + d)`` is meant, so that straight
strips of the frontier fall apart; and the number of the present cluster is overwritten by the index of one of
its cells, the nearest to the centroid, so that clusters with one number are mixed. Their code was not run:
what follows is a reconstruction from that description, with each fault alone, both, and none. Its subgoal is
the empty cell nearest to a cluster's centroid, wherever that lies, and a way is walked to its end.

    python -m farmap.clustering    prints a table
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farmap.agents.explore import Run, explore
from farmap.agents.frontier import Frontier
from farmap.agents.reachable import Cell, Survey, towards
from farmap.agents.route import Route
from farmap.world.environment import FarMapEnv
from farmap.world.maps import World, draw_world
from gridcell.data import generator

MAPS = 20
STEPS = 5_000
COLLECTION = 1  # no parameter was chosen on it
MEANT = tuple((rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1) if rows or columns)
WRONG = ((-1, -1), (1, 1))


@dataclass(frozen=True)
class Clustering:
    """Which faults a clustering has.

    Attributes:
        wrong_neighbour: whether only cells at ``(row + d, column + d)`` are neighbours.
        mixed: whether the number of the present cluster is overwritten.
    """

    wrong_neighbour: bool
    mixed: bool

    def __str__(self) -> str:
        faults = ["wrong neighbour"] * self.wrong_neighbour + ["mixed numbers"] * self.mixed
        return " and ".join(faults) or "neither"

    def groups(self, cells: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Group the frontier's cells, int64 (n, 2), into clusters, int64 (size, 2) each."""
        neighbours = WRONG if self.wrong_neighbour else MEANT
        waiting = dict.fromkeys(sorted((row, column) for row, column in cells.tolist()), True)
        numbered: dict[int, list[Cell]] = {}
        number = 0
        for first in waiting:
            if not waiting[first]:
                continue
            members = _connected(first, waiting, neighbours)
            number += 1
            numbered.setdefault(number, []).extend(members)
            if self.mixed:
                places = np.array(members)
                number = int(((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin())
        return [np.array(members) for members in numbered.values()]


def _connected(first: Cell, waiting: dict[Cell, bool], neighbours: Sequence[Cell]) -> list[Cell]:
    """Return the waiting cells that are connected with one; they wait no more."""
    waiting[first] = False
    members = [first]
    for row, column in members:  # which grows meanwhile
        for rows, columns in neighbours:
            other = row + rows, column + columns
            if waiting.get(other):
                waiting[other] = False
                members.append(other)
    return members


def route_by(clustering: Clustering) -> Callable[[Survey, Cell, np.random.Generator], Route]:
    """Return how Frontier goes on with a clustering: to a cluster at random in proportion to 1/way."""

    def route(survey: Survey, position: Cell, rng: np.random.Generator) -> Route:
        groups = clustering.groups(survey.cells)
        least = min(3, max(len(group) for group in groups))
        centroids = np.array([group.mean(axis=0) for group in groups if len(group) >= least])
        apart = ((survey.reached[:, None] - centroids) ** 2).sum(axis=2)
        goals = survey.reached[apart.argmin(axis=0)]
        weights = 1.0 / survey.steps(goals)
        chosen = int(rng.choice(len(goals), p=weights / weights.sum()))
        row, column = goals[chosen].tolist()
        ahead = tuple(np.rint(centroids[chosen]).astype(int).tolist())
        return Route(position, survey.path(row, column), face=towards((row, column), ahead))

    return route


def run(world: World, clustering: Clustering, seed: int, steps: int = STEPS) -> Run:
    """Let Frontier with a clustering explore a world for at most so many steps."""
    agent = Frontier(generator(seed, "farmap", "agent"), route=route_by(clustering))
    return explore(FarMapEnv(world, max_steps=steps), agent, seed=seed)


def study(maps: int = MAPS) -> dict[str, list[Run]]:
    """Return per clustering its runs, one on each of so many large maps."""
    worlds = [draw_world("large", index, seed=COLLECTION) for index in range(maps)]
    ways = [Clustering(wrong, mixed) for wrong in (False, True) for mixed in (False, True)]
    return {str(way): [run(world, way, seed) for seed, world in enumerate(worlds)] for way in ways}


def main() -> None:
    """Print a row for each clustering."""
    worlds = [draw_world("large", index, seed=COLLECTION) for index in range(MAPS)]
    for name, runs in study().items():
        seen = [
            100 * float(one.seen[-1]) / world.visible_cells for one, world in zip(runs, worlds, strict=True)
        ]
        steps = [one.reached[95][0] if 95 in one.reached else one.steps for one in runs]
        done = sum(one.done for one in runs)
        sys.stdout.write(
            f"{name}: seen {np.mean(seen):.1f} % (least {min(seen):.1f} %), done {done} of {len(runs)}, "
            f"steps to 95 % {np.mean(steps):.0f}, where missed those of the run\n"
        )


if __name__ == "__main__":
    main()
