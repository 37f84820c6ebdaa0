"""The study of compartments: rooms, doors, and what its numbers count."""

import numpy as np

from farmap.agents.farmap import FarMap
from farmap.compartments import ROOMS, Tour, tour
from farmap.world.compartments import compartments, room_of, steps_to_door
from gridcell.data.seeds import generator


def test_rooms_are_equal_and_open_to_the_corridor():
    world = compartments(3, 4, 2)
    rooms = [sum(room_of(r, c, 3, 4) == room for r, c in world.free_cells.tolist()) for room in range(3)]
    assert rooms == [(3 * 4) ** 2] * 3
    doors = [cell for cell in world.free_cells.tolist() if steps_to_door(*cell, 3, 4) == 0]
    assert len(doors) == 3
    assert len(world.free_cells) == sum(rooms) + 3 * 9 + 9 * 2 * (3 * 5 - 1)


def test_a_tour_is_counted_as_it_went():
    counted = Tour([(0, 0, True), (22, 13, False)], 0.5, [(0, 1), (1, 2), (0, 1), (1, 3), (0, 4), (1, 3)])
    assert counted.changes_near == [False, True]
    assert counted.same_on_return == [True, False, False, True]


def test_maps_change_at_doors_far_more_often_than_by_chance():
    near, chance = [], []
    for seed in range(3):
        agent = FarMap(generator(seed), rho=2.0)
        taken = tour(compartments(ROOMS), agent, seed, visits=8)
        near += taken.changes_near
        chance.append(taken.near)
        assert len(taken.maps) == 8
        assert len(taken.changes) >= agent.counts()["fragments"] - 1
    assert np.mean(near) > 0.9 > 2 * np.mean(chance)
