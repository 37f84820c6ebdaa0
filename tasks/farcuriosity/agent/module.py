"""The actor-critic as RLlib's RLModule."""

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Discrete, Space
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.torch import TorchRLModule

from farcuriosity.agent.networks import ActorCritic, Architecture
from farcuriosity.curiosity.interface import Continuous
from farcuriosity.environments.spaces import scale_of

# Columns beside RLlib's own.
VALUES = "values"
STARTS = "starts"
PREVIOUS_ACTIONS = "previous_actions"


def actions_of(space: Space) -> int:
    """Return how many choices there are, or how many numbers an action is: then a ``Continuous``."""
    return int(space.n) if isinstance(space, Discrete) else Continuous(space.shape[0])


class ActorCriticModule(TorchRLModule):
    """RLlib's face of ``networks.ActorCritic``; ``model_config`` holds its ``architecture``.

    It acts and learns by one forward pass, so there is no separate inference network.
    """

    def setup(self) -> None:
        """Build the network for the spaces that RLlib found."""
        actions = actions_of(self.action_space)
        self.net = ActorCritic(
            Architecture(
                shape=tuple(self.observation_space.shape),
                actions=int(actions),
                continuous=isinstance(actions, Continuous),
                scale=scale_of(self.observation_space),
                **self.model_config["architecture"],
            )
        )

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Compute policy and values; see ``ActorCritic.forward`` for shapes."""
        starts, state = batch[STARTS], batch[Columns.STATE_IN]
        if starts.dim() == 2:
            state = state[0]  # RLlib wants all columns of one length; the first step's state counts
        outputs, values, state = self.net(batch[Columns.OBS], batch[PREVIOUS_ACTIONS], starts, state)
        return {Columns.ACTION_DIST_INPUTS: outputs, VALUES: values, Columns.STATE_OUT: state}
