"""What a state is recognised by: a key, in a space that stays as it is while the curiosity learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from farcuriosity.curiosity.normalisers import ObservationNormaliser

Keys = Literal["shared", "module", "frame"]
_ROWS = 256  # observations that are encoded at a time


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


class KeySpace:
    """Turns observations into keys, the same observation into the same key at any time.

    The running statistics by which a curiosity normalises what its modules see go on moving, and with them
    the features of one and the same frame: their cosine similarity falls below any threshold for recall that
    tells states apart. So this space has statistics of its own, which are settled once, from the random
    steps before training, or from the first segment where there were none.

    Args:
        kind: ``shared``: a frozen network's features of the normalised observation; ``frame``: the
            observation itself, see :func:`frame_keys`. (Released keys, ``module``, have no such space.)
        observation_shape: ``(C, H, W)`` or ``(D,)``.
        encode: the frozen network, from normalised observations to features.
        frame_size: of ``frame`` keys.
        centre: take the mean key of what the space was settled with off each key, so that what all states
            have in common doesn't make them alike.
        clip: of normalised observations.
        dimension: of a key.
        device: where keys are computed.
    """

    def __init__(
        self,
        kind: Keys,
        observation_shape: Sequence[int],
        encode: Callable[[Tensor], Tensor],
        *,
        frame_size: int | None,
        centre: bool,
        clip: float,
        dimension: int,
        device: torch.device | str,
    ) -> None:
        self._kind, self._encode, self._frame_size, self._centred = kind, encode, frame_size, centre
        self._device = device
        self._normalise = ObservationNormaliser(observation_shape, clip, device)
        self._centre = torch.zeros(dimension, device=device)
        self.settled = False

    @torch.no_grad()
    def settle(self, observations: Tensor) -> None:
        """Fix the space by what states look like, of shape ``(N, *observation_shape)``; once."""
        if self.settled:
            return
        self.settled = True
        if self._kind == "shared":
            self._normalise.update(observations.to(self._device))
        if self._centred:
            total = torch.zeros_like(self._centre, dtype=torch.float64)
            for part in observations.split(_ROWS):
                total += self._raw(part.to(self._device)).double().sum(0)
            self._centre = (total / len(observations)).float()

    @torch.no_grad()
    def __call__(self, observations: Tensor) -> Tensor:
        """Return keys, float32, of shape ``(N, dimension)``; of a key that is all zero, zero."""
        raw = self._raw(observations.to(self._device))
        return (raw - self._centre) * (raw != 0).any(1, keepdim=True) if self._centred else raw

    def _raw(self, observations: Tensor) -> Tensor:
        if self._kind == "frame":
            return frame_keys(observations, self._frame_size)
        return self._encode(self._normalise(observations))

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state, for a checkpoint; the frozen network is its owner's."""
        return {
            "settled": self.settled,
            "normalise": self._normalise.state_dict(),
            "centre": self._centre.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: its observations or keys have another shape.
        """
        if state["centre"].shape != self._centre.shape:
            given, wanted = len(state["centre"]), len(self._centre)
            raise ValueError(f"Keys of {given} numbers in the checkpoint do not fit {wanted}")
        self._normalise.load_state_dict(state["normalise"])
        self._centre = state["centre"].to(self._device).clone()
        self.settled = bool(state["settled"])
