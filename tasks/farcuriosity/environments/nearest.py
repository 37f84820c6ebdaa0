"""Atari frames as the released agents saw them: the nearest pixels of a frame without its two top rows."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv

from farcuriosity.environments.mapped import MappedImages

SIDE = 84  # pixels
CROPPED = 2  # rows


def nearest_pixels(environments: VectorEnv) -> VectorEnv:
    """Crop two rows and keep every pixel that is the nearest to one of 84 x 84.

    Args:
        environments: whose observations are grey frames in full size, (stack, rows, columns).
    """
    stack, rows, columns = environments.single_observation_space.shape
    kept_rows = CROPPED + (np.arange(SIDE) * (rows - CROPPED)) // SIDE
    kept_columns = (np.arange(SIDE) * columns) // SIDE

    def view(frames: np.ndarray) -> np.ndarray:
        return frames[..., kept_rows[:, None], kept_columns]

    return MappedImages(environments, Box(0, 255, (stack, SIDE, SIDE), np.uint8), view)
