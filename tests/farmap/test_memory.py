"""What FARMap knows across fragments, against brute force: shared cells, matches, overlays, statistics."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from farmap.agents.atlas import Atlas
from farmap.agents.farmap import FarMap
from farmap.agents.fragments import Border, Fragment
from farmap.agents.local_map import EMPTY, LocalMap
from farmap.agents.overlay import overlay
from farmap.agents.reachable import STEPS, Survey
from farmap.agents.recall import best_match, find_in, likeness
from farmap.world.environment import FarMapEnv
from farmap.world.maps import draw_world
from farmap.world.view import MIDDLE, UNKNOWN, WINDOW
from fragmentation_recall.series import Series
from fragmentation_recall.surprisal import RunningMoments, is_surprising
from gridcell.data.seeds import generator


def walked(world, seed, steps, start=None):
    """A map made on a random walk, its first place, the last one, and what is seen there."""
    env = FarMapEnv(world)
    observation, info = env.reset(seed=seed, options={"start": start} if start else None)
    first, chart, rng = info["position"], LocalMap(0.9), generator(seed)
    where = (0, 0)
    for _ in range(steps):
        chart.integrate(observation["view"], *where, observation["heading"])
        observation, _, _, _, info = env.step(int(rng.integers(4)))
        where = info["position"][0] - first[0], info["position"][1] - first[1]
    return chart, first, where, observation


def test_the_atlas_counts_who_knows_a_cell():
    world, atlas = draw_world("medium", 2), Atlas()
    charts, news = [], 0
    for seed in range(3):
        env, rng = FarMapEnv(world), generator(seed)
        observation, info = env.reset(seed=seed)
        chart, first, where = LocalMap(0.9), info["position"], (0, 0)
        for _ in range(150):
            chart.integrate(observation["view"], *where, observation["heading"])
            news += atlas.add(chart, first, where)
            observation, _, _, _, info = env.step(int(rng.integers(4)))
            where = info["position"][0] - first[0], info["position"][1] - first[1]
        charts.append((chart, first))
    known = [set(map(tuple, (chart.known_cells() + first).tolist())) for chart, first in charts]
    assert atlas.known == news == len(set.union(*known))
    everywhere = np.argwhere(np.ones(world.shape, bool))
    for kept in (3, 2, 1):
        union = set.union(*known[:kept])
        assert {tuple(cell) for cell in everywhere.tolist() if atlas.knows(*cell)} == union
        inner = np.array([cell for cell in everywhere if 20 < cell[0] < 30], np.int64)
        assert atlas.unknown(inner) == sum(tuple(cell) not in union for cell in inner.tolist())
        if kept > 1:
            atlas.remove(*charts[kept - 1])
            assert atlas.known == len(set.union(*known[: kept - 1]))


def test_what_others_know_is_no_frontier_and_is_counted():
    world, atlas = draw_world("medium", 2), Atlas()
    here, first, where, _ = walked(world, 0, 60)
    there, place, *_ = walked(world, 1, 400)
    for chart, at in ((here, first), (there, place)):
        chart.fresh, chart.learned = chart.known_cells(), chart.known
        for corner in ((-200, -200), (200, 200)):
            atlas._make_room(*corner)
        atlas.add(chart, at, (0, 0))
    alone, sharing = Survey(here, where), Survey(here, where, elsewhere=atlas.elsewhere(first))
    others = set(map(tuple, (there.known_cells() + place - first).tolist()))
    left = [cell for cell in alone.cells.tolist() if tuple(cell) not in others]
    assert 0 < len(left) < len(alone.cells)
    assert sorted(sharing.cells.tolist()) == sorted(left)
    top, bottom, left, right = here.bounds.tolist()
    shared = sum(
        here.colour(r, c) == UNKNOWN
        for r, c in others
        if top - 1 <= r + here.origin[0] <= bottom + 1 and left - 1 <= c + here.origin[1] <= right + 1
    )
    assert sharing.shared == shared


@pytest.mark.parametrize("seed", range(8))
def test_likeness_is_the_share_of_seen_cells_that_agree(seed):
    world = draw_world("small", seed)
    chart, _, where, observation = walked(world, seed, 40)
    heading, view = observation["heading"], observation["view"]
    for apart in ((0, 0), (0, 1), (3, -2), (400, 0)):
        position = where[0] + apart[0], where[1] + apart[1]
        seen = same = 0
        ahead, right = STEPS[heading], STEPS[[3, 2, 0, 1][heading]]
        for i, j in np.argwhere(view != UNKNOWN).tolist():
            cell = np.array(position) + (14 - i) * ahead + (j - 7) * right
            seen += 1
            same += chart.colour(*cell.tolist()) == view[i, j]
        expected = same / seen if chart.colour(*position) == 0 else 0.0
        assert likeness(chart, view, position, heading) == pytest.approx(expected)
    assert best_match([(4, chart, where)], view, heading, 0.0).number == 4
    assert best_match([(4, chart, (400, 0))], view, heading, 0.1) is None


def test_of_several_maps_the_one_most_alike_matches():
    world = draw_world("medium", 1)
    good, first, where, observation = walked(world, 3, 80)
    poor, other, *_ = walked(world, 4, 5)
    there = first[0] + where[0] - other[0], first[1] + where[1] - other[1]
    candidates = [(0, poor, there), (1, good, where), (2, good, where)]
    match = best_match(candidates, observation["view"], observation["heading"], 0.2)
    assert (match.number, match.position) == (1, where)


def test_colours_of_walls_find_the_place_without_odometry():
    found = 0
    for seed in range(20):
        chart, _, where, observation = walked(draw_world("medium", seed), seed, 120)
        if (observation["view"] > 0).sum() < 8:
            continue
        place = find_in(chart, observation["view"], observation["heading"])
        if likeness(chart, observation["view"], where, observation["heading"]) > 0.7:
            assert place == where
            found += 1
    assert found > 5
    assert find_in(LocalMap(0.9), observation["view"], 0) is None


def test_an_overlay_shows_what_any_map_knows():
    world = draw_world("medium", 5)
    walks = [walked(world, seed, 90) for seed in range(3)]
    fragments = [Fragment(chart, first) for chart, first, *_ in walks]
    fragments.insert(1, Fragment(LocalMap(0.9), (70, 70)))
    together = overlay(fragments)
    known = set()
    for fragment in fragments:
        known |= set(map(tuple, (fragment.chart.known_cells() + fragment.place).tolist()))
    shown = {tuple(cell) for cell in (np.argwhere(together.colours[0] != UNKNOWN) - together.origin).tolist()}
    assert shown == known
    for cell in known:
        assert together.colours[0][tuple(np.add(cell, together.origin))] == world.colours[cell]
    assert together.read == sum(fragment.chart.known for fragment in fragments)
    top, bottom, left, right = together.bounds.tolist()
    assert (together.colours[0, top : bottom + 1, left : right + 1] != UNKNOWN).sum() == len(known)


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=40),
    st.floats(0, 1),
    st.sampled_from(["z", "ratio"]),
    st.floats(0.1, 4),
)
def test_one_series_is_judged_as_many_are(values, value, criterion, rho):
    series, moments = Series(), RunningMoments(1)
    for one in values:
        series.add(one)
        moments.add(0, one)
    assert series.mean == pytest.approx(np.mean(values))
    assert series.std() == pytest.approx(np.std(values), abs=1e-12)
    assert series.std(ddof=1) == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    surprising = bool(is_surprising(value, moments, 0, criterion=criterion, rho=rho, least=5))
    margin = value - np.mean(values) - rho * np.std(values)
    if abs(margin) > 1e-9:
        assert series.is_surprising(value, criterion=criterion, rho=rho, least=5) == surprising
    series.clear()
    assert (series.count, series.mean, series.std()) == (0, 0.0, 0.0)


def test_active_memory_is_all_that_a_plan_may_read():
    """The map in use, what others know in its rectangle as the last plan saw it, and everything at a look."""
    env, agent = FarMapEnv(draw_world("large", 8)), FarMap(generator(0))
    observation, _ = env.reset(seed=0)
    shared = looks = 0
    while not agent.done:
        agent.observe(observation)
        assert agent.active_memory >= agent.own_memory == agent.maps[agent.place[0]].known
        assert agent.box_memory >= agent.own_memory
        shared += agent.active_memory > agent.own_memory
        before = agent.counts()["looks"]
        action = agent.act()
        if agent.counts()["looks"] > before:
            looks += 1
            assert agent.active_memory == env.seen.sum()
        observation, *_ = env.step(action)
    assert shared
    assert looks


@pytest.mark.parametrize("outward", range(4))
def test_the_cells_beyond_borders_and_their_gates_are_those_of_each_in_turn(outward):
    fragment = Fragment(LocalMap(0.9))
    borders = []
    for to, (row, column, count) in enumerate([(0, 0, 1), (-3, 5, 4), (2, -7, 9)]):
        along = (0, 1) if outward < 2 else (1, 0)
        cells = tuple((row + i * along[0], column + i * along[1]) for i in range(count))
        borders.append(Border(to, cells[0], cells, outward, (0, 0)))
        fragment.add_border(borders[-1])
    step = STEPS[outward]
    beyond = []
    for border in borders:
        ends = np.array(border.cells[0]) - along, np.array(border.cells[-1]) + along
        beyond += [tuple(cell + step) for cell in (ends[0], *np.array(border.cells), ends[1])]
    assert [tuple(cell) for cell in fragment._beyond.tolist()] == beyond
    gates = [[*cell, outward] for border in borders for cell in border.cells]
    assert fragment._gates.tolist() == gates
    assert fragment._starts.tolist() == [0, 1, 5, 14]
    fragment.forget_borders(1)
    assert fragment._starts.tolist() == [0, 1, 10]
    assert fragment._gates.tolist() == gates[:1] + gates[5:]


def test_a_cell_that_tens_of_thousands_of_fragments_know_stays_known():
    chart, atlas = LocalMap(0.9), Atlas()
    view = np.full((WINDOW, WINDOW), UNKNOWN, np.int32)
    view[WINDOW - 1, MIDDLE] = EMPTY
    chart.integrate(view, 0, 0, 0)
    for _ in range(33_000):  # more than 16 bits count
        atlas.add(chart, (0, 0), (0, 0))
    assert atlas.knows(0, 0)
    assert atlas.known == 1
