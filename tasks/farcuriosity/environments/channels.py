"""Images as convolutions take them: channels first."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space


class ChannelsFirst(VectorWrapper):
    """Moves the last axis of all images to the front: (rows, columns, channels) to (channels, rows, columns).

    Args:
        environments: whose observations are images, uint8.
    """

    def __init__(self, environments: VectorEnv) -> None:
        super().__init__(environments)
        space = environments.single_observation_space
        shape = (space.shape[2], *space.shape[:2])
        self.single_observation_space = Box(space.low.min(), space.high.max(), shape, space.dtype)
        self.observation_space = batch_space(self.single_observation_space, environments.num_envs)

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Reset, as ``VectorEnv.reset``."""
        observations, infos = self.env.reset(**options)
        return _moved(observations), infos

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step, as ``VectorEnv.step``; the last observations of finished episodes are moved as well."""
        observations, rewards, terminal, cut, infos = self.env.step(actions)
        if "final_obs" in infos:
            last = [None if image is None else _moved(image) for image in infos["final_obs"]]
            infos = {**infos, "final_obs": last}
        return _moved(observations), rewards, terminal, cut, infos


def _moved(images: np.ndarray) -> np.ndarray:
    return np.moveaxis(images, -1, -3)
