"""``none``: no intrinsic reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from farcuriosity.curiosity.interface import Batch, Kind, Scores, Segment

if TYPE_CHECKING:
    from torch import Tensor


class Indifferent:
    """Rewards nothing and learns nothing."""

    def warm_up(self, observations: Tensor) -> None:
        """Do nothing."""

    def score(self, segment: Segment) -> Scores:
        """Return zeros."""
        import torch

        zeros = torch.zeros(segment.dones.shape, device=segment.dones.device)
        fragments = torch.zeros(segment.dones.shape[1], dtype=torch.int64, device=zeros.device)
        return Scores(zeros, zeros, torch.zeros_like(segment.dones), fragments)

    def loss(self, batch: Batch) -> Tensor:
        """Return zero."""
        import torch

        return torch.zeros((), device=batch.actions.device)

    def update(self, batch: Batch) -> float:
        """Return zero."""
        return 0.0

    def values(self) -> dict[str, float]:
        """Return nothing: there is nothing to report."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: there is no state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up no state.

        Raises:
            ValueError: there is one.
        """
        if state:
            raise ValueError("The checkpoint is one of another curiosity: 'none' has no state")


def make(
    observation_shape: tuple[int, ...],
    actions: int,
    environments: int,
    seed: int,
    *,
    device: str = "cpu",
) -> Indifferent:
    """Make one, whatever the environment."""
    del observation_shape, actions, environments, seed, device
    return Indifferent()


kind = Kind(
    name="none", summary="No intrinsic reward: the agent without curiosity.", make=make, rewarding=False
)
