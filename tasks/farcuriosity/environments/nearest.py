"""Atari frames as the released agents saw them: the nearest pixels of a frame without its two top rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

SIDE = 84  # pixels
CROPPED = 2  # rows


class NearestPixels(VectorWrapper):
    """Crops two rows and keeps every pixel that is the nearest to one of 84 x 84.

    Args:
        environments: whose observations are grey frames in full size, (stack, rows, columns).
    """

    def __init__(self, environments: VectorEnv) -> None:
        super().__init__(environments)
        stack, rows, columns = environments.single_observation_space.shape
        self._rows = CROPPED + (np.arange(SIDE) * (rows - CROPPED)) // SIDE
        self._columns = (np.arange(SIDE) * columns) // SIDE
        self.single_observation_space = Box(0, 255, (stack, SIDE, SIDE), np.uint8)
        self.observation_space = batch_space(self.single_observation_space, environments.num_envs)

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Reset, as ``VectorEnv.reset``."""
        observations, infos = self.env.reset(**options)
        return self._small(observations), infos

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step, as ``VectorEnv.step``; the last frames of finished episodes are made small as well."""
        observations, rewards, terminal, cut, infos = self.env.step(actions)
        if "final_obs" in infos:
            last = [None if frames is None else self._small(frames) for frames in infos["final_obs"]]
            infos = {**infos, "final_obs": last}
        return self._small(observations), rewards, terminal, cut, infos

    def _small(self, frames: np.ndarray) -> np.ndarray:
        return frames[..., self._rows[:, None], self._columns]
