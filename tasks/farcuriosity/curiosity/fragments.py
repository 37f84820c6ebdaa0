"""Fragments of the world and where they are kept: those in use where they compute, others on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from farcuriosity.curiosity.fragmentation import Fragmentation
from farcuriosity.curiosity.keys import Keys
from farcuriosity.curiosity.normalisers import ObservationNormaliser, RewardNormaliser
from farcuriosity.curiosity.predictors import Predictor


@dataclass(frozen=True)
class Fragmenting:
    """How a curiosity is cut into fragments.

    Attributes:
        decisions: when an environment leaves its fragment, and for which; None: never, there is one.
        keys: what a state is recognised by.
        frame_size: of ``frame`` keys; None for as they are.
        centre: take the mean key off each key.
        own_normalisers: each fragment has its own for observations and rewards.
        recall_rewards: steps after a recall, until the segment ends, are rewarded.
        resident: fragments that are held where they compute, at most, beside those in use; None for all.
    """

    decisions: Fragmentation | None = None
    keys: Keys = "shared"
    frame_size: int | None = None
    centre: bool = False
    own_normalisers: bool = False
    recall_rewards: bool = True
    resident: int | None = None


@dataclass(frozen=True)
class Shared:
    """What fragments have in common; None where each has its own."""

    frozen: nn.Module | None
    observations: ObservationNormaliser | None
    rewards: RewardNormaliser | None


class Fragment:
    """A fragment's module, the frozen network it works with, its Adam, and its normalisers.

    Args:
        module: predicts.
        frozen: random network whose features are predicted.
        observations: normalises what both see.
        rewards: scales errors.
        lr: of Adam.
    """

    def __init__(
        self,
        module: Predictor,
        frozen: nn.Module,
        observations: ObservationNormaliser,
        rewards: RewardNormaliser,
        lr: float,
    ) -> None:
        self.module, self.frozen = module, frozen
        self.observations, self.rewards = observations, rewards
        self._lr = lr
        self.optimiser = torch.optim.Adam(module.parameters(), lr=lr, fused=True)

    def tensors(self) -> Iterator[Tensor]:
        """Yield all that is held in memory; the frozen network may be another fragment's as well."""
        yield from self.module.parameters()
        yield from self.frozen.parameters()
        for values in self.optimiser.state.values():
            yield from values.values()

    def state_dict(self, shared: Shared) -> dict[str, Any]:
        """Return all state but what is shared; weights are those in use, not copies."""
        return {
            "module": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "frozen": None if shared.frozen is not None else self.frozen.state_dict(),
            "observations": None if shared.observations is not None else self.observations.state_dict(),
            "rewards": None if shared.rewards is not None else self.rewards.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint; the step size stays this one's own, by its settings."""
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        for group in self.optimiser.param_groups:
            group["lr"] = self._lr
        own: dict[str, Any] = {
            "frozen": self.frozen,
            "observations": self.observations,
            "rewards": self.rewards,
        }
        for name, part in own.items():
            if state[name] is not None:
                part.load_state_dict(state[name])


class FragmentStore:
    """Fragments by slot, of which no more than a bound are held where they compute.

    Reading a slot brings its fragment back; :meth:`rest` sends those used longest ago to files in a temporary
    folder. A fragment that didn't change since it was read is not written again. Results don't depend on the
    bound, to the last bit.

    Args:
        resident: how many may stay, beside those in use; None for all.
        shared: what all of them have in common.
        empty: builds a fragment to read a stored one into.
    """

    def __init__(self, resident: int | None, shared: Shared, empty: Callable[[], Fragment]) -> None:
        self._resident, self._shared, self._empty = resident, shared, empty
        self._held: dict[int, Fragment] = {}  # in order of use, the latest last
        self._count = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._as_stored: set[int] = set()  # whose file is what the fragment is

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, slot: int) -> Fragment:
        slot = int(slot)  # which may be a tensor
        fragment = self._held.pop(slot, None)
        if fragment is None:
            fragment = self._empty()
            fragment.load_state_dict(self._stored(slot))
        self._held[slot] = fragment
        return fragment

    def __iter__(self) -> Iterator[Fragment]:
        return (self[slot] for slot in range(self._count))

    def put(self, slot: int, fragment: Fragment) -> None:
        """Place a fragment in a slot: a new one, or in place of the one that was there."""
        self._held.pop(slot, None)
        self._held[slot] = fragment
        self._as_stored.discard(slot)
        self._count = max(self._count, slot + 1)

    def changed(self, slot: int) -> None:
        """Note that a fragment learns, so that its file, if there is one, is out of date."""
        self._as_stored.discard(slot)

    def rest(self, used: Iterable[int]) -> None:
        """Send fragments to disk until no more than the bound, and those in use, are held."""
        if self._resident is None:
            return
        staying = set(used)
        for slot in [slot for slot in self._held if slot not in staying]:
            if len(self._held) <= max(self._resident, len(staying)):
                return
            fragment = self._held.pop(slot)
            if slot not in self._as_stored:
                written = self._file(slot).with_suffix(".new")
                torch.save(fragment.state_dict(self._shared), written)
                written.replace(self._file(slot))  # the old file may still be mapped by a state
                self._as_stored.add(slot)

    def held(self) -> list[Fragment]:
        """Return the fragments that are held where they compute."""
        return list(self._held.values())

    def states(self) -> list[dict[str, Any]]:
        """Return the state of every fragment, in order of slots; stored ones are mapped, not read."""
        return [
            self._held[slot].state_dict(self._shared) if slot in self._held else self._stored(slot)
            for slot in range(self._count)
        ]

    def load_states(self, states: Iterable[Mapping[str, Any]]) -> None:
        """Take up the fragments of a checkpoint."""
        self._held.clear()
        self._as_stored.clear()
        self._count = 0
        for slot, state in enumerate(states):
            fragment = self._empty()
            fragment.load_state_dict(state)
            self.put(slot, fragment)
            self.rest(())

    def _file(self, slot: int) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="gridcell-fragments-")
        return Path(self._folder.name, f"{slot}.pt")

    def _stored(self, slot: int) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(self._file(slot), map_location="cpu", weights_only=True, mmap=True)
        return state
