"""The environment runner: steps a vector environment and returns time-major segments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.utils.metrics import EPISODE_LEN_MEAN, EPISODE_RETURN_MEAN

from farcuriosity.agent.distributions import draw, likeliest, log_probability, uniform
from farcuriosity.agent.module import PREVIOUS_ACTIONS, STARTS, VALUES
from farcuriosity.agent.rollout import Rollout
from farcuriosity.environments.ids import is_atari, is_own
from farcuriosity.environments.make import make_vector, newest_frame
from farcuriosity.environments.options import atari_options


class SegmentRunner(SingleAgentEnvRunner):
    """Steps E environments T times per sample, whatever episodes begin and end meanwhile.

    RLlib's own runner keeps an object per episode and appends to it step by step, which halves the speed of
    ale-py's vector environment; the advantages and curiosities here need steps by time and environment
    anyway. ``env_config`` holds ``environment`` (an id) and ``options`` and ``threads`` (see
    ``make_vector``).
    """

    def make_env(self) -> None:
        """Make the vector environment."""
        self.stop()
        wanted = self.config.env_config
        self._environment = wanted["environment"]
        count = self.config.num_envs_per_env_runner
        self.env = make_vector(self._environment, count, wanted["options"], threads=wanted["threads"])
        self._lives_end = is_atari(self._environment) and atari_options(wanted["options"]).lives
        self.num_envs = self.env.num_envs
        self.restart(at=0)

    def sample(self, *, random_actions: bool = False, explore: bool | None = None, **_: Any) -> list[Rollout]:
        """Step every environment ``rollout_fragment_length`` times.

        Args:
            random_actions: act uniformly at random.
            explore: draw actions from the policy rather than take the likeliest; the config's by default.

        Returns:
            One rollout, in a list as RLlib expects.
        """
        if self._needs_initial_reset:
            self._reset()
        explore = self.config.explore if explore is None else explore
        rollout = self._roll(self.config.get_rollout_fragment_length(), random_actions, explore)
        self._increase_sampled_metrics(len(rollout), len(rollout.episodes))
        window = math.ceil(self.config.metrics_num_episodes_for_smoothing / max(1, self.num_workers))
        for total, steps in rollout.episodes:
            self.metrics.log_value(EPISODE_RETURN_MEAN, total, window=window)
            self.metrics.log_value(EPISODE_LEN_MEAN, steps, window=window)
        return [rollout]

    def get_metrics(self) -> Any:
        """Return what was logged since the last call."""
        return self.metrics.reduce()

    def restart(self, at: int, *, warm_up: bool = False) -> None:
        """Begin new episodes with the next sample, by seeds of their own: environments can't be restored.

        Args:
            at: steps done so far; a run that is taken up again must not see the episodes that it began with.
            warm_up: they are not to be those of training either.
        """
        self._restarted_at, self._warming_up = at, warm_up
        self._needs_initial_reset = True

    def _reset(self) -> None:
        apart = (1,) if self._warming_up else ()
        sequence = np.random.SeedSequence([self._seed or 0, self._restarted_at], spawn_key=apart)
        seeds = sequence.generate_state(2)
        self._observations, infos = self.env.reset(seed=int(seeds[0] >> 2))
        self._whereabouts = self._read_whereabouts(infos)
        self._generator = torch.Generator().manual_seed(int(seeds[1]))
        self._needs_initial_reset = False
        self._starts = np.ones(self.num_envs, bool)
        self._previous = self.module.net.no_actions(self.num_envs).numpy()
        self._lives = infos.get("lives", 0)
        self._state = torch.zeros(self.num_envs, self.module.net.state_size, device=self._device)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)

    @torch.inference_mode()
    def _roll(self, steps: int, random_actions: bool, explore: bool) -> Rollout:
        count = self.num_envs
        space = self.env.single_observation_space
        frame = newest_frame(self._environment, np.empty((0, *space.shape))).shape[1:]
        observations = np.empty((steps, count, *space.shape), space.dtype)
        next_frames = np.empty((steps, count, *frame), space.dtype)
        actions, previous = (np.empty((steps, *self._previous.shape), self._previous.dtype) for _ in "ab")
        starts, ends = np.empty((steps, count), bool), np.empty((steps, count), bool)
        rewards = np.empty((steps, count), np.float32)
        log_probabilities = np.empty((steps, count), np.float32)
        values = np.empty((steps + 1, count, 2), np.float32)
        next_values = np.zeros((steps, count, 2), np.float32)
        state = self._state.cpu().numpy().copy()
        told = 2 * steps if is_own(self._environment) else 0
        places, rooms = np.empty((2, told, count), np.int64)
        episodes = []
        for t in range(steps):
            observations[t], previous[t], starts[t] = self._observations, self._previous, self._starts
            if told:
                places[t], rooms[t] = self._whereabouts
            outputs, values[t], self._state = self._forward()
            actions[t], log_probabilities[t] = self._choose(outputs, random_actions, explore)
            self._observations, rewards[t], terminal, cut, infos = self.env.step(actions[t])
            over = terminal | cut
            lost = self._lives_lost(infos) & ~over
            ends[t] = over | lost
            next_frames[t] = newest_frame(self._environment, self._observations)
            self._returns += rewards[t]
            self._lengths += 1
            self._previous = actions[t]
            self._starts = ends[t]
            if told:
                self._whereabouts = self._read_whereabouts(infos)
                # Where an episode ended, infos are already those of the next one's start.
                last_infos = infos.get("final_info", infos)
                led_to = np.where(over, self._read_whereabouts(last_infos), self._whereabouts)
                places[steps + t], rooms[steps + t] = led_to
            if over.any():
                ended = np.flatnonzero(over)
                last = np.stack([infos["final_obs"][e] for e in ended])
                next_frames[t, ended] = newest_frame(self._environment, last)
                episodes += [(float(self._returns[e]), int(self._lengths[e])) for e in ended]
                self._returns[ended], self._lengths[ended] = 0.0, 0
                next_values[t, ended] = self._final_values(last, ended) * ~terminal[ended, None]
        values[steps] = self._forward()[1]  # the state stays: these observations are acted on next time
        next_values = np.where(ends[..., None], next_values, values[1:])
        return Rollout(
            observations=observations,
            next_frames=next_frames,
            actions=actions,
            previous_actions=previous,
            log_probabilities=log_probabilities,
            values=values[:-1],
            next_values=next_values,
            continuing_values=values[1:],
            rewards=rewards,
            starts=starts,
            ends=ends,
            states=state,
            places=places,
            rooms=rooms,
            episodes=episodes,
            worker=self.worker_index or 0,
        )

    def _lives_lost(self, infos: Mapping[str, Any]) -> np.ndarray:
        """Return whose life was lost with this step, where that ends an episode; bool, (E,)."""
        if not self._lives_end:
            return np.zeros(self.num_envs, bool)
        before, self._lives = self._lives, np.array(infos["lives"])
        return self._lives < before

    def _read_whereabouts(self, infos: Mapping[str, Any]) -> np.ndarray:
        """Return place, as one number, and room of each environment, int64, (2, E), or (0,): not told."""
        if not is_own(self._environment):  # others may mean anything by these words
            return np.empty(0, np.int64)
        y, x = np.asarray(infos["position"], np.int64).T
        return np.stack([y << 32 | x, infos["room"]])

    def _forward(self) -> tuple[torch.Tensor, np.ndarray, torch.Tensor]:
        """Return the policy's outputs (on the CPU) and values of the present observations, and the state."""
        out = self._evaluate(self._observations, self._previous, self._starts, self._state)
        return out[Columns.ACTION_DIST_INPUTS].cpu(), out[VALUES].cpu().numpy(), out[Columns.STATE_OUT]

    def _final_values(self, observations: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Return the values of the last observations of episodes, (n, 2), as those episodes' next step."""
        going_on = np.zeros(len(ended), bool)
        out = self._evaluate(observations, self._previous[ended], going_on, self._state[ended])
        return out[VALUES].cpu().numpy()

    def _evaluate(
        self, observations: np.ndarray, previous: np.ndarray, starts: np.ndarray, state: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        batch = {Columns.OBS: observations, PREVIOUS_ACTIONS: previous, STARTS: starts}
        tensors = {name: torch.from_numpy(value).to(self._device) for name, value in batch.items()}
        return self.module.forward_exploration({**tensors, Columns.STATE_IN: state})

    def _choose(
        self, outputs: torch.Tensor, random_actions: bool, explore: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return actions and their log-probabilities under the policy."""
        continuous = self.module.net.continuous
        if random_actions:
            chosen = uniform(outputs, continuous=continuous, generator=self._generator)
        elif explore:
            chosen = draw(outputs, continuous=continuous, generator=self._generator)
        else:
            chosen = likeliest(outputs, continuous=continuous)
        return chosen.numpy(), log_probability(outputs, chosen, continuous=continuous).numpy()
