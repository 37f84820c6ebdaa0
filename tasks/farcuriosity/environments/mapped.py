"""Vector environments whose images are seen otherwise: all of them, those that end an episode, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space


class MappedImages(VectorWrapper):
    """Shows each batch of images through a function.

    Gymnasium's own wrapper leaves the last observations of finished episodes (``final_obs``) as they are.

    Args:
        environments: whose observations are images.
        single: space of one image as it is seen.
        view: images (n, ...) as the environments show them -> as they are seen, (n, *single.shape).
    """

    def __init__(
        self, environments: VectorEnv, single: Box, view: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        super().__init__(environments)
        self._view = view
        self.single_observation_space = single
        self.observation_space = batch_space(single, environments.num_envs)

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Reset, as ``VectorEnv.reset``."""
        observations, infos = self.env.reset(**options)
        return self._view(observations), infos

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step, as ``VectorEnv.step``."""
        observations, rewards, terminal, cut, infos = self.env.step(actions)
        if "final_obs" in infos:
            last = [None if image is None else self._view(image[None])[0] for image in infos["final_obs"]]
            infos = {**infos, "final_obs": last}
        return self._view(observations), rewards, terminal, cut, infos
