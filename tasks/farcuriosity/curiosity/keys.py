"""What a state is recognised by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

Keys = Literal["shared", "module", "frame"]


def key_dimension(observation_shape: Sequence[int], keys: Keys, features: int, frame_size: int | None) -> int:
    """Return the length of a key."""
    if keys != "frame":
        return features
    if len(observation_shape) == 1:
        return observation_shape[0]
    return frame_size**2 if frame_size is not None else observation_shape[1] * observation_shape[2]


def frame_keys(observations: Tensor, size: int | None) -> Tensor:
    """Return observations themselves as keys: images as the mean of their channels, vectors as they are.

    They are not normalised, so that a black screen is all zero and the past does not change a key.

    Args:
        observations: of shape ``(N, C, H, W)`` or ``(N, D)``.
        size: height and width to average images down to; None for as they are.

    Returns:
        float32, of shape ``(N, dimension)``.
    """
    if observations.dim() == 2:
        return observations.float()
    means = observations.float().mean(1, keepdim=True)
    return (means if size is None else nn.functional.adaptive_avg_pool2d(means, size)).flatten(1)
