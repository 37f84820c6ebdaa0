"""Agents that play after training: evaluation, and ``gridcell play`` of finished and of running ones."""

import gymnasium
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from farcuriosity import task
from farcuriosity.agent.networks import ActorCritic, Architecture, policy_state, save_policy
from farcuriosity.agent.player import evaluate, show_episode
from farcuriosity.environments.stage import Stage
from farcuriosity.plan import plan
from farcuriosity.settings import Settings
from gridcell.cli.app import app
from gridcell.errors import UserError
from gridcell.suite import parse_settings

ROOMS = {
    "id": "gridcell/Rooms-v0",
    "options": {"rows": 1, "columns": 2, "size": 3, "view": 3, "max_steps": 12},
}


class Countdown(gymnasium.Env):
    """Episodes of 1 to 9 steps, by turns; each step is rewarded with 1."""

    observation_space = gymnasium.spaces.Box(0, 9, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(1, 10))
        return np.array([self.left], np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.array([self.left], np.float32), 1.0, self.left == 0, False, {}


@pytest.mark.parametrize(("episodes", "environments"), [(1, 8), (10, 3), (16, 8), (7, 7)])
@pytest.mark.parametrize("lstm", [0, 4])
def test_as_many_episodes_are_played_as_asked_for_each_to_its_end(episodes, environments, lstm):
    gymnasium.register("Countdown-v0", Countdown)
    try:
        net = ActorCritic(Architecture((1,), 2, features=4, lstm=lstm))
        played = [
            evaluate(
                net,
                "Countdown-v0",
                {},
                episodes=episodes,
                environments=environments,
                greedy=False,
                seed=seed,
            )
            for seed in (3, 3, 4)
        ]
    finally:
        del gymnasium.registry["Countdown-v0"]
    returns, lengths = played[0]
    assert len(returns) == len(lengths) == episodes
    np.testing.assert_array_equal(returns, lengths)
    assert ((lengths >= 1) & (lengths <= 9)).all()
    np.testing.assert_array_equal(returns, played[1][0])
    assert episodes < 7 or not np.array_equal(returns, played[2][0])


def test_short_episodes_do_not_count_more_often():
    gymnasium.register("Countdown-v0", Countdown)
    try:
        net = ActorCritic(Architecture((1,), 2, features=4, lstm=0))
        _, lengths = evaluate(net, "Countdown-v0", {}, episodes=2000, environments=1000, greedy=True, seed=0)
    finally:
        del gymnasium.registry["Countdown-v0"]
    assert lengths.mean() == pytest.approx(5, abs=0.25)


def test_an_episode_is_shown_from_the_first_picture_on():
    net = ActorCritic(Architecture((3, 3, 3), 4, scale=255, features=4, lstm=2))
    pictures = []
    stage = Stage(ROOMS["id"], ROOMS["options"])
    played = show_episode(net, stage, pictures.append, seed=0, greedy=False, max_steps=100)
    assert played.ended
    assert played.steps == len(pictures) <= 12
    assert all(picture.shape == pictures[0].shape and picture.dtype == np.uint8 for picture in pictures)


@pytest.fixture
def agent(store):
    """An agent's cell in a store that knows its plan."""
    settings = parse_settings(Settings, {"environments": {"rooms": ROOMS}, "curiosities": {"none": {}}})
    grid = plan(settings)
    store.plans.save(task.name, "test", grid)
    (cell,) = grid.cells.values()
    return cell


def _net():
    return ActorCritic(Architecture((3, 3, 3), 4, scale=255, features=4, lstm=2))


def _run(*arguments):
    return CliRunner().invoke(app, ["play", *arguments], catch_exceptions=True)


def test_a_finished_agent_plays_into_a_video(store, agent, tmp_path):
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    save_policy(_net(), outputs / "agent.pt")
    save_policy(_net(), outputs / "best.pt")
    store.results.commit(agent, {}, outputs, {"seconds": 1.0, "versions": {}}, {})
    video = tmp_path / "seen.mp4"
    for best in ([], ["--best", "--greedy"]):
        shown = _run(agent.id[:8], "--storage", store.uri, "--episodes", "2", "--out", str(video), *best)
        assert shown.exit_code == 0, shown.output
        assert "episode 2: return" in shown.output
        assert video.stat().st_size > 500
        video.unlink()


def test_a_running_agent_plays_from_its_last_checkpoint(store, agent, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)
    nothing = _run(agent.id, "--storage", store.uri)
    assert isinstance(nothing.exception, UserError)
    assert "neither a result nor a checkpoint" in str(nothing.exception)
    torch.save({"policy": policy_state(_net()), "best": None}, tmp_path / "checkpoint.pt")
    store.checkpoints(agent.id).save(tmp_path / "checkpoint.pt", 4096)
    shown = _run(agent.id, "--storage", store.uri)
    assert shown.exit_code == 0, shown.output
    assert "as it was after 4096 steps" in shown.output
    assert (tmp_path / f"play-{agent.id}.mp4").stat().st_size > 500


def test_what_cannot_be_watched_is_told_in_a_sentence(store, agent, tmp_path):
    wrong = _run(agent.id, "--storage", store.uri, "--out", "film.avi")
    assert "--out must name an MP4 file" in str(wrong.exception)
    study = {"forgetting": {"worlds": {"one": {}}, "curiosities": {"rnd": {}}}}
    grid = plan(parse_settings(Settings, study))
    store.plans.save(task.name, "study", grid)
    (cell,) = grid.cells.values()
    refused = _run(cell.id, "--storage", store.uri, "--out", str(tmp_path / "x.mp4"))
    assert "has no agent that could play" in str(refused.exception)
