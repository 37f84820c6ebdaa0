"""FARMap's rules: that runs end, what each rule does, presets, and the same defaults everywhere."""

import inspect

import numpy as np
import pytest

from farmap.agents.best_view import route_to_best_view
from farmap.agents.explore import explore
from farmap.agents.farmap import IN_VAIN, FarMap
from farmap.agents.frontier import Frontier
from farmap.agents.kinds.farmap import PRESETS, FarMapAgent
from farmap.agents.kinds.frontier import FrontierAgent
from farmap.agents.make import make_agent
from farmap.agents.reachable import Clusters, Survey
from farmap.agents.weights import by_nearness
from farmap.world.environment import FarMapEnv
from farmap.world.maps import SIZES, draw_world, from_array
from farmap.world.view import UNKNOWN
from gridcell.data.seeds import generator


def parsed(**values):
    return FarMapAgent.model_validate(values)


class NewCells:
    """Takes down the steps at which the agent saw what it had not seen."""

    def __init__(self):
        self.seen, self.steps = -1, []

    def __call__(self, env, agent):
        if env.seen.sum() > self.seen:
            self.seen = env.seen.sum()
            self.steps.append(env.steps)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "rules", [{}, {"rho": 2.0}, {"rho": 0.5}, {"criterion": "uniform", "period": 30}], ids=str
)
def test_every_run_ends_with_everything_seen(size, rules):
    for index in range(1 if size == "huge" else 4):
        world, new = draw_world(size, 50 + index), NewCells()
        run = explore(
            FarMapEnv(world, max_steps=10**6), FarMap(generator(index), **rules), seed=index, watch=new
        )
        assert run.end == "done"
        assert run.seen[-1] == world.visible_cells
        empty = (world.colours == 0).sum()
        assert np.diff([*new.steps, run.steps]).max() <= 500 + empty + 1


@pytest.mark.parametrize(
    "rules",
    [{"last_look": False}, {"recall": "border", "share": False, "last_look": False}, {"recall": "off"}],
    ids=str,
)
def test_without_a_last_look_a_bound_ends_the_run(rules):
    ends = []
    for index in range(4):
        env = FarMapEnv(draw_world("medium", 50 + index), max_steps=10**6)
        agent, new = FarMap(generator(index), patience=100, **rules), NewCells()
        run = explore(env, agent, seed=index, watch=new)
        ends.append(run.end)
        known = run.seen[-1]
        assert run.done == (run.end == "done")
        assert np.diff([*new.steps, run.steps]).max() <= 100 + known + env.world.visible_cells
    assert set(ends) <= {"done", "bound"}
    if rules.get("recall") == "off":
        assert "bound" in ends


def test_in_a_world_that_changes_looks_in_vain_end():
    env = FarMapEnv(draw_world("small", 3), max_steps=4_000, obstacles=3, recolour=0.05, odometry_noise=0.1)
    agent = FarMap(generator(0), patience=20)
    in_vain = []

    def watch(env, agent):
        in_vain.append(agent.counts()["looks"])

    explore(env, agent, seed=0, stop_when_done=False, watch=watch)
    assert max(in_vain) < 4_000 / 20
    assert IN_VAIN > 1


def test_a_match_takes_a_stored_map_up_where_no_border_is():
    matches = {"match": 0, "border": 0}
    for recall in matches:
        for index in range(4):
            agent = FarMap(generator(index), rho=1.0, recall=recall)
            explore(FarMapEnv(draw_world("large", 60 + index)), agent, seed=index)
            matches[recall] += agent.counts()["matches"]
            for number in agent.graph:
                for border in agent.graph[number].borders:
                    here, there = agent.graph[number], agent.graph[border.to]
                    assert border.shift == (here.place[0] - there.place[0], here.place[1] - there.place[1])
    assert matches["match"] > 0 == matches["border"]


def test_loops_are_closed_by_the_colours_of_walls_under_noise():
    matches = {}
    for closure in (False, True):
        runs = []
        for index in range(3):
            agent = FarMap(generator(index), rho=1.0, closure=closure)
            env = FarMapEnv(draw_world("medium", index), max_steps=1_000, odometry_noise=0.05)
            runs.append(explore(env, agent, seed=index, stop_when_done=False).counts["matches"])
        matches[closure] = sum(runs)
    assert matches[True] > matches[False]


def test_settings_and_constructor_have_the_same_defaults():
    for model, agent in ((FarMapAgent, FarMap), (FrontierAgent, Frontier)):
        parameters = inspect.signature(agent).parameters
        no_settings = {"rng", "route"}  # functions and generators
        defaults = {name: p.default for name, p in parameters.items() if name not in no_settings}
        fields = {name: f.default for name, f in model.model_fields.items() if name != "preset"}
        assert defaults == fields


def test_presets_are_expanded_and_what_is_given_counts():
    assert parsed(preset="released").model_dump() == {**parsed(**PRESETS["released"]).model_dump()}
    assert parsed(preset="released", rho=3.0).rho == 3.0
    assert "preset" not in parsed(preset="released").model_dump()
    assert parsed().share
    assert not parsed(recall="off").share
    assert not parsed(recall="off").last_look
    assert not parsed(recall="match", share=False).share
    make_agent({"kind": "farmap", **parsed(preset="released").model_dump()}, generator(0))


@pytest.mark.parametrize("rules", [{"share": True}, {"last_look": True}], ids=str)
def test_without_recall_there_is_nothing_to_share(rules):
    with pytest.raises(ValueError, match="no offsets"):
        FarMap(generator(0), recall="off", **rules)


def test_by_the_released_rules_a_border_is_crossed_by_standing_on_it():
    for index in range(3):
        agent = FarMap(generator(index), **PRESETS["released"])
        env = FarMapEnv(draw_world("medium", index), max_steps=1_500)
        observation, _ = env.reset(seed=index)
        recalls = 0
        for _ in range(1_500):
            agent.observe(observation)
            if agent.counts()["recalls"] > recalls:
                recalls = agent.counts()["recalls"]
                number, (row, column) = agent.place
                borders = agent.graph[number].borders
                assert any((row, column) in border.cells for border in borders)
            observation, *_ = env.step(agent.act())


def test_the_nearest_cluster_is_the_nearest_that_is_large_enough():
    size, steps = np.array([2, 5, 9, 3]), np.array([1, 7, 4, 4])
    clusters = Clusters(size, np.zeros((4, 2)), np.zeros((4, 2), int), np.zeros((4, 2), int))
    assert by_nearness(clusters, steps).tolist() == [0, 0, 1, 0]


def test_the_best_view_shows_most_for_its_way():
    """Against the environment's own rays, on what is known: everything unknown taken as empty."""
    from farmap.agents.best_view import DECAY

    env, agent = FarMapEnv(draw_world("medium", 4)), Frontier(generator(0))
    observation, _ = env.reset(seed=0)
    for _ in range(25):
        agent.observe(observation)
        chart, position = agent.maps[0], agent.place[1]
        survey = Survey(chart, position)
        shown = np.pad(chart.colours[0], 20, constant_values=UNKNOWN)
        guess = FarMapEnv(from_array(np.zeros((3, 3))))
        values = {}
        for goal in survey.clusters.goal.tolist():
            row, column = np.array(goal) + chart.origin + 20
            for heading in range(4):
                guess._colours = np.where(shown == UNKNOWN, 0, shown)
                guess.seen = shown != UNKNOWN
                guess.row, guess.column, guess.heading, guess._seen_cells = row, column, heading, 0
                gain = guess._look()
                values[(*goal, heading)] = gain * np.exp(-DECAY * max(1, survey.distance(*goal)))
        route = route_to_best_view(survey, chart, position)
        *headings, turn = reversed(route._actions)
        end = position
        for heading in headings:
            end = end[0] + (-1, 1, 0, 0)[heading], end[1] + (0, 0, -1, 1)[heading]
        assert values[(*end, turn - 4)] == pytest.approx(max(values.values()))
        observation, *_ = env.step(agent.act())


@pytest.mark.parametrize("choice", ["distance", "weighted", "nearest", "gain"])
def test_every_choice_covers_the_map(choice):
    for index in range(3):
        env = FarMapEnv(draw_world("medium", index))
        run = explore(env, Frontier(generator(0), choice=choice), seed=0, trajectory=True)
        assert run.end == "done"
        assert run.seen[-1] == env.world.visible_cells
        assert len(run.trajectory) == run.steps + 1 == len(run.memory)
        assert run.path + run.turns >= run.steps * 0.5
        assert run.path == np.abs(np.diff(run.trajectory[:, :2], axis=0)).sum() <= run.steps
        assert run.peak_memory == run.memory.max() == env.world.visible_cells
