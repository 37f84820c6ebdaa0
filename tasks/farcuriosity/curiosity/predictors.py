"""Trainable modules whose error is a reward."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from farcuriosity.curiosity.interface import Batch
from farcuriosity.curiosity.networks import HIDDEN, encoder


class Rows:
    """Transitions as a module sees them; what no one asks for is not computed.

    Args:
        batch: the transitions.
        normalise: what observations pass first.
        encode: frozen random network.
    """

    def __init__(
        self, batch: Batch, normalise: Callable[[Tensor], Tensor], encode: Callable[[Tensor], Tensor]
    ) -> None:
        self.batch = batch
        self._normalise, self._encode = normalise, encode

    @cached_property
    def frames(self) -> Tensor:
        """Normalised observations, float32, of shape ``(N, *observation_shape)``."""
        return _laid_out(self._normalise(self.batch.observations))

    @cached_property
    def next_frames(self) -> Tensor:
        """Normalised next observations."""
        return _laid_out(self._normalise(self.batch.next_observations))

    @cached_property
    def features(self) -> Tensor:
        """What the frozen network makes of the observations, float32, of shape ``(N, features)``."""
        with torch.no_grad():
            return self._encode(self.frames)

    @cached_property
    def next_features(self) -> Tensor:
        """What the frozen network makes of the next observations."""
        with torch.no_grad():
            return self._encode(self.next_frames)


class Predictor(nn.Module, ABC):
    """A trainable module whose error is a reward."""

    @abstractmethod
    def errors(self, rows: Rows) -> Tensor:
        """Return what each transition is rewarded with, of shape ``(N,)``."""

    @abstractmethod
    def losses(self, rows: Rows) -> Tensor:
        """Return what each transition adds to the mean that training minimises, of shape ``(N,)``."""


class Distillation(Predictor):
    """Predicts what a frozen random network makes of the next observation.

    Error and loss: the squared difference, averaged over features.

    Source: Burda et al. 2018, "Exploration by random network distillation" (arXiv 1810.12894).

    Args:
        observation_shape: ``(C, H, W)`` or ``(D,)``.
        features: of the frozen network.
    """

    def __init__(self, observation_shape: Sequence[int], features: int) -> None:
        super().__init__()
        self.predict = nn.Sequential(
            encoder(observation_shape, features),
            nn.ReLU(),
            nn.Linear(features, features),
            nn.ReLU(),
            nn.Linear(features, features),
        )

    def errors(self, rows: Rows) -> Tensor:
        """Return errors, of shape ``(N,)``."""
        return (self.predict(rows.next_frames) - rows.next_features).square().mean(1)

    def losses(self, rows: Rows) -> Tensor:
        """Return errors, of shape ``(N,)``."""
        return self.errors(rows)


class InverseAndForward(Predictor):
    """Encodes what actions change, and predicts the code of the next observation.

    Error: ``1/2 |f(phi(s), a) - phi(s')|^2`` (equation 6); loss: ``(1 - beta)`` times the cross entropy of
    the action told from ``phi(s), phi(s')`` (of continuous actions the mean squared difference), plus
    ``beta`` times the error (equation 7).

    Source: Pathak et al. 2017, "Curiosity-driven exploration by self-supervised prediction" (arXiv
    1705.05363).

    Args:
        observation_shape: ``(C, H, W)`` or ``(D,)``.
        features: of the code phi.
        actions: how many choices; of continuous actions how many numbers.
        forward_weight: beta.
    """

    def __init__(
        self, observation_shape: Sequence[int], features: int, actions: int, forward_weight: float
    ) -> None:
        super().__init__()
        self.encode = encoder(observation_shape, features)
        self.invert = _head(2 * features, actions)
        self.predict = _head(features + actions, features)
        self._actions, self._weight = actions, forward_weight

    def errors(self, rows: Rows) -> Tensor:
        """Return forward errors, of shape ``(N,)``."""
        return self._forward_errors(rows, self.encode(rows.frames), self.encode(rows.next_frames))

    def losses(self, rows: Rows) -> Tensor:
        """Return losses, of shape ``(N,)``."""
        before, after = self.encode(rows.frames), self.encode(rows.next_frames)
        told = self.invert(torch.cat([before, after], 1))
        done = rows.batch.actions
        if done.is_floating_point():
            inverse = (told - done).square().mean(1)
        else:
            inverse = F.cross_entropy(told, done, reduction="none")
        return (1 - self._weight) * inverse + self._weight * self._forward_errors(rows, before, after)

    def _forward_errors(self, rows: Rows, before: Tensor, after: Tensor) -> Tensor:
        predicted = self.predict(_with_action(before, rows.batch.actions, self._actions))
        return 0.5 * (predicted - after).square().sum(1)


class Disagreement(Predictor):
    """Several forward models of frozen random features; where they disagree is new.

    Error: the variance over models, averaged over features; loss: the models' squared errors, averaged over
    features, summed over models, so that each learns as if alone.

    Source: Pathak, Gandhi and Gupta 2019, "Self-supervised exploration via disagreement" (arXiv 1906.04161).

    Args:
        features: of the frozen network.
        actions: how many choices; of continuous actions how many numbers.
        models: how many.
    """

    def __init__(self, features: int, actions: int, models: int) -> None:
        super().__init__()
        self.models = nn.ModuleList(_head(features + actions, features) for _ in range(models))
        self._actions = actions

    def errors(self, rows: Rows) -> Tensor:
        """Return variances, of shape ``(N,)``."""
        return self._predictions(rows).var(0, correction=0).mean(1)

    def losses(self, rows: Rows) -> Tensor:
        """Return losses, of shape ``(N,)``."""
        return (self._predictions(rows) - rows.next_features).square().mean(2).sum(0)

    def _predictions(self, rows: Rows) -> Tensor:
        known = _with_action(rows.features, rows.batch.actions, self._actions)
        return torch.stack([model(known) for model in self.models])


def _laid_out(frames: Tensor) -> Tensor:
    """Lay images out with channels last, as the networks are."""
    return frames.contiguous(memory_format=torch.channels_last) if frames.dim() == 4 else frames


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))


def _with_action(code: Tensor, actions: Tensor, count: int) -> Tensor:
    done = actions if actions.is_floating_point() else F.one_hot(actions, count)
    return torch.cat([code, done.to(code)], 1)
