"""Images as convolutions take them: channels first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv

from farcuriosity.environments.mapped import MappedImages

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


def move_channels(environments: VectorEnv, axes: Sequence[int] | None = None) -> VectorEnv:
    """Bring images to (channels, rows, columns), whatever their order was; see :func:`image_axes`.

    Args:
        environments: whose observations are images of two to four axes.
        axes: their order, where it is known; else what the shape tells.

    Raises:
        ValueError: the shape doesn't tell.
    """
    space = environments.single_observation_space
    order = tuple(axes) if axes is not None else image_axes(space.shape)
    moved = tuple(space.shape[axis] for axis in order)
    shape = (int(np.prod(moved[:-2])), *moved[-2:])

    def view(images: np.ndarray) -> np.ndarray:
        return images.transpose(0, *(axis + 1 for axis in order)).reshape(len(images), *shape)

    seen = Box(space.low.min(), space.high.max(), shape, space.dtype)
    return MappedImages(environments, seen, view)
