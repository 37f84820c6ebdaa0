"""Images as convolutions take them: channels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

_FEW = 4  # channels of a picture at most: grey, with depth, colours, with opacity


def image_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the order of axes that puts an image's channels first.

    A picture has two long sides and few channels, at one end; a square one has two equal sides. An image of
    two axes has no channels, and gets one when it is reshaped; one of four is a stack of pictures whose
    frames become channels.

    Args:
        shape: of one observation.

    Returns:
        A permutation of the axes, channels (or frames and channels) first.

    Raises:
        ValueError: it is ambiguous which axis is that of the channels, or it is in the middle.

    >>> image_axes((210, 160, 3)), image_axes((4, 84, 84)), image_axes((7, 7, 20))
    ((2, 0, 1), (0, 1, 2), (2, 0, 1))
    """
    if len(shape) == 2:
        return (0, 1)
    if len(shape) == 4:  # frames first, then a picture
        return (0, *(axis + 1 for axis in image_axes(shape[1:])))
    first, middle, last = shape
    if (first == middle) != (middle == last):  # square
        return (2, 0, 1) if first == middle else (0, 1, 2)
    few = [axis for axis in (0, 2) if shape[axis] <= _FEW < min(np.delete(shape, axis))]
    if len(few) != 1:
        raise ValueError(f"which axis of {tuple(shape)} holds the channels is ambiguous")
    return (0, 1, 2) if few == [0] else (2, 0, 1)


class ChannelsFirst(VectorWrapper):
    """Brings images to (channels, rows, columns), whatever their order was; see :func:`image_axes`.

    Args:
        environments: whose observations are images of two to four axes.
        axes: their order, where it is known; else what the shape tells.

    Raises:
        ValueError: the shape doesn't tell.
    """

    def __init__(self, environments: VectorEnv, axes: Sequence[int] | None = None) -> None:
        super().__init__(environments)
        space = environments.single_observation_space
        self._axes = tuple(axes) if axes is not None else image_axes(space.shape)
        moved = tuple(space.shape[axis] for axis in self._axes)
        self._shape = (-1, *moved[-2:])
        shape = (int(np.prod(moved[:-2])), *moved[-2:])
        self.single_observation_space = Box(space.low.min(), space.high.max(), shape, space.dtype)
        self.observation_space = batch_space(self.single_observation_space, environments.num_envs)

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Reset, as ``VectorEnv.reset``."""
        observations, infos = self.env.reset(**options)
        return self._moved(observations), infos

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step, as ``VectorEnv.step``; the last observations of finished episodes are moved as well."""
        observations, rewards, terminal, cut, infos = self.env.step(actions)
        if "final_obs" in infos:
            last = [None if image is None else self._moved(image[None])[0] for image in infos["final_obs"]]
            infos = {**infos, "final_obs": last}
        return self._moved(observations), rewards, terminal, cut, infos

    def _moved(self, images: np.ndarray) -> np.ndarray:
        moved = images.transpose(0, *(axis + 1 for axis in self._axes))
        return moved.reshape(len(images), *self.single_observation_space.shape)
