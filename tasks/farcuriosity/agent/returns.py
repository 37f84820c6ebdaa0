"""Advantages of two reward streams, and the scale of their sum: plain functions of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, zeros_like

from fragmentation_recall.surprisal import RunningMoments


def advantages(
    rewards: Tensor, values: Tensor, next_values: Tensor, ends: Tensor, *, gamma: Tensor, lam: float
) -> Tensor:
    """Estimate generalized advantages of each reward stream (Schulman et al. 2016, eq. 16).

    delta_t = r_t + gamma V(s_{t+1}) - V(s_t);  A_t = delta_t + gamma lambda (1 - end_t) A_{t+1}.

    Args:
        rewards: float, shape (T, E, heads).
        values: of the states that were acted in, shape (T, E, heads).
        next_values: of the states that followed: 0 where a terminal one did; shape (T, E, heads).
        ends: bool, shape (T, E, heads): no reward after this step counts for those before it.
        gamma: discount per head, shape (heads,).
        lam: lambda.

    Returns:
        Shape (T, E, heads); value targets are these plus ``values``.
    """
    delta = rewards + gamma * next_values - values
    decay = gamma * lam * (~ends)
    out = zeros_like(delta)
    following = zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        following = delta[t] + decay[t] * following
        out[t] = following
    return out


class ReturnScale:
    """The running standard deviation of a reward's discounted sum, by which rewards are divided.

    Source: Burda et al. 2018, section 2.4.

    Args:
        environments: E, each with a discounted sum of its own.
        gamma: discount.
    """

    def __init__(self, environments: int, gamma: float) -> None:
        self._sums = np.zeros(environments)
        self._gamma = gamma
        self._moments = RunningMoments(1)

    def update(self, rewards: NDArray, ends: NDArray[np.bool_]) -> float:
        """Take in a segment and return the deviation of all so far, 1 while there is none.

        Args:
            rewards: shape (T, E).
            ends: shape (T, E): the sum starts again from 0 after this step.
        """
        sums = np.empty(rewards.shape)
        for t, (reward, end) in enumerate(zip(rewards, ends, strict=True)):
            sums[t] = self._sums = self._gamma * self._sums + reward
            self._sums = np.where(end, 0.0, self._sums)
        self._moments.add(np.zeros(sums.size, np.int64), sums.ravel())
        deviation = float(self._moments.std(0))
        return deviation if deviation > 1e-8 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state, for a checkpoint."""
        return {"sums": self._sums.copy(), "moments": self._moments.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint."""
        self._sums = np.array(state["sums"])
        self._moments.load_state_dict(state["moments"])
