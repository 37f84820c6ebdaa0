"""A curiosity goes along a path, scored and trained as it would be beside an agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from farcuriosity.curiosity.interface import Curiosity, Segment

Progress = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Walk:
    """What happened at each step of a path, each of shape ``(steps,)``.

    Attributes:
        rewards: intrinsic; NaN where the step was not scored.
        errors: that the rewards come from, of every step.
        fragments: that the agent was in.
        made: steps at which fragments were made.
        recalled: steps at which fragments were recalled.
    """

    rewards: NDArray[np.float64]
    errors: NDArray[np.float64]
    fragments: NDArray[np.int64]
    made: tuple[int, ...]
    recalled: tuple[int, ...]


def follow(
    curiosity: Curiosity,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    actions: NDArray[np.int64],
    *,
    ends: NDArray[np.bool_] | None = None,
    segment: int,
    epochs: int,
    progress: Progress,
) -> Walk:
    """Take a curiosity along a path, one environment, a segment at a time.

    Args:
        curiosity: of one environment.
        before: observation before each step, of shape ``(steps, C, H, W)``.
        after: likewise, after it.
        actions: of each step, of shape ``(steps,)``.
        ends: whether an episode ended with each step, of shape ``(steps,)``; by default none does.
        segment: steps after which the curiosity scores and learns.
        epochs: times that it learns from a segment.
        progress: told steps and values after each segment.
    """
    seen, reached, moves = torch.from_numpy(before), torch.from_numpy(after), torch.from_numpy(actions)
    over = torch.zeros(len(moves), dtype=torch.bool) if ends is None else torch.from_numpy(ends)
    rewards, errors, fragments = [], [], []
    made: list[int] = []
    recalled: list[int] = []
    for start in range(0, len(actions), segment):
        chosen = slice(start, min(start + segment, len(actions)))
        length = chosen.stop - start
        lived = Segment(
            observations=seen[chosen][:, None],
            next_observations=reached[chosen][:, None],
            actions=moves[chosen][:, None],
            dones=over[chosen][:, None],
        )
        scores = curiosity.score(lived)
        batch = lived.batch(scores.fragments)
        for _ in range(epochs):
            curiosity.update(batch)
        rewards.append(np.where(scores.scored[:, 0], scores.rewards[:, 0], np.nan))
        errors.append(scores.errors[:, 0].numpy().astype(np.float64))
        fragments.append(np.full(length, int(scores.fragments[0])))
        for switch in scores.switches:
            (made if switch.made else recalled).append(start + switch.step)
        progress(chosen.stop, curiosity.values())
    return Walk(
        np.concatenate(rewards),
        np.concatenate(errors),
        np.concatenate(fragments),
        tuple(made),
        tuple(recalled),
    )
