"""Running normalisation of observations and of intrinsic rewards (Burda et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fragmentation_recall.surprisal import RunningMoments

_ROWS = 1024  # observations that are converted to float at a time


class ObservationNormaliser:
    """Takes the running mean off each pixel, divides by its running standard deviation, and clips.

    Args:
        observation_shape: of one observation.
        clip: largest magnitude that comes out.
        device: where the statistics are kept.
    """

    def __init__(self, observation_shape: Sequence[int], clip: float, device: torch.device | str) -> None:
        self._clip = clip
        self._count = 0
        self._mean = torch.zeros(*observation_shape, dtype=torch.float64, device=device)
        self._squares = torch.zeros_like(self._mean)  # sum of squared deviations from the mean
        self._prepare()

    def update(self, observations: Tensor) -> None:
        """Take in observations, of shape ``(N, *observation_shape)``."""
        for chunk in observations.split(_ROWS):
            variance, mean = torch.var_mean(chunk.float(), dim=0, correction=0)
            added, total = len(chunk), self._count + len(chunk)
            apart = mean.double() - self._mean
            self._squares += variance.double() * added + apart**2 * (self._count * added / total)
            self._mean += apart * (added / total)
            self._count = total
        self._prepare()

    def __call__(self, observations: Tensor) -> Tensor:
        """Return normalised observations, float32, of the same shape."""
        return ((observations.float() - self._centre) * self._scale).clamp_(-self._clip, self._clip)

    def _prepare(self) -> None:
        variance = self._squares / self._count if self._count else torch.ones_like(self._squares)
        self._centre = self._mean.float()
        self._scale = (variance + 1e-8).rsqrt().float()

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state, for a checkpoint."""
        return {"count": self._count, "mean": self._mean.clone(), "squares": self._squares.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: its observations have another shape.
        """
        if state["mean"].shape != self._mean.shape:
            given, wanted = tuple(state["mean"].shape), tuple(self._mean.shape)
            raise ValueError(f"Statistics of observations {given} do not fit observations {wanted}")
        self._count = int(state["count"])
        self._mean.copy_(state["mean"])
        self._squares.copy_(state["squares"])
        self._prepare()


class RewardNormaliser:
    """Divides rewards by the running standard deviation of their discounted sum, environment by environment.

    The sum runs on over the ends of episodes, whether or not the intrinsic return ends there (the agent's
    ``episodic_intrinsic``): what is divided by is the spread of rewards, not of an episode's return.

    Args:
        environments: how many sums there are.
        gamma: discount per step.
    """

    def __init__(self, environments: int, gamma: float) -> None:
        self._gamma = gamma
        self._sums = np.zeros(environments)
        self._moments = RunningMoments(1)

    def __call__(
        self,
        rewards: NDArray[np.floating],
        counted: NDArray[np.bool_],
        environments: NDArray[np.integer] | slice = slice(None),
    ) -> NDArray[np.float32]:
        """Take rewards in, then scale them.

        Args:
            rewards: in order of time, of shape ``(T, E)``.
            counted: which steps the statistics are to know of, of shape ``(T, E)``; the others are rewards
                that nobody gave.
            environments: whose rewards these are, where not of all; of shape ``(E,)``.

        Returns:
            Scaled rewards, of shape ``(T, E)``; as they are while the statistics show no spread.
        """
        sums = np.empty(rewards.shape)
        for step, reward in enumerate(rewards):
            self._sums[environments] = self._gamma * self._sums[environments] + reward
            sums[step] = self._sums[environments]
        if counted.any():
            values = sums[counted]
            self._moments.add(np.zeros(len(values), np.int64), values)
        spread = float(self._moments.std(0))
        return (rewards / spread if spread > 0 else rewards).astype(np.float32)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state, for a checkpoint."""
        moments = {name: torch.from_numpy(value) for name, value in self._moments.state_dict().items()}
        return {"sums": torch.from_numpy(self._sums.copy()), "moments": moments}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another number of environments.
        """
        if len(state["sums"]) != len(self._sums):
            raise ValueError(f"Sums of {len(state['sums'])} environments do not fit {len(self._sums)}")
        self._sums = state["sums"].numpy().copy()
        self._moments.load_state_dict(state["moments"])
