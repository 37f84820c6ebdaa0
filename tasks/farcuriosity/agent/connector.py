"""The one place where a curiosity joins RLlib: from segments of steps to a batch with advantages.

A learner connector, because there a segment is seen whole, in time order, over all environments, once, after
it was sampled and before any gradient step: a curiosity's scores, normalisers and fragments then are what its
definition says, in one process and on the learner's device, however many runners sampled. In the runners each
would need a copy of every module, and in the loss each step would be scored once per epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from farcuriosity.agent.module import PREVIOUS_ACTIONS, STARTS
from farcuriosity.agent.progress import Progress
from farcuriosity.agent.returns import ReturnScale, advantages
from farcuriosity.agent.rollout import Rollout
from farcuriosity.curiosity.interface import Curiosity, Segment
from farcuriosity.environments.make import newest_frame

OLD_VALUES = "old_values"
CURIOSITY = "curiosity"  # as if it were a module: the id of its part of a batch


@dataclass(frozen=True)
class Credit:
    """How rewards become advantages.

    Attributes:
        gammas: discounts of the extrinsic and the intrinsic reward.
        lam: of the generalized advantages.
        clip_rewards: only the sign of extrinsic rewards counts.
        scale_rewards: divide both rewards by the running deviation of their sum's discounted sum.
        extrinsic: weight.
        intrinsic: weight.
        episodic_intrinsic: an episode's end also ends the intrinsic return.
    """

    gammas: tuple[float, float] = (0.99, 0.99)
    lam: float = 0.95
    clip_rewards: bool = True
    scale_rewards: bool = True
    extrinsic: float = 1.0
    intrinsic: float = 1.0
    episodic_intrinsic: bool = True


class SegmentsToBatch(ConnectorV2):
    """Joins the runners' segments, lets the curiosity score them, and computes advantages.

    Args:
        credit: how rewards become advantages.
        environment: id of the environments.
        environments: how many, of all runners together.
        curiosity: scores segments.
        device: of the learner.

    Attributes:
        curiosity: that scores segments.
        progress: of the run.
        judged: what the last segment's values and rewards were.
    """

    def __init__(
        self,
        credit: Credit,
        environment: str,
        environments: int,
        curiosity: Curiosity,
        device: torch.device | str,
    ) -> None:
        super().__init__()
        self._credit = credit
        self._environment = environment
        self._environments = environments
        self.curiosity = curiosity
        self._device = device
        self.progress = Progress()
        self.judged: dict[str, float] = {}
        self._scale = ReturnScale(environments, credit.gammas[0])

    def __call__(self, *, episodes: Sequence[Rollout], **_: Any) -> dict[str, dict[str, torch.Tensor]]:
        """Return the columns of the learner's batch, each of shape (T, E, ...).

        ``advantages`` are the sum over both heads, normalised over the batch; ``value_targets`` (T, E, 2).
        What the curiosity learns from is of its own module id, with each step's fragment.
        """
        rollout = Rollout.join(episodes, self._environments)
        column: dict[str, torch.Tensor] = {
            name: torch.from_numpy(getattr(rollout, name)).to(self._device)
            for name in (
                "observations",
                "actions",
                "previous_actions",
                "log_probabilities",
                "starts",
                "states",
            )
        }
        segment = Segment(
            newest_frame(self._environment, column["observations"]),
            torch.from_numpy(rollout.next_frames).to(self._device),
            column["actions"],
            torch.from_numpy(rollout.ends).to(self._device),
        )
        scores = self.curiosity.score(segment)
        self.progress.add(rollout, scores)
        intrinsic = scores.rewards.cpu().numpy()
        credit = self._credit
        extrinsic = np.sign(rollout.rewards) if credit.clip_rewards else rollout.rewards
        rewards = np.stack([credit.extrinsic * extrinsic, credit.intrinsic * intrinsic], axis=-1)
        if credit.scale_rewards:
            rewards = rewards / self._scale.update(rewards.sum(axis=-1), rollout.ends)
        ends, next_values = np.stack([rollout.ends] * 2, axis=-1), rollout.next_values.copy()
        if not credit.episodic_intrinsic:
            ends[..., 1] = False
            next_values[..., 1] = rollout.continuing_values[..., 1]
        values = torch.from_numpy(rollout.values)
        per_head = advantages(
            torch.from_numpy(rewards.astype(np.float32)),
            values,
            torch.from_numpy(next_values),
            torch.from_numpy(ends),
            gamma=torch.tensor(credit.gammas),
            lam=credit.lam,
        )
        self.judged = _judged(values, per_head + values)
        total = per_head.sum(dim=-1)
        total = (total - total.mean()) / (total.std() + 1e-8)
        return {
            DEFAULT_MODULE_ID: {
                Columns.OBS: column["observations"],
                Columns.ACTIONS: column["actions"],
                Columns.ACTION_LOGP: column["log_probabilities"],
                OLD_VALUES: values.to(self._device),
                PREVIOUS_ACTIONS: column["previous_actions"],
                STARTS: column["starts"],
                Columns.STATE_IN: column["states"].expand(len(total), *column["states"].shape),
                Postprocessing.ADVANTAGES: total.to(self._device),
                Postprocessing.VALUE_TARGETS: (per_head + values).to(self._device),
            },
            CURIOSITY: {
                "observations": segment.observations,
                "next_observations": segment.next_observations,
                "actions": segment.actions,
                "fragments": scores.fragments.expand(segment.dones.shape),
            },
        }

    def get_state(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Return the state of the curiosity, the reward scale and the progress."""
        return {
            "curiosity": self.curiosity.state_dict(),
            "scale": self._scale.state_dict(),
            "progress": self.progress.state_dict(),
            "judged": dict(self.judged),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take up a state."""
        self.curiosity.load_state_dict(state["curiosity"])
        self._scale.load_state_dict(state["scale"])
        self.progress.load_state_dict(state["progress"])
        self.judged = dict(state["judged"])


def _judged(values: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
    """Return each head's mean value, and the share of its targets' variance that values explain.

    Args:
        values: of shape (T, E, 2): extrinsic, intrinsic.
        targets: likewise.
    """
    found = {}
    for head, name in enumerate(("", "intrinsic_")):
        target, apart = targets[..., head], (targets - values)[..., head]
        found[f"{name}value"] = float(values[..., head].mean())
        if float(target.var()) > 0:
            found[f"{name}explained_variance"] = 1 - float(apart.var() / target.var())
    return found
