"""The environment: Gymnasium's contract, motion, and what may change."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from farmap.world.environment import MOVES, FarMapEnv
from farmap.world.maps import draw_world, from_array

ROOM = from_array(np.zeros((9, 9)))  # free cells at 1 .. 9


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("options", [{}, {"obstacles": 3, "recolour": 0.1, "odometry_noise": 0.2}])
def test_it_passes_gymnasiums_check(options):
    check_env(gym.make("farmap.world.environment:gridcell/FarMap-v0", size="small", **options).unwrapped)


def test_moves_and_turns():
    env = FarMapEnv(ROOM)
    env.reset(options={"start": (1, 1, 0)})
    expected = [(0, (1, 1), (0, 0)), (3, (1, 2), (0, 1)), (1, (2, 2), (1, 0)), (6, (2, 2), (0, 0))]
    for action, position, moved in expected:
        observation, _, _, _, info = env.step(action)
        assert info["position"] == position
        assert tuple(observation["moved"]) == moved
        assert observation["heading"] == action % 4


def test_rewards_add_up_to_what_is_seen():
    env = FarMapEnv(draw_world("small", 0), max_steps=200)
    _, info = env.reset(seed=1)
    total, ended = info["seen"], False
    rng = np.random.default_rng(0)
    while not ended:
        _, reward, _, ended, info = env.step(rng.integers(8))
        total += reward
    assert total == info["seen"] == env.seen.sum()
    assert env.steps == 200
    assert not (env.seen & ~env.world.visible).any()


def test_starts_differ_by_seed_and_not_by_history():
    env = FarMapEnv(draw_world("large", 0))
    starts = []
    for seed in (0, 1, 2, 0):
        starts.append((env.reset(seed=seed)[1]["position"], env.heading))
        env.step(0)
    assert starts[0] == starts[3]
    assert len(set(starts)) == 3


def test_obstacles_walk_and_never_stand_on_walls_or_the_agent():
    env = FarMapEnv(ROOM, obstacles=5, max_steps=300)
    env.reset(seed=0)
    places = set()
    for step in range(300):
        observation, *_ = env.step(step % 8)
        cells = np.argwhere(env._colours * (ROOM.colours == 0))
        assert len(cells) == 5
        assert observation["view"][-1, 7] == 0
        places |= {tuple(cell) for cell in cells.tolist()}
    assert len(places) > 40
    assert (env.world.colours == ROOM.colours).all()


def test_recolouring_changes_one_square_at_a_time():
    env = FarMapEnv(draw_world("small", 0), recolour=1.0)
    env.reset(seed=0)
    before = env._colours.copy()
    for _ in range(20):
        env.step(4)
        changed = env._colours != before
        assert changed.sum() == 9
        assert len(set(env._colours[changed].tolist())) == 1
        before = env._colours.copy()


def test_noisy_odometry_is_right_on_average_and_wrong_as_often_as_said():
    env = FarMapEnv(from_array(np.zeros((3, 4_002))), odometry_noise=0.2, max_steps=10_000)
    env.reset(seed=0, options={"start": (2, 1, 3)})
    measured = np.array([env.step(3)[0]["moved"] for _ in range(4_000)])
    assert set(measured[:, 1].tolist()) == {0, 1, 2}
    assert (measured[:, 1] != 1).mean() == pytest.approx(0.2, abs=0.02)
    assert measured[:, 1].mean() == pytest.approx(1.0, abs=0.02)
    assert MOVES[3] == (0, 1)
