"""A policy plays episodes: for people to see, or many of them to be measured by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from farcuriosity.agent.distributions import draw, likeliest
from farcuriosity.agent.networks import ActorCritic
from farcuriosity.environments.make import make_vector
from farcuriosity.environments.stage import Stage


class Player:
    """Acts in several environments by a policy, and remembers what a recurrent one has to.

    Args:
        net: the policy, on the CPU.
        environments: how many.
        greedy: take the likeliest action rather than draw one.
        seed: of the draws.
    """

    def __init__(self, net: ActorCritic, environments: int, *, greedy: bool, seed: int) -> None:
        self._net, self._greedy = net, greedy
        self._generator = Generator().manual_seed(seed)
        self._state = torch.zeros(environments, net.state_size)
        self._previous: Tensor = net.no_actions(environments)
        self._starts = torch.ones(environments, dtype=torch.bool)

    @torch.inference_mode()
    def act(self, observations: np.ndarray) -> np.ndarray:
        """Return actions for observations, (E, *observation)."""
        seen = torch.from_numpy(np.ascontiguousarray(observations))
        outputs, _, self._state = self._net(seen, self._previous, self._starts, self._state)
        continuous = self._net.continuous
        if self._greedy:
            self._previous = likeliest(outputs, continuous=continuous)
        else:
            self._previous = draw(outputs, continuous=continuous, generator=self._generator)
        self._starts = torch.zeros_like(self._starts)
        return self._previous.numpy()

    def end(self, over: np.ndarray) -> None:
        """Note which episodes ended with the last step, bool, (E,)."""
        self._starts = torch.from_numpy(over)


@dataclass(frozen=True)
class Played:
    """An episode: its return, its steps, and whether it ended by itself (or was cut by the environment)."""

    total: float
    steps: int
    ended: bool


def show_episode(
    net: ActorCritic,
    stage: Stage,
    watch: Callable[[np.ndarray], None],
    *,
    seed: int,
    greedy: bool,
    max_steps: int,
) -> Played:
    """Play one episode before someone who watches.

    Args:
        net: the policy.
        stage: where.
        watch: given a picture, uint8 (rows, columns, 3), before the first step and after each but the last.
        seed: of the episode and of the draws.
        greedy: take the likeliest action rather than draw one.
        max_steps: after which it is broken off.
    """
    player = Player(net, 1, greedy=greedy, seed=seed)
    observations = stage.reset(seed)
    watch(stage.picture())
    total, steps, over = 0.0, 0, False
    while not over and steps < max_steps:
        observations, reward, over = stage.step(player.act(observations))
        total += reward
        steps += 1
        if not over:  # else the environment shows the next episode already
            watch(stage.picture())
    return Played(total, steps, over)


def evaluate(
    net: ActorCritic,
    environment: str,
    options: Mapping[str, Any],
    *,
    episodes: int,
    environments: int,
    greedy: bool,
    seed: int,
    alive: Callable[[int], None] = lambda steps: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Play episodes to their ends; return their returns, float64, and lengths, int64, (episodes,).

    How many each environment plays is settled beforehand, so that short episodes don't count more often.

    Args:
        net: the policy.
        environment: its id.
        options: of it.
        episodes: how many.
        environments: played at the same time, at most.
        greedy: take the likeliest action rather than draw one.
        seed: of the episodes and of the draws.
        alive: told the number of steps now and then.
    """
    count = min(episodes, environments)
    left = np.full(count, episodes // count) + (np.arange(count) < episodes % count)
    made = make_vector(environment, count, options)
    player = Player(net, count, greedy=greedy, seed=seed)
    observations, _ = made.reset(seed=seed)
    running, lengths = np.zeros(count), np.zeros(count, np.int64)
    returns_found: list[float] = []
    lengths_found: list[int] = []
    steps = 0
    while left.any():
        observations, rewards, terminal, cut, _ = made.step(player.act(observations))
        over = terminal | cut
        running, lengths = running + rewards, lengths + 1
        for which in np.flatnonzero(over & (left > 0)):
            returns_found.append(float(running[which]))
            lengths_found.append(int(lengths[which]))
        left = left - (over & (left > 0))
        running, lengths = np.where(over, 0.0, running), np.where(over, 0, lengths)
        player.end(over)
        steps += count
        if steps % (500 * count) == 0:
            alive(steps)
    made.close()
    return np.array(returns_found), np.array(lengths_found)
