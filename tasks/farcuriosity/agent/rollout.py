"""What an environment runner hands to the learner: a segment of steps, time-major."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray


@dataclass(frozen=True)
class Rollout:
    """T steps of E environments, step t of environment e at [t, e].

    RLlib asks an "episode" for its length alone, so a list of these takes the place of its episodes; cutting
    steps into one object per episode and joining them again would cost more than the steps themselves.

    Attributes:
        observations: acted on, shape (T, E, *observation).
        next_frames: what followed, as the curiosity sees it, (T, E, *frame): the last one of an episode that
            ended, not the first one of the next.
        actions: int64, (T, E); continuous ones float32, (T, E, numbers).
        previous_actions: likewise; meaningless where ``starts``.
        log_probabilities: of the actions, float32, (T, E).
        values: of the observations, float32, (T, E, 2): extrinsic, intrinsic.
        next_values: of what followed, (T, E, 2): 0 after a terminal step, and the value of the last
            observation where an episode was cut.
        continuing_values: the same, but of the next episode's first observation after any end.
        rewards: as the environments gave them, float32, (T, E).
        starts: bool, (T, E): the observation is the first of an episode.
        ends: bool, (T, E): the episode ended with this step, by itself or cut, or a life was lost where that
            ends an episode for the agent.
        states: of the recurrent policy before the first step, float32, (E, S); S is 0 if it has none.
        places: where the project's own environments say that the agent is (``infos["position"]``), as one
            number: before each step, then after each, which is in the old episode where one ended; int64,
            (2 T, E), or (0, E) of other environments.
        rooms: likewise, of ``infos["room"]``.
        episodes: (return, steps) of each episode that ended; of games whole, whatever lost lives end.
        worker: index of the runner.
    """

    observations: Array
    next_frames: Array
    actions: Array
    previous_actions: Array
    log_probabilities: Array
    values: Array
    next_values: Array
    continuing_values: Array
    rewards: Array
    starts: Array
    ends: Array
    states: Array
    places: Array
    rooms: Array
    episodes: list[tuple[float, int]] = field(default_factory=list)
    worker: int = 0

    def __len__(self) -> int:
        """Return the number of steps, T * E."""
        return int(self.rewards.size)

    @staticmethod
    def join(rollouts: Sequence[Rollout], environments: int) -> Rollout:
        """Join the segments of all runners along E, in the order of the runners.

        Args:
            rollouts: one of each runner.
            environments: how many there must be: what is kept per environment relies on their order.

        Raises:
            RuntimeError: a runner is missing; the run can go on from its last checkpoint.
        """
        if len(rollouts) == 1 and rollouts[0].rewards.shape[1] == environments:
            return rollouts[0]
        ordered = sorted(rollouts, key=lambda rollout: rollout.worker)
        there = sum(rollout.rewards.shape[1] for rollout in ordered)
        if there != environments or len({rollout.worker for rollout in ordered}) != len(ordered):
            raise RuntimeError(
                f"Got steps of {there} environments instead of {environments}: a runner is gone"
            )
        joined: dict[str, Any] = {}
        for item in fields(Rollout):
            if item.name not in ("episodes", "worker"):
                axis = 0 if item.name == "states" else 1
                joined[item.name] = np.concatenate([getattr(r, item.name) for r in ordered], axis=axis)
        return Rollout(**joined, episodes=[episode for r in ordered for episode in r.episodes])
