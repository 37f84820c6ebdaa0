"""A study: where do fragments end in connected compartments, and are they the same on return?

Maps of animals' grid cells break up where compartments join, and come back when the animal does (Derdikman
et al. 2009; Carpenter et al. 2015). Here an agent is led through equal rooms along a corridor, in a random
order, and only observes. Two numbers come out: how much more often than by chance its map changes near a
door, and how often a room that was visited before has the same map in use again.

    python -m farmap.compartments FOLDER    writes compartments.png and compartments.json
"""

import json
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from farmap.agents.farmap import FarMap
from farmap.agents.overlay import Overlay
from farmap.agents.reachable import Survey
from farmap.world.compartments import compartments, room_of, steps_to_door
from farmap.world.environment import FarMapEnv
from farmap.world.maps import World
from gridcell.data import generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOMS = 4
VISITS = 16  # of a tour
TOURS = 20
NEAR = 4.0  # cells from the middle of a door
RHOS = (2.0, 1.5, 1.0, 0.75)


@dataclass(frozen=True)
class Tour:
    """What happened on a tour.

    Attributes:
        changes: (row, column) where another map was taken into use, and whether it was a new one.
        near: share of all steps that are near a door.
        maps: (room, number of the map in use in its middle), a visit each.
    """

    changes: list[tuple[int, int, bool]]
    near: float
    maps: list[tuple[int, int]]

    @property
    def changes_near(self) -> list[bool]:
        """Whether each change of maps was near a door."""
        return [steps_to_door(row, column, ROOMS) <= NEAR for row, column, _ in self.changes]

    @property
    def same_on_return(self) -> list[bool]:
        """Whether each room that was visited before had the map in use again that it had last."""
        last: dict[int, int] = {}
        same = []
        for room, number in self.maps:
            if room in last:
                same.append(last[room] == number)
            last[room] = number
        return same


def tour(world: World, agent: FarMap, seed: int, visits: int = VISITS) -> Tour:
    """Lead an agent from the middle of a room to that of another, again and again.

    Args:
        world: from ``compartments``.
        agent: fresh; it only observes.
        seed: of the order of the rooms.
        visits: how many rooms are visited, the first included.
    """
    rng = generator(seed, "farmap", "tour")
    order = [int(rng.integers(ROOMS))]
    while len(order) < visits:
        order.append(int(rng.choice([room for room in range(ROOMS) if room != order[-1]])))
    middles = [
        tuple(np.argwhere(_in_room(world, room)).mean(axis=0).astype(int).tolist()) for room in range(ROOMS)
    ]
    env = FarMapEnv(world, max_steps=10**9)
    observation, _ = env.reset(seed=seed, options={"start": (*middles[order[0]], 0)})
    agent.observe(observation)
    changes, near, maps = [], [], [(order[0], agent.place[0])]
    for before, room in pairwise(order):
        for heading in _way(world, middles[before], middles[room]):
            number, made = agent.place[0], agent.counts()["fragments"]
            observation, *_ = env.step(heading)
            agent.observe(observation)
            near.append(steps_to_door(env.row, env.column, ROOMS) <= NEAR)
            if agent.place[0] != number:
                changes.append((env.row, env.column, agent.counts()["fragments"] > made))
        maps.append((room, agent.place[0]))
    return Tour(changes, float(np.mean(near)), maps)


def study(tours: int = TOURS) -> dict[str, Any]:
    """Return per threshold rho the shares, and where maps changed, of so many tours; ready for JSON."""
    world = compartments(ROOMS)
    found = {}
    for rho in RHOS:
        taken = [tour(world, FarMap(generator(seed), rho=rho), seed) for seed in range(tours)]
        changes = [near for one in taken for near in one.changes_near]
        same = [back for one in taken for back in one.same_on_return]
        found[f"rho {rho:g}"] = {
            "tours": tours,
            "changes": len(changes),
            "changes_near_a_door": float(np.mean(changes)),
            "steps_near_a_door": float(np.mean([one.near for one in taken])),
            "returns": len(same),
            "same_map_on_return": float(np.mean(same)),
            "rooms_with_a_map_of_their_own": float(np.mean([_own_maps(one) for one in taken])),
            "places": [list(change) for one in taken for change in one.changes],
        }
    return found


def draw(found: dict[str, Any]) -> "Figure":
    """Draw where maps changed, a panel for each threshold."""
    from gridcell.plots import style

    world = compartments(ROOMS)
    height, width = world.shape
    wide = 7.0
    tall = wide * height / width
    figure = style.new_figure(wide + 0.3, len(found) * (tall + 0.4) + 0.7)
    top = figure.get_size_inches()[1]
    style.write(
        figure, 0.15, top - 0.28, "Where the map in use changes", fontsize=style.TITLE_SIZE, weight="bold"
    )
    style.write(
        figure,
        0.15,
        top - 0.5,
        "Orange: a new map. Blue: a stored one is recalled.",
        fontsize=style.TICK_SIZE,
    )
    rng = np.random.default_rng(0)
    for number, (name, one) in enumerate(found.items()):
        axes = style.place(figure, 0.15, top - 0.65 - (number + 1) * (tall + 0.4) + 0.05, wide, tall)
        axes.imshow(np.where(world.colours == 0, 1.0, 0.25), cmap="gray", vmin=0, vmax=1)
        for new, colour in ((True, style.colour(1)), (False, style.colour(0))):
            places = np.array([place[:2] for place in one["places"] if place[2] == new], float).reshape(-1, 2)
            places += rng.uniform(-0.4, 0.4, places.shape)  # so that equal ones can be told apart
            axes.plot(places[:, 1], places[:, 0], "o", color=colour, markersize=3, alpha=0.6)
        axes.set_title(
            f"{name}: {100 * one['changes_near_a_door']:.0f} % of {one['changes']} changes near a door "
            f"({100 * one['steps_near_a_door']:.0f} % of all steps); the same map on "
            f"{100 * one['same_map_on_return']:.0f} % of {one['returns']} returns",
            fontsize=style.TICK_SIZE,
            color=style.INK,
            loc="left",
        )
        axes.set_axis_off()
    return figure


def _own_maps(one: Tour) -> float:
    """Return which share of the rooms ends with a map that no other room has."""
    last = dict(one.maps)
    numbers = list(last.values())
    return float(np.mean([numbers.count(number) == 1 for number in numbers]))


def _in_room(world: World, room: int) -> np.ndarray[Any, Any]:
    rows, columns = world.shape
    return np.array(
        [
            [world.colours[r, c] == 0 and room_of(r, c, ROOMS) == room for c in range(columns)]
            for r in range(rows)
        ]
    )


def _way(world: World, start: tuple[int, int], end: tuple[int, int]) -> list[int]:
    """Return the headings of a shortest path."""
    height, width = world.shape
    whole = Overlay(world.colours[None], (0, 0), np.array([1, height - 2, 1, width - 2]), 0)
    return Survey(whole, start).path(*end)


def main(folder: Path) -> None:
    """Run the study and write its figure and its numbers."""
    from gridcell.plots import style

    folder.mkdir(parents=True, exist_ok=True)
    found = study()
    (folder / "compartments.json").write_text(json.dumps(found, indent=1) + "\n")
    style.save(draw(found), folder / "compartments.png")
    for name, one in found.items():
        told = {key: value for key, value in one.items() if key != "places"}
        sys.stdout.write(f"{name}: {told}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
