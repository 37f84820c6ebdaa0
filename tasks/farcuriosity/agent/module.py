"""The actor-critic as RLlib's RLModule."""

from __future__ import annotations

from typing import Any

from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.torch import TorchRLModule

from farcuriosity.agent.networks import ActorCritic

# Columns beside RLlib's own.
VALUES = "values"
STARTS = "starts"
PREVIOUS_ACTIONS = "previous_actions"


class ActorCriticModule(TorchRLModule):
    """RLlib's face of ``networks.ActorCritic``; ``model_config`` holds ``features`` and ``lstm``.

    It acts and learns by one forward pass, so there is no separate inference network.
    """

    def setup(self) -> None:
        """Build the network for the spaces that RLlib found."""
        self.net = ActorCritic(
            self.observation_space.shape,
            int(self.action_space.n),
            features=self.model_config["features"],
            lstm=self.model_config["lstm"],
        )

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Compute policy and values; see ``ActorCritic.forward`` for shapes."""
        starts, state = batch[STARTS], batch[Columns.STATE_IN]
        if starts.dim() == 2:
            state = state[0]  # RLlib wants all columns of one length; the first step's state counts
        logits, values, state = self.net(batch[Columns.OBS], batch[PREVIOUS_ACTIONS], starts, state)
        return {Columns.ACTION_DIST_INPUTS: logits, VALUES: values, Columns.STATE_OUT: state}
