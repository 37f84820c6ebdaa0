"""Curiosity by prediction error: one module for the whole world, or one for each of its fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from farcuriosity.curiosity.fragments import Fragment, Fragmenting, FragmentStore, Shared
from farcuriosity.curiosity.interface import Batch, Scores, Segment, Switch
from farcuriosity.curiosity.keys import KeySpace, key_dimension
from farcuriosity.curiosity.networks import empty, encoder, fresh
from farcuriosity.curiosity.normalisers import ObservationNormaliser, RewardNormaliser
from farcuriosity.curiosity.predictors import Predictor, Rows
from farcuriosity.curiosity.process_group import ProcessGroup

_ROWS = 256  # transitions that are scored at a time: activations of more do not stay in a CPU's cache


class PredictionCuriosity:
    """Rewards prediction errors, scaled by their discounted sum's spread, and trains what predicts.

    When it is ``fragmenting`` there are many modules: each has its own Adam, scores and learns from the
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
        burn_in: segments whose errors enter no statistics of fragments, at the start and after one was made.
        burn_in_rewards: whether these are rewarded.
        device: where modules are.
        fragmenting: how the world is cut into fragments; by default not at all.
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
        burn_in_rewards: bool = True,
        device: torch.device | str = "cpu",
        fragmenting: Fragmenting = Fragmenting(),  # noqa: B008  frozen
    ) -> None:
        self._build, self._lr = build, lr
        self._build_frozen = lambda: encoder(observation_shape, features)
        self._new_observations = lambda: ObservationNormaliser(observation_shape, clip, device)
        self._new_rewards = lambda: RewardNormaliser(environments, gamma)
        self._proportion, self._gradient_norm = proportion, gradient_norm
        self._burn_in, self._burn_in_rewards = burn_in, burn_in_rewards
        self._device = device
        self._decisions = fragmenting.decisions
        self._recall_rewards = fragmenting.recall_rewards
        self._processes = ProcessGroup()
        # Streams of their own: what one draws more or less of leaves the others as they are.
        self._weights, self._frozen_weights, self._draws = (
            Generator().manual_seed(int(stream))
            for stream in np.random.SeedSequence(seed).generate_state(3, np.uint32)
        )
        self._burning_in = np.full(environments, burn_in)
        self._shared = Shared(
            frozen=None if fragmenting.keys == "module" else self._new_frozen(),
            observations=None if fragmenting.own_normalisers else self._new_observations(),
            rewards=None if fragmenting.own_normalisers else self._new_rewards(),
        )
        self._keys: KeySpace | None = None
        if fragmenting.decisions is not None and self._shared.frozen is not None:
            self._keys = KeySpace(
                fragmenting.keys,
                observation_shape,
                self._shared.frozen,
                frame_size=fragmenting.frame_size,
                centre=fragmenting.centre,
                clip=clip,
                dimension=key_dimension(
                    observation_shape, fragmenting.keys, features, fragmenting.frame_size
                ),
                device=device,
            )
        self._fragments = FragmentStore(fragmenting.resident, self._shared, self._empty_fragment)
        self._fragments.put(0, self._new_fragment())
        self._means: dict[str, float] = {}

    def _new_frozen(self) -> nn.Module:
        return fresh(self._build_frozen, self._frozen_weights, self._device).requires_grad_(False)

    def _new_fragment(self) -> Fragment:
        frozen = self._shared.frozen or self._new_frozen()
        return self._fragment(fresh(self._build, self._weights, self._device), frozen)

    def _empty_fragment(self) -> Fragment:
        frozen = self._shared.frozen or empty(self._build_frozen, self._device).requires_grad_(False)
        return self._fragment(empty(self._build, self._device), frozen)

    def _fragment(self, module: Predictor, frozen: nn.Module) -> Fragment:
        observations = self._shared.observations or self._new_observations()
        return Fragment(module, frozen, observations, self._shared.rewards or self._new_rewards(), self._lr)

    def divide(self, processes: ProcessGroup) -> None:
        """Compute this process's share of errors and gradients alone: all that follows from them is the same.

        Errors are those of one process to the last bit, if weights are; gradients up to the order of sums.
        """
        self._processes = processes

    def warm_up(self, observations: Tensor) -> None:
        """Start the observation statistics from random steps, of shape ``(N, *observation_shape)``.

        They are those of the first fragment, where each has its own.
        """
        self._fragments[0].observations.update(observations.to(self._device))
        if self._keys is not None:
            self._keys.settle(observations)

    @torch.no_grad()
    def score(self, segment: Segment) -> Scores:
        """Reward a segment's next observations, and take it into all statistics.

        Observation statistics are brought up to date first, so that modules are scored and trained on the
        same inputs.
        """
        shape = segment.dones.shape
        held = np.zeros(shape[1], np.int64) if self._decisions is None else self._decisions.fragments
        fragments = torch.from_numpy(held).to(segment.dones.device)
        self._observe(segment.next_observations, held)
        errors, keys = self._errors_and_keys(segment.batch(fragments))
        error = errors.view(shape).cpu().numpy()
        counted = self._burning_in == 0
        self._burning_in = np.maximum(self._burning_in - 1, 0)
        counts = np.tile(counted, (len(error), 1))
        switches: tuple[Switch, ...] = ()
        if self._decisions is not None and keys is not None:
            if not self._decisions.begun:
                self._decisions.begin(self._first_key(segment))
            counts, switches = self._decisions.advance(error, keys.unflatten(0, shape), counted)
        given = counts | (~counted & self._burn_in_rewards) | (counted & ~counts & self._recall_rewards)
        rewards = self._scaled(error * (given & ~segment.dones.cpu().numpy()), given, held)
        self._take(switches)
        if self._decisions is not None:  # those of this segment still learn from it
            self._fragments.rest({*held.tolist(), *self._decisions.fragments.tolist()})
        self._means = {
            "mean_error": float(error.mean()),
            "mean_reward": float(rewards.mean()),
            "unscored": float(1 - given.mean()),
        }

        def tensor(values: NDArray) -> Tensor:
            return torch.from_numpy(values).to(segment.dones.device)

        return Scores(tensor(rewards), tensor(error), tensor(given), fragments, switches)

    def _observe(self, observations: Tensor, held: NDArray[np.int64]) -> None:
        """Take observations, of shape ``(T, E, ...)``, into the statistics of those who normalise them."""
        if self._keys is not None:
            self._keys.settle(observations.flatten(0, 1))
        if self._shared.observations is not None:
            self._shared.observations.update(observations.flatten(0, 1).to(self._device))
            return
        for slot, environments in _environments(held):
            mine = observations[:, torch.from_numpy(environments).to(observations.device)]
            self._fragments[slot].observations.update(mine.flatten(0, 1).to(self._device))
            self._fragments.changed(slot)

    def _scaled(
        self, errors: NDArray[np.floating], given: NDArray[np.bool_], held: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return rewards, of shape ``(T, E)``, scaled by those who know how errors spread."""
        if self._shared.rewards is not None:
            return self._shared.rewards(errors, given)
        rewards = np.zeros(errors.shape, np.float32)
        for slot, mine in _environments(held):
            rewards[:, mine] = self._fragments[slot].rewards(errors[:, mine], given[:, mine], mine)
            self._fragments.changed(slot)
        return rewards

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
        for slot, loss in self._losses(batch):
            fragment = self._fragments[slot]
            fragment.optimiser.zero_grad()
            loss.backward()
            parameters = list(fragment.module.parameters())
            self._processes.add([each.grad for each in parameters if each.grad is not None])
            nn.utils.clip_grad_norm_(parameters, self._gradient_norm)
            fragment.optimiser.step()
            self._fragments.changed(slot)
            total += loss.detach()
        self._processes.add([total])
        return float(total)

    def _losses(self, batch: Batch) -> Iterator[tuple[int, Tensor]]:
        drawn = torch.rand(len(batch), generator=self._draws) < self._proportion
        batch = batch[drawn.to(batch.actions.device)]
        for slot, indices in _by_fragment(batch.fragments):
            fragment = self._fragments[slot]
            mine = indices[self._processes.share]  # none at all, perhaps: then 0, gradients too
            losses = fragment.module.losses(self._rows(fragment, batch[mine]))
            yield slot, losses.sum() / len(indices)

    def _errors_and_keys(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return errors, of shape ``(N,)``, and keys, of shape ``(N, dimension)``, where anyone asks."""
        errors = torch.zeros(len(batch), device=self._device)
        keys: Tensor | None = None
        parts = [
            (slot, part) for slot, indices in _by_fragment(batch.fragments) for part in indices.split(_ROWS)
        ]
        for slot, part in parts[self._processes.share]:
            fragment = self._fragments[slot]
            rows = self._rows(fragment, batch[part])
            errors[part] = fragment.module.errors(rows)
            if self._decisions is not None:
                found = self._key(rows)
                keys = errors.new_zeros(len(batch), found.shape[1]) if keys is None else keys
                keys[part] = found
        if self._decisions is not None and keys is None:  # no part was this process's
            keys = errors.new_zeros(len(batch), self._key(self._rows(self._fragments[0], batch[:1])).shape[1])
        self._processes.add([errors] if keys is None else [errors, keys])
        return errors, keys

    def _first_key(self, segment: Segment) -> Tensor:
        first = segment.observations[:1, 0]
        nothing = segment.actions[:1, 0]
        return self._key(self._rows(self._fragments[0], Batch(first, first, nothing, nothing)))[0]

    def _key(self, rows: Rows) -> Tensor:
        return rows.next_features if self._keys is None else self._keys(rows.batch.next_observations)

    def _rows(self, fragment: Fragment, batch: Batch) -> Rows:
        return Rows(batch.to(self._device), fragment.observations, fragment.frozen)

    def _take(self, switches: Sequence[Switch]) -> None:
        """Give each fragment that was made a fresh module, and its environment a time to burn in."""
        for switch in switches:
            if switch.made:
                self._fragments.put(switch.target, self._new_fragment())
                self._burning_in[switch.environment] = self._burn_in

    def values(self) -> dict[str, float]:
        """Return means of the last segment, bytes held here, and what the fragmentation counts.

        ``memory_bytes`` are weights, Adam's moments and frozen networks where they compute; fragments on disk
        are not in it.
        """
        tensors = {id(tensor): tensor for fragment in self._fragments.held() for tensor in fragment.tensors()}
        counts = {} if self._decisions is None else self._decisions.values()
        return {**self._means, "memory_bytes": sum(tensor.nbytes for tensor in tensors.values()), **counts}

    def state_dict(self) -> dict[str, Any]:
        """Return all state; weights are those in use, not copies, as torch's own modules return them."""
        shared = {
            name: None if part is None else part.state_dict() for name, part in self._shared_parts().items()
        }
        return {
            **shared,
            "burning_in": torch.from_numpy(self._burning_in.copy()),
            "keys": None if self._keys is None else self._keys.state_dict(),
            "fragments": self._fragments.states(),
            "fragmentation": None if self._decisions is None else self._decisions.state_dict(),
            "generators": [generator.get_state() for generator in self._generators()],
            "means": dict(self._means),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another kind or shape.
        """
        if (state["fragmentation"] is None) != (self._decisions is None):
            raise ValueError("The checkpoint's curiosity fragments and this one does not, or the reverse")
        for name, part in self._shared_parts().items():
            if (state[name] is None) != (part is None):
                raise ValueError(f"The checkpoint's fragments share {name} and these do not, or the reverse")
        for name, part in self._shared_parts().items():
            if part is not None:
                part.load_state_dict(state[name])
        self._burning_in = state["burning_in"].numpy().copy()
        if self._keys is not None:
            self._keys.load_state_dict(state["keys"])
        if self._decisions is not None:
            self._decisions.load_state_dict(state["fragmentation"])
        self._fragments.load_states(state["fragments"])
        for generator, stored in zip(self._generators(), state["generators"], strict=True):
            generator.set_state(stored.cpu())
        self._means = dict(state["means"])

    def _shared_parts(self) -> dict[str, Any]:
        return {name: getattr(self._shared, name) for name in ("frozen", "observations", "rewards")}

    def _generators(self) -> tuple[Generator, ...]:
        return self._weights, self._frozen_weights, self._draws


def _by_fragment(fragments: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield each fragment that occurs, and its rows, int64, in order."""
    for slot in fragments.unique().tolist():
        yield slot, (fragments == slot).nonzero().squeeze(1)


def _environments(held: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each fragment that environments are in, and which they are, int64, in order."""
    for slot in np.unique(held).tolist():
        yield slot, np.flatnonzero(held == slot)
