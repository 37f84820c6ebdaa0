"""Vector environments: the published preprocessing, real transitions, plain messages."""

import gymnasium
import numpy as np
import pytest

from farcuriosity.environments.make import make_vector, newest_frame
from gridcell.errors import UserError


def test_atari_preprocessing_is_that_of_gymnasiums_wrapper():
    """The same game and actions through Gymnasium's AtariPreprocessing, which resizes by OpenCV."""
    import ale_py

    gymnasium.register_envs(ale_py)
    ours = make_vector("ALE/Breakout-v5", 1, {"noops": 0})
    single = gymnasium.make("ALE/Breakout-v5", frameskip=1, repeat_action_probability=0.0)
    frames = gymnasium.wrappers.AtariPreprocessing(single, noop_max=0, frame_skip=4, screen_size=84)
    theirs = gymnasium.wrappers.FrameStackObservation(frames, 4, padding_type="zero")
    assert (ours.reset(seed=0)[0][0] == theirs.reset(seed=0)[0]).all()
    draws = np.random.default_rng(0)
    rewards = []
    for _ in range(150):
        action = int(draws.integers(4))
        mine, reward, terminal, _, _ = ours.step(np.array([action]))
        other, expected, done, *_ = theirs.step(action)
        assert (reward[0], terminal[0]) == (expected, done)
        if done:
            break
        rewards.append(expected)
        assert (mine[0] == other).all()
    assert sum(rewards) > 0  # else this shows little


def test_an_atari_episode_is_cut_after_so_many_steps_and_starts_with_no_ops():
    environments = make_vector("ALE/Pong-v5", 6, {"max_steps": 10})
    waited = environments.reset(seed=0)[1]["episode_frame_number"]
    assert len(set(waited)) > 1
    assert all(waited <= 30)
    cuts = [environments.step(np.zeros(6, np.int64))[3] for _ in range(20)]
    assert [step for step, cut in enumerate(cuts) if cut.any()] == [9, 19]
    assert all(cuts[9])


def test_the_curiosity_sees_the_newest_atari_frame():
    environments = make_vector("ALE/Pong-v5", 2, {})
    environments.reset(seed=0)
    before = environments.step(np.zeros(2, np.int64))[0]
    after = environments.step(np.ones(2, np.int64))[0]
    assert (after[:, :-1] == before[:, 1:]).all()
    assert (newest_frame("ALE/Pong-v5", after) == after[:, 3:]).all()


@pytest.mark.parametrize("environment", ["CartPole-v1", "MiniGrid-Empty-5x5-v0", "gridcell/Rooms-v0"])
def test_other_environments_give_the_last_observation_of_an_episode(environment):
    options = {"max_steps": 8} if environment != "CartPole-v1" else {}
    environments = make_vector(environment, 2, options)
    observations, _ = environments.reset(seed=0)
    shape = environments.single_observation_space.shape
    assert observations.shape == (2, *shape)
    assert len(shape) == 1 or shape[0] == 3
    for _ in range(60):
        observations, _, terminal, cut, infos = environments.step(np.zeros(2, np.int64))
        if (terminal | cut).any():
            ended = np.flatnonzero(terminal | cut)
            assert all(infos["final_obs"][e].shape == shape for e in ended)
            return
    pytest.fail("no episode ended")


def test_mistakes_are_told_in_a_sentence():
    with pytest.raises(UserError, match=r"Unknown environment 'ALE/Pomg-v5': did you mean 'ALE/Pong-v5'"):
        make_vector("ALE/Pomg-v5", 1, {})
    with pytest.raises(UserError, match="The module of environment 'no_such:Mine-v0' is missing: No module"):
        make_vector("no_such:Mine-v0", 1, {})
    with pytest.raises(UserError, match="discrete actions"):
        make_vector("Pendulum-v1", 1, {})
