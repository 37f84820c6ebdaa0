"""The agent on RLlib: segments, learning, and a run that is killed and goes on."""

import os
import signal

import gymnasium
import numpy as np
import pytest
import torch

from farcuriosity.agent import checkpoint
from farcuriosity.agent.algorithm import Recipe, build_algorithm, learner_of
from farcuriosity.agent.connector import Credit
from farcuriosity.agent.rollout import Rollout
from farcuriosity.cells.train import random_frames
from farcuriosity.environments.world import RoomsWorld
from gridcell.execute.outcome import FailureClass, classify

SMALL = Recipe(environments=4, steps=16, epochs=2, minibatches=2, lr=1e-3, features=16, lstm=0)
FAR = {"criterion": "z", "rho": 0.5, "least": 5, "capacity": 8}
ROOMS = {"rows": 1, "columns": 2, "size": 3, "view": 3, "max_steps": 20}

pytestmark = [pytest.mark.usefixtures("local_ray"), pytest.mark.xdist_group("agents")]


@pytest.fixture
def build():
    built = []

    def make(environment="CartPole-v1", options=None, recipe=SMALL, *curiosity, seed=0, runners=0):
        built.append(
            build_algorithm(
                environment, options or {}, recipe, Credit(), *curiosity, seed=seed, runners=runners
            )
        )
        return built[-1]

    yield make
    for algorithm in built:
        algorithm.stop()


def weights(algorithm):
    return learner_of(algorithm).module["default_policy"].net.state_dict()


def equal(one, other):
    """Tell whether two nested states are the same to the last bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, torch.Tensor | np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)
    return one == other


@pytest.mark.parametrize("lstm", [0, 8])
def test_a_segment_holds_what_the_policy_saw_and_did(build, lstm):
    recipe = Recipe(environments=3, steps=60, minibatches=3, features=16, lstm=lstm)
    runner = build(recipe=recipe).env_runner
    segments = [runner.sample()[0], runner.sample()[0]]
    net = runner.module.net
    for segment in segments:
        assert len(segment) == 180
        assert segment.ends.any()
        with torch.no_grad():  # the learner sees the whole segment at once, the runner saw it step by step
            logits, values, _ = net(
                *(
                    torch.from_numpy(getattr(segment, n))
                    for n in ("observations", "previous_actions", "starts")
                ),
                torch.from_numpy(segment.states),
            )
        chosen = logits.log_softmax(-1).gather(-1, torch.from_numpy(segment.actions)[..., None])[..., 0]
        np.testing.assert_allclose(chosen, segment.log_probabilities, atol=1e-5)
        np.testing.assert_allclose(values, segment.values, atol=1e-5)
        goes_on = ~segment.ends[:-1]
        np.testing.assert_allclose(segment.next_values[:-1][goes_on], segment.values[1:][goes_on], atol=1e-5)
        assert (segment.next_values[segment.ends] == 0).all()  # poles fall before they are cut
        np.testing.assert_array_equal(segment.next_frames[:-1][goes_on], segment.observations[1:][goes_on])
        assert (segment.starts[1:] == segment.ends[:-1]).all()
        fallen = segment.next_frames[segment.ends]
        assert ((np.abs(fallen[:, 2]) > 0.2095) | (np.abs(fallen[:, 0]) > 2.4)).all()
    first, second = segments
    assert (second.starts[0] == first.ends[-1]).all()
    assert sum(length for _, length in first.episodes + second.episodes) <= 360


def test_an_episode_that_is_cut_counts_the_value_of_its_last_observation(build):
    runner = build("gridcell/Rooms-v0", {**ROOMS, "max_steps": 7}).env_runner
    segment = runner.sample()[0]
    cut = segment.ends & (segment.rewards == 0)
    assert cut.sum() >= 4
    with torch.no_grad():
        last = torch.from_numpy(segment.next_frames[cut])
        _, values, _ = runner.module.net(
            last, torch.zeros(len(last)), torch.zeros(len(last)), torch.zeros(len(last), 0)
        )
    np.testing.assert_allclose(segment.next_values[cut], values, atol=1e-5)
    assert not np.allclose(segment.continuing_values[cut], values, atol=1e-5)


def test_segments_of_several_runners_are_joined_in_their_order(build):
    one, two = (build(seed=seed).env_runner.sample()[0] for seed in (0, 1))
    from dataclasses import replace

    joined = Rollout.join([replace(two, worker=2), replace(one, worker=1)], 8)
    assert np.array_equal(joined.observations[:, :4], one.observations)
    assert np.array_equal(joined.actions[:, 4:], two.actions)
    with pytest.raises(RuntimeError, match="a runner is gone"):
        Rollout.join([one], 8)


@pytest.mark.parametrize("runners", [0, pytest.param(2, marks=pytest.mark.long)])
def test_random_steps_are_no_part_of_training(build, runners):
    def first_segments(random_steps):
        algorithm = build("CartPole-v1", None, SMALL, runners=runners)
        warm = random_frames(algorithm, random_steps) if random_steps else None
        segments = algorithm.env_runner_group.foreach_env_runner(
            lambda runner: runner.sample()[0] if runner.env is not None else None
        )
        return warm, [segment for segment in segments if segment is not None]

    _, plain = first_segments(0)
    warm, after = first_segments(200)
    assert len(warm) == 200
    for one, other in zip(plain, after, strict=True):
        assert one.starts[0].all()
        assert np.array_equal(one.observations, other.observations)
        assert np.array_equal(one.actions, other.actions)
        assert one.episodes == other.episodes
    seen = np.concatenate([one.next_frames[0] for one in plain])
    assert not (warm[:, None] == seen[None]).all(-1).any()  # nor are its episodes those of training


def test_the_cells_where_episodes_begin_and_end_are_visited(build):
    runner = build("gridcell/Rooms-v0", {**ROOMS, "max_steps": 1}).env_runner
    world = RoomsWorld(1, 2, 3, 3, 0)
    segment = runner.sample()[0]
    assert segment.ends.all()
    led_to = world.next[world.start, segment.actions]
    y, x = world.positions[led_to].transpose(2, 0, 1)
    acted, reached = np.split(segment.places, 2)
    assert np.array_equal(reached, y << 32 | x)
    assert np.array_equal(acted, np.full_like(acted, world.positions[world.start] @ [1 << 32, 1]))
    acted, reached = np.split(segment.rooms, 2)
    assert not acted.any()
    assert np.array_equal(reached, world.rooms[led_to])


@pytest.mark.slow
def test_lost_lives_end_episodes_for_the_agent_and_scores_are_of_whole_games(build):
    recipe = Recipe(environments=4, steps=280, minibatches=2, features=16, lstm=8, convolutions="released")
    whole, lives = (
        build("ALE/Breakout-v5", {"lives": lives, "noops": 0}, recipe).env_runner for lives in (False, True)
    )
    one, other = whole.sample(random_actions=True)[0], lives.sample(random_actions=True)[0]
    # The same games by the same actions: lives change what the agent is told, not what is played.
    np.testing.assert_array_equal(one.actions, other.actions)
    np.testing.assert_array_equal(one.rewards, other.rewards)
    np.testing.assert_array_equal(one.observations, other.observations)
    assert one.episodes == other.episodes
    assert len(one.episodes) == one.ends.sum() > 0
    lost = other.ends & ~one.ends
    assert lost.sum() >= 4 * len(one.episodes)  # five lives a game
    assert (other.next_values[lost] == 0).all()
    assert (other.starts[1:] == other.ends[:-1]).all()
    assert (other.next_frames[:-1][lost[:-1]] == other.observations[1:][lost[:-1]][:, -1:]).all()


@pytest.mark.parametrize("lstm", [0, 8])
def test_numbers_are_acted_with_as_the_policy_says(build, lstm):
    recipe = Recipe(environments=3, steps=20, minibatches=3, features=16, lstm=lstm, inputs="running")
    algorithm = build("Pendulum-v1", None, recipe, "icm", {"features": 8})
    segment = algorithm.env_runner.sample()[0]
    assert segment.actions.shape == (20, 3, 1)
    assert segment.actions.dtype == np.float32
    with torch.no_grad():
        outputs, values, _ = algorithm.env_runner.module.net(
            *(torch.from_numpy(getattr(segment, n)) for n in ("observations", "previous_actions", "starts")),
            torch.from_numpy(segment.states),
        )
    mean, log_deviation = outputs.chunk(2, dim=-1)
    chosen = torch.distributions.Normal(mean, log_deviation.exp()).log_prob(torch.from_numpy(segment.actions))
    np.testing.assert_allclose(chosen[..., 0], segment.log_probabilities, atol=1e-5)
    np.testing.assert_allclose(values, segment.values, atol=1e-5)
    for _ in range(2):
        losses = algorithm.train()["learners"]["default_policy"]
    assert np.isfinite(losses["total_loss"])
    net = learner_of(algorithm).policy
    assert float(net.encoder[0].count) == 2 * 60
    assert algorithm.env_runner.module.net.encoder[0].count == net.encoder[0].count


def test_the_step_size_falls_to_zero_and_values_are_clipped(build):
    recipe = Recipe(
        environments=4,
        steps=16,
        minibatches=2,
        features=16,
        lstm=0,
        anneal_over=256,
        value_clip=0.2,
        adam_eps=1e-5,
    )
    algorithm = build(recipe=recipe)
    learner, found = learner_of(algorithm), []
    step = learner._update

    def watched(*given, **how):
        ((_, adam),) = learner.get_optimizers_for_module("default_policy")
        found.append((adam.param_groups[0]["lr"], adam.param_groups[0]["eps"]))
        return step(*given, **how)

    learner._update = watched
    for _ in range(4):
        algorithm.train()
    assert found[::8] == [(pytest.approx(1e-4 * left), 1e-5) for left in (1.0, 0.75, 0.5, 0.25)]


class Elsewhere(gymnasium.Env):
    """Says of ``position`` and ``room`` what others mean by these words."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, start=0):
        self.action_space = gymnasium.spaces.Discrete(2, start=start)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {"position": {"lon": 1.5}, "room": "kitchen"}

    def step(self, action):
        return np.zeros(2, np.float32), 0.0, False, False, {"position": [0.5, 1.5, 2.5], "room": "hall"}


def test_what_other_environments_call_position_and_room_is_left_alone(build):
    if "Elsewhere-v0" not in gymnasium.registry:
        gymnasium.register("Elsewhere-v0", Elsewhere)
    segment = build("Elsewhere-v0").env_runner.sample()[0]
    assert segment.places.size == segment.rooms.size == 0


@pytest.mark.slow
def test_same_seed_same_weights_another_seed_others(build):
    first, again, other = (build("gridcell/Rooms-v0", ROOMS, SMALL, "rnd", seed=seed) for seed in (0, 0, 1))
    for algorithm in (first, again, other):
        for _ in range(3):
            algorithm.train()
    assert equal(weights(first), weights(again))
    assert not equal(weights(first), weights(other))


@pytest.mark.parametrize("lstm", [0, 8])
def test_a_run_taken_up_again_has_the_same_state_and_goes_on(build, tmp_path, lstm):
    recipe = Recipe(environments=4, steps=16, epochs=2, minibatches=2, lr=1e-3, features=16, lstm=lstm)
    first = build("gridcell/Rooms-v0", ROOMS, recipe, "far", FAR)
    for _ in range(12):
        first.train()
    learner = learner_of(first)
    assert learner.values()["fragments"] > 1
    path = tmp_path / "run.pt"
    checkpoint.save(first, path, curves={"return": [[1, 0.5]]})
    second = build("gridcell/Rooms-v0", ROOMS, recipe, "far", FAR, seed=7)  # all comes from the file
    assert not equal(weights(first), weights(second))
    assert checkpoint.load(second, path)["curves"] == {"return": [[1, 0.5]]}
    taken_up = learner_of(second)
    hidden = "metrics_logger"
    assert equal(
        checkpoint.plain(learner.get_state(not_components=hidden)),
        checkpoint.plain(taken_up.get_state(not_components=hidden)),
    )
    assert equal(second.env_runner.module.net.state_dict(), weights(first))
    assert taken_up.values() | {
        "intrinsic_reward": 0,
        "mean_error": 0,
        "mean_reward": 0,
    } == learner.values() | {
        "intrinsic_reward": 0,
        "mean_error": 0,
        "mean_reward": 0,
    }
    # From the same segment on, both make the same of it: scores, statistics, weights, fragments.
    segment = first.env_runner.sample()
    for algorithm in (first, second):
        learner_of(algorithm).update(episodes=segment, num_epochs=2, minibatch_size=32)
    assert equal(weights(first), weights(second))
    assert learner.values() == taken_up.values()


@pytest.mark.slow
def test_several_runners_train_together_and_one_that_is_killed_is_a_preemption(build):
    algorithm = build("gridcell/Rooms-v0", ROOMS, SMALL, "rnd", runners=2)
    for _ in range(2):
        algorithm.train()
    progress = learner_of(algorithm).progress
    assert progress.steps == 2 * SMALL.batch
    frames = algorithm.env_runner_group.foreach_env_runner(
        lambda runner: runner.sample()[0].actions, local_env_runner=False
    )
    assert [frame.shape for frame in frames] == [(16, 2), (16, 2)]
    assert not np.array_equal(*frames)  # other seeds

    pids = algorithm.env_runner_group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
    os.kill(pids[1], signal.SIGKILL)
    with pytest.raises(Exception) as caught:  # noqa: PT011  whichever of Ray's
        algorithm.train()
    assert classify(caught.value) is FailureClass.PREEMPTED


@pytest.mark.slow
@pytest.mark.parametrize("lstm", [0, 32])
def test_ppo_keeps_the_pole_up(build, lstm):
    recipe = Recipe(
        environments=8, steps=64, lr=1e-3, clip=0.2, entropy=0.01, features=64, lstm=lstm, minibatches=4
    )
    algorithm = build(recipe=recipe)
    for _ in range(100):
        algorithm.train()
        returns = [total for _, total, _ in learner_of(algorithm).progress.episodes[-20:]]
        if np.mean(returns) > 300:
            return
    pytest.fail(f"the mean return is {np.mean(returns)} after {learner_of(algorithm).progress.steps} steps")
