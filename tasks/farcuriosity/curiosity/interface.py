"""What a curiosity is to the agent that uses it, and how one is made.

An agent steps ``E`` environments ``T`` times, gives the segment to :meth:`Curiosity.score`, learns from the
rewards, and gives the segment's rows, in minibatches, to :meth:`Curiosity.update`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gridcell import Strict, parse_settings

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Continuous(int):
    """The size of an action that is so many numbers, where an ``int`` is the number of discrete choices."""


@dataclass(frozen=True)
class Batch:
    """Transitions in any order.

    Attributes:
        observations: before the action, uint8 or float, of shape ``(N, *observation_shape)``.
        next_observations: after it; at the end of an episode its last observation, not the next one's first.
        actions: int64, of shape ``(N,)``; of continuous ones float, of shape ``(N, numbers)``.
        fragments: that each transition's environment was in, int64, of shape ``(N,)``.
    """

    observations: Tensor
    next_observations: Tensor
    actions: Tensor
    fragments: Tensor

    def __len__(self) -> int:
        return len(self.actions)

    def to(self, device: torch.device | str) -> Batch:
        """Return the same on a device."""
        return Batch(
            self.observations.to(device),
            self.next_observations.to(device),
            self.actions.to(device),
            self.fragments.to(device),
        )

    def __getitem__(self, rows: Tensor | slice) -> Batch:
        return Batch(
            self.observations[rows], self.next_observations[rows], self.actions[rows], self.fragments[rows]
        )


@dataclass(frozen=True)
class Segment:
    """What ``E`` environments went through in ``T`` steps, time-major.

    Attributes:
        observations: the newest frame ``(C, H, W)``, or a vector ``(D,)``; uint8 or float, of shape
            ``(T, E, *observation_shape)``.
        next_observations: likewise, after the action; at the end of an episode its last observation.
        actions: int64, of shape ``(T, E)``; of continuous ones float, of shape ``(T, E, numbers)``.
        dones: whether the episode ended with this step, bool, of shape ``(T, E)``.
    """

    observations: Tensor
    next_observations: Tensor
    actions: Tensor
    dones: Tensor

    def batch(self, fragments: Tensor) -> Batch:
        """Return all transitions as rows, time-major: row ``t * E + e``.

        Args:
            fragments: that each environment was in, int64, of shape ``(E,)``.
        """
        return Batch(
            self.observations.flatten(0, 1),
            self.next_observations.flatten(0, 1),
            self.actions.flatten(0, 1),
            fragments.to(self.actions.device).repeat(len(self.actions)),
        )


class Switch(NamedTuple):
    """An environment left its fragment, with effect from the next segment.

    Attributes:
        step: within the segment; ``next_observations[step, environment]`` is the state at which it was.
        environment: which.
        source: the fragment it was in.
        target: the fragment it is in from now on.
        made: whether the target was made here (fragmentation) or is a known one (recall).
    """

    step: int
    environment: int
    source: int
    target: int
    made: bool


@dataclass(frozen=True)
class Scores:
    """What a curiosity made of a segment.

    Attributes:
        rewards: intrinsic, float32, of shape ``(T, E)``; 0 where not scored and at the end of an episode.
        errors: that the rewards come from, float32, of shape ``(T, E)``.
        scored: which steps were rewarded, bool, of shape ``(T, E)``: all, unless the settings withhold
            rewards during burn-in or after a recall.
        fragments: that each environment was in throughout the segment, int64, of shape ``(E,)``.
        switches: in the order in which they happened.
    """

    rewards: Tensor
    errors: Tensor
    scored: Tensor
    fragments: Tensor
    switches: tuple[Switch, ...] = ()


class Curiosity(Protocol):
    """Gives intrinsic rewards and learns from the same transitions; owns its optimisers."""

    def warm_up(self, observations: Tensor) -> None:
        """Start the observation statistics from random steps, of shape ``(N, *observation_shape)``."""

    def score(self, segment: Segment) -> Scores:
        """Reward a segment, and take it into all statistics; once per segment, in order of time."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the scalar to minimise; each fragment's module sees only its own rows."""

    def update(self, batch: Batch) -> float:
        """Take one optimiser step for each fragment that the batch has rows of; return the loss."""

    def values(self) -> dict[str, float]:
        """Return what to report: fragments, recalls, replacements, memory in bytes, mean error."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next segment's rewards depend on; loads with ``weights_only=True``."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another kind or shape.
        """


class Parameters(Strict):
    """Settings of a curiosity: typed, frozen, none beyond those declared. Every setting has a default."""

    def fit(self, environments: int) -> None:
        """Check that they suit so many environments.

        Raises:
            ValueError: they don't.
        """


@dataclass(frozen=True)
class Kind:
    """A kind of curiosity: one file in :mod:`farcuriosity.curiosity.modules`, as ``kind``.

    Attributes:
        name: in suites and reports.
        summary: one sentence, with its source.
        make: called as ``make(observation_shape, actions, environments, seed, device=..., **parameters)``
            with all parameters; see :meth:`build`.
        parameters: settings, each with a default.
        fragmentable: whether ``make`` also takes ``fragmenting``, as
            :class:`~farcuriosity.curiosity.prediction.PredictionCuriosity` does.
        rewarding: whether it ever gives a reward.
        version: of its algorithm. Raise it where the curiosity behaves differently, so that cells of before
            stay apart.
    """

    name: str
    summary: str
    make: Callable[..., Curiosity]
    parameters: type[Parameters] = Parameters
    fragmentable: bool = False
    rewarding: bool = True
    version: int = 1

    def build(
        self,
        observation_shape: tuple[int, ...],
        actions: int,
        environments: int,
        seed: int,
        *,
        device: str = "cpu",
        **parameters: Any,
    ) -> Curiosity:
        """Check parameters, fill in defaults, and make one.

        Args:
            observation_shape: ``(C, H, W)`` of frames, ``(D,)`` of vectors.
            actions: how many choices there are; of continuous actions a :class:`Continuous`.
            environments: how many are stepped together.
            seed: of everything that is drawn.
            device: where modules are.
            parameters: by name, where they differ from the defaults.

        Raises:
            UserError: there is no such parameter, or its value does not fit.
        """
        settings = parse_settings(self.parameters, parameters, self.name).model_dump()
        return self.make(observation_shape, actions, environments, seed, device=device, **settings)
