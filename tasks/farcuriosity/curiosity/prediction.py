"""Curiosity by prediction error: one module for the whole world, or one for each of its fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from farcuriosity.curiosity.fragmentation import Fragmentation
from farcuriosity.curiosity.interface import Batch, Scores, Segment, Switch
from farcuriosity.curiosity.keys import Keys, frame_keys, key_dimension
from farcuriosity.curiosity.networks import empty, encoder, fresh
from farcuriosity.curiosity.normalisers import ObservationNormaliser, RewardNormaliser
from farcuriosity.curiosity.predictors import Predictor, Rows
from farcuriosity.curiosity.process_group import Crew

_ROWS = 256  # transitions that are scored at a time: activations of more do not stay in a CPU's cache


class _Fragment:
    """A fragment's module, the frozen network it works with, and its Adam."""

    def __init__(self, module: Predictor, frozen: nn.Module, lr: float) -> None:
        self.module, self.frozen = module, frozen
        self.optimiser = torch.optim.Adam(module.parameters(), lr=lr, fused=True)

    def tensors(self) -> Iterator[Tensor]:
        """Yield all that is held in memory; the frozen network may be another fragment's as well."""
        yield from self.module.parameters()
        yield from self.frozen.parameters()
        for values in self.optimiser.state.values():
            yield from values.values()

    def state_dict(self, shared: nn.Module | None) -> dict[str, Any]:
        """Return all state, without a frozen network that is shared."""
        return {
            "module": self.module.state_dict(),
            "frozen": None if self.frozen is shared else self.frozen.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint."""
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        if state["frozen"] is not None:
            self.frozen.load_state_dict(state["frozen"])


class PredictionCuriosity:
    """Rewards prediction errors, scaled by their discounted sum's spread, and trains what predicts.

    With a ``fragmentation`` there are many modules: each has its own Adam, scores and learns from the
    transitions of the environments that are in it, and is made afresh when its fragment is. A step costs what
    the modules that occur in its batch cost, however many are stored.

    Args:
        observation_shape: ``(C, H, W)`` or ``(D,)``.
        environments: how many.
        seed: of weights and of which rows train.
        build: makes a predictor; its weights are drawn afterwards.
        features: of the frozen network.
        lr: of Adam.
        proportion: of a batch's rows that train, chosen at random.
        gradient_norm: to which each module's gradient is clipped.
        gamma: discount of the sum that scales rewards.
        clip: of normalised observations.
        burn_in: segments that are not rewarded at the start, and after a fragmentation.
        device: where modules are.
        fragmentation: decides on fragments; None for a single module.
        keys: what a state is recognised by, with ``frame_size`` where that is a frame.
    """

    def __init__(
        self,
        observation_shape: Sequence[int],
        environments: int,
        seed: int,
        build: Callable[[], Predictor],
        *,
        features: int,
        lr: float,
        proportion: float,
        gradient_norm: float,
        gamma: float,
        clip: float,
        burn_in: int,
        device: torch.device | str = "cpu",
        fragmentation: Fragmentation | None = None,
        keys: Keys = "shared",
        frame_size: int | None = None,
    ) -> None:
        self._build, self._lr = build, lr
        self._build_frozen = lambda: encoder(observation_shape, features)
        self._proportion, self._gradient_norm, self._burn_in = proportion, gradient_norm, burn_in
        self._device = device
        self._fragmentation, self._keys, self._frame_size = fragmentation, keys, frame_size
        self._key_dimension = key_dimension(observation_shape, keys, features, frame_size)
        self._crew = Crew()
        # Streams of their own: what one draws more or less of leaves the others as they are.
        self._weights, self._frozen_weights, self._draws = (
            Generator().manual_seed(int(stream))
            for stream in np.random.SeedSequence(seed).generate_state(3, np.uint32)
        )
        self._observations = ObservationNormaliser(observation_shape, clip, device)
        self._rewards = RewardNormaliser(environments, gamma)
        self._unscored = np.full(environments, burn_in)
        self._shared = None if keys == "module" else self._new_frozen()
        self._fragments = [self._new_fragment()]
        self._means: dict[str, float] = {}

    def _new_frozen(self) -> nn.Module:
        return fresh(self._build_frozen, self._frozen_weights, self._device).requires_grad_(False)

    def _new_fragment(self) -> _Fragment:
        frozen = self._shared or self._new_frozen()
        return _Fragment(fresh(self._build, self._weights, self._device), frozen, self._lr)

    def _empty_fragment(self) -> _Fragment:
        frozen = self._shared or empty(self._build_frozen, self._device).requires_grad_(False)
        return _Fragment(empty(self._build, self._device), frozen, self._lr)

    def divide(self, crew: Crew) -> None:
        """Compute this process's share of errors and gradients alone: all that follows from them is the same.

        Errors are those of one process to the last bit, if weights are; gradients up to the order of sums.
        """
        self._crew = crew

    def warm_up(self, observations: Tensor) -> None:
        """Start the observation statistics from random steps, of shape ``(N, *observation_shape)``."""
        self._observations.update(observations.to(self._device))

    @torch.no_grad()
    def score(self, segment: Segment) -> Scores:
        """Reward a segment's next observations, and take it into all statistics.

        Observation statistics are brought up to date first, so that modules are scored and trained on the
        same inputs.
        """
        self._observations.update(segment.next_observations.flatten(0, 1).to(self._device))
        shape = segment.dones.shape
        held = np.zeros(shape[1], np.int64) if self._fragmentation is None else self._fragmentation.fragments
        fragments = torch.from_numpy(held).to(segment.dones.device)
        errors, keys = self._errors_and_keys(segment.batch(fragments))
        error = errors.view(shape).cpu().numpy()
        counted = self._unscored == 0
        self._unscored = np.maximum(self._unscored - 1, 0)
        scored = np.tile(counted, (len(error), 1))
        switches: tuple[Switch, ...] = ()
        if self._fragmentation is not None and keys is not None:
            if not self._fragmentation.begun:
                self._fragmentation.begin(self._first_key(segment))
            scored, switches = self._fragmentation.advance(error, keys.unflatten(0, shape), counted)
            self._take(switches)
        rewards = self._rewards(error * (scored & ~segment.dones.cpu().numpy()), scored)
        self._means = {"mean_error": float(error.mean()), "mean_reward": float(rewards.mean())}

        def given(values: NDArray) -> Tensor:
            return torch.from_numpy(values).to(segment.dones.device)

        return Scores(given(rewards), given(error), given(scored), fragments, switches)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum over fragments of the mean loss of those rows that are drawn to train.

        A fragment's gradient is then the same whether others are in the batch or not. One of several
        processes returns its share of the sum.
        """
        losses = [loss for _, loss in self._losses(batch)]
        return torch.stack(losses).sum() if losses else torch.zeros((), device=self._device)

    def update(self, batch: Batch) -> float:
        """Take one step down :meth:`loss`, fragment by fragment; return it, summed over all processes."""
        total = torch.zeros((), device=self._device)
        for fragment, loss in self._losses(batch):
            fragment.optimiser.zero_grad()
            loss.backward()
            parameters = list(fragment.module.parameters())
            self._crew.add([each.grad for each in parameters if each.grad is not None])
            nn.utils.clip_grad_norm_(parameters, self._gradient_norm)
            fragment.optimiser.step()
            total += loss.detach()
        self._crew.add([total])
        return float(total)

    def _losses(self, batch: Batch) -> Iterator[tuple[_Fragment, Tensor]]:
        drawn = torch.rand(len(batch), generator=self._draws) < self._proportion
        batch = batch[drawn.to(batch.actions.device)]
        for slot, indices in _by_fragment(batch.fragments):
            fragment = self._fragments[slot]
            mine = indices[self._crew.share]  # none at all, perhaps: then 0, gradients too
            losses = fragment.module.losses(self._rows(fragment, batch[mine]))
            yield fragment, losses.sum() / len(indices)

    def _errors_and_keys(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return errors, of shape ``(N,)``, and keys, of shape ``(N, dimension)``, where anyone asks."""
        errors = torch.zeros(len(batch), device=self._device)
        keys = None if self._fragmentation is None else errors.new_zeros(len(batch), self._key_dimension)
        parts = [
            (self._fragments[slot], part)
            for slot, indices in _by_fragment(batch.fragments)
            for part in indices.split(_ROWS)
        ]
        for fragment, part in parts[self._crew.share]:
            rows = self._rows(fragment, batch[part])
            errors[part] = fragment.module.errors(rows)
            if keys is not None:
                keys[part] = self._key(rows)
        self._crew.add([errors] if keys is None else [errors, keys])
        return errors, keys

    def _first_key(self, segment: Segment) -> Tensor:
        first = segment.observations[:1, 0]
        nothing = torch.zeros(1, dtype=torch.int64, device=first.device)
        return self._key(self._rows(self._fragments[0], Batch(first, first, nothing, nothing)))[0]

    def _key(self, rows: Rows) -> Tensor:
        if self._keys == "frame":
            return frame_keys(rows.batch.next_observations, self._frame_size)
        return rows.next_features

    def _rows(self, fragment: _Fragment, batch: Batch) -> Rows:
        return Rows(batch.to(self._device), self._observations, fragment.frozen)

    def _take(self, switches: Sequence[Switch]) -> None:
        """Give each fragment that was made a fresh module, and its environment a time to burn in."""
        for switch in switches:
            if switch.made:
                self._fragments[switch.target : switch.target + 1] = [self._new_fragment()]
                self._unscored[switch.environment] = self._burn_in

    def values(self) -> dict[str, float]:
        """Return means of the last segment, bytes held, and what the fragmentation counts."""
        tensors = {id(tensor): tensor for fragment in self._fragments for tensor in fragment.tensors()}
        counts = {} if self._fragmentation is None else self._fragmentation.values()
        return {**self._means, "memory_bytes": sum(tensor.nbytes for tensor in tensors.values()), **counts}

    def state_dict(self) -> dict[str, Any]:
        """Return all state; weights are those in use, not copies, as torch's own modules return them."""
        return {
            "observations": self._observations.state_dict(),
            "rewards": self._rewards.state_dict(),
            "unscored": torch.from_numpy(self._unscored.copy()),
            "shared": None if self._shared is None else self._shared.state_dict(),
            "fragments": [fragment.state_dict(self._shared) for fragment in self._fragments],
            "fragmentation": None if self._fragmentation is None else self._fragmentation.state_dict(),
            "generators": [generator.get_state() for generator in self._generators()],
            "means": dict(self._means),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another kind or shape.
        """
        if (state["fragmentation"] is None) != (self._fragmentation is None):
            raise ValueError("The checkpoint's curiosity fragments and this one does not, or the reverse")
        if (state["shared"] is None) != (self._shared is None):
            raise ValueError(
                "The checkpoint's fragments share a frozen network and these do not, or the reverse"
            )
        self._observations.load_state_dict(state["observations"])
        self._rewards.load_state_dict(state["rewards"])
        self._unscored = state["unscored"].numpy().copy()
        if self._shared is not None:
            self._shared.load_state_dict(state["shared"])
        if self._fragmentation is not None:
            self._fragmentation.load_state_dict(state["fragmentation"])
        self._fragments = [self._empty_fragment() for _ in state["fragments"]]
        for fragment, stored in zip(self._fragments, state["fragments"], strict=True):
            fragment.load_state_dict(stored)
        for generator, stored in zip(self._generators(), state["generators"], strict=True):
            generator.set_state(stored.cpu())
        self._means = dict(state["means"])

    def _generators(self) -> tuple[Generator, ...]:
        return self._weights, self._frozen_weights, self._draws


def _by_fragment(fragments: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield each fragment that occurs, and its rows, int64, in order."""
    for slot in fragments.unique().tolist():
        yield slot, (fragments == slot).nonzero().squeeze(1)
