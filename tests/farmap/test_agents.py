"""Agents: they cover the map, know where they are, and do the same again under the same seed."""

import subprocess
import sys

import numpy as np
import pytest

from farmap.agents.explore import explore
from farmap.agents.farmap import FarMap
from farmap.agents.fragments import Border, FragmentGraph
from farmap.agents.frontier import Frontier
from farmap.agents.kinds.farmap import PRESETS
from farmap.agents.local_map import LocalMap
from farmap.agents.make import make_agent
from farmap.agents.random_walk import RandomWalk
from farmap.world.environment import FarMapEnv
from farmap.world.maps import SIZES, draw_world, from_array
from gridcell.data.seeds import generator

VARIANTS = [
    {},
    {"rho": 1.0},
    {"criterion": "ratio", "rho": 1.5},
    {"criterion": "random", "period": 40},
    {"criterion": "uniform", "period": 40},
    {"recall": "border", "share": False, "last_look": False},
    {"recall": "off"},
    {"closure": True, "rho": 1.0},
    {"rho": 1.0, "capacity": 4},
    PRESETS["released"],
]


class TrueFrames:
    """Checks at each step that the agent is where its fragment's map says it is.

    A fragment's frame is fixed once by the place where it was begun; whatever happens in between, the true
    position less the one in the fragment must stay that offset.
    """

    def __init__(self):
        self.offsets = {}
        self.switches = 0
        self.last = None

    def __call__(self, env, agent):
        number, (row, column) = agent.place
        offset = env.row - row, env.column - column
        assert self.offsets.setdefault(number, offset) == offset
        self.switches += self.last is not None and number < self.last
        self.last = number
        chart = agent.maps[number]
        for cell in np.argwhere(chart.colours[0] >= 0)[::11]:
            truth = tuple(cell - chart.origin + offset)
            assert chart.colours[0][tuple(cell)] == env.world.colours[truth]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_recall_puts_the_agent_at_the_true_place(variant):
    frames = [TrueFrames() for _ in range(2)]
    for index, frame in enumerate(frames):
        env = FarMapEnv(draw_world("medium", 3 + index), max_steps=600)
        run = explore(env, FarMap(generator(index), **variant), seed=index, watch=frame)
        assert run.counts["fragments"] == len(frame.offsets)
    recalls = sum(frame.switches for frame in frames)
    if variant in ({"rho": 1.0}, {"criterion": "uniform", "period": 40}):
        assert recalls > 0
    if variant == {"recall": "off"}:
        assert recalls == 0


@pytest.mark.parametrize("kind", ["frontier", "farmap"])
@pytest.mark.parametrize("size", SIZES)
def test_small_worlds_are_covered_and_the_agent_knows(kind, size):
    covered = []
    for index in range(2 if size == "huge" else 5):
        env = FarMapEnv(draw_world(size, index), max_steps=20_000)
        run = explore(env, make_agent({"kind": kind}, generator(index)), seed=index)
        share = run.seen[-1] / env.world.visible_cells
        covered.append(share)
        assert not run.done or share == 1
        if kind == "frontier":
            assert run.done
        assert all(run.reached[p] <= run.reached[q] for p in run.reached for q in run.reached if p < q)
    assert np.median(covered) >= 0.95


@pytest.mark.slow
def test_farmap_keeps_less_in_use_on_large_maps():
    memory = {}
    for kind in ("frontier", "farmap"):
        runs = [
            explore(FarMapEnv(draw_world("large", i)), make_agent({"kind": kind}, generator(i)), seed=i)
            for i in range(6, 10)
        ]
        memory[kind] = np.mean([run.memory[-1] for run in runs])
    assert memory["farmap"] < 0.7 * memory["frontier"]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_no_run_raises_in_a_world_that_changes_under_noisy_odometry(variant, seed):
    world = draw_world("small", seed)
    env = FarMapEnv(world, max_steps=1_500, obstacles=4, recolour=0.02, odometry_noise=0.05)
    run = explore(env, FarMap(generator(seed), **variant), seed=seed, stop_when_done=False)
    assert run.steps == 1_500
    assert run.seen[-1] > 0.3 * world.visible_cells


def test_a_capacity_bounds_what_is_kept():
    agent = FarMap(generator(0), rho=1.0, capacity=3)
    kept = []
    env = FarMapEnv(draw_world("large", 8))
    explore(env, agent, seed=0, watch=lambda env, agent: kept.append(len(agent.maps)))
    assert max(kept) == 3
    assert agent.counts()["fragments"] > 3


def test_an_agent_that_says_it_is_done_has_seen_everything():
    # A start from which what is left can only be reached back over a border that was just crossed.
    env = FarMapEnv(draw_world("large", 76))
    run = explore(env, FarMap(generator(1, "farmap", "agent")), seed=1)
    assert not run.done or run.seen[-1] == env.world.visible_cells


def test_the_way_to_the_unexplored_crosses_fewest_borders_and_does_not_end_with_a_tried_one():
    graph = FragmentGraph()
    for _ in range(5):
        graph.add(LocalMap(0.9))

    def border(near, far, quotient=0.0):
        made = Border(far, (0, 0), ((0, 0),), 0, (0, 0))
        graph[near].add_border(made)
        quotients[made] = quotient
        return made

    def way(first, tried):
        return graph.way_to_unexplored(0, first, tried, quotients.__getitem__)

    quotients = {}

    first, second, third = border(0, 1), border(1, 2), border(2, 3, 0.1)
    back, near, nearest = border(1, 0), border(2, 4, 0.1), border(0, 4, 0.1)
    assert way([first, nearest], ()) == [nearest]
    assert way([first], ()) == [first, second, third]
    assert way([first], {first, back, second, third}) == [first, second, near]
    assert way([first], {third, near}) == []


def test_a_room_with_nothing_more_to_see_is_done_at_once():
    for agent in (Frontier(generator(0)), FarMap(generator(0))):
        run = explore(FarMapEnv(from_array([[0]])), agent, seed=0)
        assert run.done
        assert run.seen[-1] == 9


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trajectory_in_any_process():
    code = (
        "from farmap.agents.make import make_agent; from farmap.agents.explore import explore; "
        "from farmap.world.environment import FarMapEnv; from farmap.world.maps import draw_world; "
        "from gridcell.data.seeds import generator; places = []; "
        "env = FarMapEnv(draw_world('large', 8), max_steps=600); "
        "explore(env, make_agent({'kind': 'farmap'}, generator(5)), seed=5, "
        " watch=lambda env, agent: places.append((env.row, env.column, env.heading))); print(places)"
    )
    outputs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    places = []
    env = FarMapEnv(draw_world("large", 8), max_steps=600)
    agent = make_agent({"kind": "farmap"}, generator(5))
    explore(env, agent, seed=5, watch=lambda env, agent: places.append((env.row, env.column, env.heading)))
    assert outputs == {f"{places}\n"}


def test_fractures_come_where_the_series_of_confidences_says(monkeypatch):
    """Recompute every cut with numpy from the confidences that the maps return."""
    calls, integrate = [], LocalMap.integrate
    monkeypatch.setattr(LocalMap, "integrate", lambda *where: calls.append(integrate(*where)) or calls[-1])
    agent, env = FarMap(generator(1), rho=2.0), FarMapEnv(draw_world("large", 8), max_steps=2_500)
    observation, _ = env.reset(seed=1)
    series, cuts = [], 0
    for _ in range(2_500):
        calls.clear()
        recalls = agent.counts()["recalls"]
        agent.observe(observation)
        past, confidence = np.array(series), calls[0]
        crossed = len(calls) == 1 and agent.counts()["recalls"] > recalls
        cut = len(calls) == 2  # the second map takes in the same view
        if not crossed:
            assert cut == (len(past) >= 25 and past.mean() - confidence >= 2 * past.std() > 0)
        series = [] if cut else [confidence] if crossed else [*series, confidence]
        cuts += cut
        observation, *_ = env.step(agent.act())
    assert cuts > 5


def test_a_random_walk_remembers_nothing():
    agent = RandomWalk(generator(0))
    run = explore(FarMapEnv(draw_world("small", 0), max_steps=100), agent, seed=0)
    assert run.steps == 100
    assert not run.memory.any()


class CountedSteps:
    """A random generator that counts the steps at random: what is drawn in integers."""

    def __init__(self, rng):
        self.rng, self.random, self.count = rng, rng.random, 0

    def integers(self, high):
        self.count += 1
        return self.rng.integers(high)


@pytest.mark.parametrize("place", [(7, 0), (17, 2), (20, 0)], ids=str)
def test_no_step_is_random_while_something_is_left(place):
    # Runs that come to borders with walls behind some of their cells.
    index, seed = place
    rng = CountedSteps(generator(seed, "farmap", "agent"))
    run = explore(FarMapEnv(draw_world("large", index)), FarMap(rng), seed=seed)
    assert rng.count == run.done
