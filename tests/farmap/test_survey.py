"""Shortest paths against networkx, frontier clusters against scipy.ndimage."""

import networkx as nx
import numpy as np
from hypothesis import given, settings, strategies as st
from scipy import ndimage

from farmap.agents.local_map import LocalMap
from farmap.agents.reachable import STEPS, Clusters, Survey, choose, towards
from farmap.world.view import UNKNOWN

EIGHT = np.ones((3, 3), int)


def chart_of(cells):
    """A map whose cell (0, 0) is the array's first, without what the agent saw on its way."""
    chart = LocalMap(0.9)
    height, width = cells.shape
    chart.colours = np.full((2, height + 4, width + 4), UNKNOWN, np.int32)
    chart.colours[0, 2:-2, 2:-2] = cells
    chart.origin = (2, 2)
    chart.bounds = np.array([2, height + 1, 2, width + 1])
    return chart


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = draw(st.tuples(st.integers(2, 14), st.integers(2, 14)))
    cells = rng.choice([UNKNOWN, 0, 0, 0, 3], shape).astype(np.int32)
    start = tuple(int(rng.integers(extent)) for extent in shape)
    cells[start] = 0
    empty = np.argwhere(cells == 0)
    gates = np.array([(*rng.choice(empty), rng.integers(4)) for _ in range(draw(st.integers(0, 8)))])
    beyond = np.argwhere(rng.random(shape) < draw(st.sampled_from([0.0, 0.2])))
    return cells, start, gates.reshape(-1, 3).astype(np.int64), beyond


def graph_of(cells, gates):
    graph = nx.DiGraph()
    shut = {tuple(gate) for gate in gates.tolist()}
    for r, c in np.argwhere(cells == 0).tolist():
        graph.add_node((r, c))
        for heading, (rows, columns) in enumerate(STEPS.tolist()):
            there = r + rows, c + columns
            inside = 0 <= there[0] < cells.shape[0] and 0 <= there[1] < cells.shape[1]
            if inside and cells[there] == 0 and (r, c, heading) not in shut:
                graph.add_edge((r, c), there)
    return graph


@settings(max_examples=40)
@given(problems())
def test_paths_are_shortest(problem):
    cells, start, gates, beyond = problem
    survey = Survey(chart_of(cells), start, gates, beyond)
    lengths = nx.single_source_shortest_path_length(graph_of(cells, gates), start)
    shut = {tuple(gate) for gate in gates.tolist()}
    assert survey.empty == (cells == 0).sum()
    for cell in np.ndindex(cells.shape):
        assert survey.distance(*cell) == lengths.get(cell, -1)
    for cell, length in lengths.items():
        path = survey.path(*cell)
        assert len(path) == length
        place = start
        for heading in path:
            assert (*place, heading) not in shut
            place = place[0] + int(STEPS[heading, 0]), place[1] + int(STEPS[heading, 1])
            assert cells[place] == 0
        assert place == cell
    assert survey.distance(-50, 3) == -1


@given(problems())
def test_clusters_are_the_connected_unknown_cells_beside_reached_ones(problem):
    cells, start, gates, beyond = problem
    survey = Survey(chart_of(cells), start, gates, beyond)
    padded = np.pad(cells, 2, constant_values=UNKNOWN)
    reached = np.zeros(padded.shape, bool)
    for cell in nx.single_source_shortest_path_length(graph_of(cells, gates), start):
        reached[cell[0] + 2, cell[1] + 2] = True
    frontier = ndimage.binary_dilation(reached, EIGHT) & (padded == UNKNOWN)
    for r, c in beyond:
        frontier[r + 2, c + 2] = False
    labels, count = ndimage.label(frontier, EIGHT)
    clusters = survey.clusters
    assert survey.frontier == frontier.sum() == clusters.size.sum()
    assert len(clusters) == count
    for size, centroid, goal, target in zip(*clusters, strict=True):
        label = labels[target[0] + 2, target[1] + 2]
        members = np.argwhere(labels == label) - 2
        assert label > 0
        assert size == len(members)
        np.testing.assert_allclose(centroid, members.mean(axis=0))
        assert reached[goal[0] + 2, goal[1] + 2]
        assert np.abs(goal - target).max() == 1
        beside = np.argwhere(reached & ndimage.binary_dilation(labels == label, EIGHT)) - 2
        nearest = ((beside - centroid) ** 2).sum(axis=1).min()
        np.testing.assert_allclose(((goal - centroid) ** 2).sum(), nearest)


@given(
    st.integers(-5, 5), st.integers(-5, 5), st.sampled_from([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
)
def test_facing_a_neighbour_brings_it_into_the_cone(row, column, apart):
    if apart != (0, 0):
        rows, columns = STEPS[towards((row, column), (row + apart[0], column + apart[1]))]
        assert rows * apart[0] + columns * apart[1] == 1


def test_clusters_are_chosen_in_proportion_and_small_ones_left_out():
    cells = np.zeros((9, 9), np.int32)
    cells[:, [0, -1]] = cells[[0, -1]] = 4
    cells[0, 2:5] = cells[8, 3:8] = cells[4, 0] = UNKNOWN
    survey = Survey(chart_of(cells), (4, 4))
    assert sorted(survey.clusters.size.tolist()) == [1, 3, 5]

    def weigh(clusters: Clusters, steps):
        return clusters.size.astype(float)

    chosen = [
        int(survey.clusters.size[choose(survey, weigh, chance)]) for chance in np.linspace(0, 0.999999, 800)
    ]
    assert {size: chosen.count(size) for size in set(chosen)} == {3: 300, 5: 500}
