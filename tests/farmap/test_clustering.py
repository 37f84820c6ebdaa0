"""The study of the released Frontier's clustering: what each fault does to the clusters, and to a run."""

import numpy as np

from farmap.agents.explore import explore
from farmap.agents.farmap import FarMap
from farmap.agents.reachable import Survey
from farmap.clustering import Clustering, run
from farmap.world.environment import FarMapEnv
from farmap.world.maps import draw_world
from gridcell.data.seeds import generator

RIGHT = Clustering(wrong_neighbour=False, mixed=False)


def sizes(clustering, cells):
    return sorted(len(group) for group in clustering.groups(np.array(cells)))


def test_without_a_fault_clusters_are_those_of_the_survey():
    agent = FarMap(generator(0))
    explore(FarMapEnv(draw_world("medium", 0), max_steps=60), agent, seed=0)
    survey = Survey(agent.maps[agent.place[0]], agent.place[1])
    assert len(survey.clusters) > 1
    assert sizes(RIGHT, survey.cells) == sorted(survey.clusters.size.tolist())


def test_by_the_wrong_neighbour_strips_fall_apart_and_diagonals_hold():
    wrong = Clustering(wrong_neighbour=True, mixed=False)
    strip, diagonal = [[i, 0] for i in range(5)], [[i, i] for i in range(5)]
    assert sizes(RIGHT, strip) == sizes(RIGHT, diagonal) == [5]
    assert sizes(wrong, strip) == [1] * 5
    assert sizes(wrong, diagonal) == [5]


def test_a_number_that_is_overwritten_mixes_clusters_far_apart():
    # The first cell of the second pair is the nearest to its centroid: the third pair gets its number, 1.
    pairs = [[row, column] for row in (0, 20, 40) for column in (0, 1)]
    assert sizes(RIGHT, pairs) == [2, 2, 2]
    assert sizes(Clustering(wrong_neighbour=False, mixed=True), pairs) == [6]


def test_only_without_mixed_numbers_a_map_is_finished():
    world = draw_world("small", 0, seed=1)
    assert run(world, RIGHT, 0).done
    stuck = run(world, Clustering(wrong_neighbour=True, mixed=True), 0, steps=500)
    assert not stuck.done
    assert stuck.seen[-1] < world.visible_cells
