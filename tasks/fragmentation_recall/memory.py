"""Long-term memory of fixed capacity: which slot a new fragment gets, and whom it replaces."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Claim(NamedTuple):
    """A slot given to a new fragment, and whether another fragment had to leave it."""

    slot: int
    replaced: bool


class LeastRecentlyUsed:
    """Slots ``0 .. capacity - 1``, given out in order; when all are taken, the one used longest ago.

    What a slot holds is the owner's business: arrays with a row a slot, or a list.

    Args:
        capacity: fragments that are kept at most, at least 1.

    Attributes:
        replacements: how often a fragment has been replaced.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"A memory needs a capacity of at least 1, got {capacity}")
        self._last_use = np.full(capacity, -1, np.int64)  # -1: free
        self._clock = 0
        self.replacements = 0

    @property
    def capacity(self) -> int:
        """Number of slots."""
        return len(self._last_use)

    def __len__(self) -> int:
        return int((self._last_use >= 0).sum())

    def __contains__(self, slot: int) -> bool:
        return 0 <= slot < self.capacity and bool(self._last_use[slot] >= 0)

    def claim(self, keep: Iterable[int] = ()) -> Claim:
        """Take a slot for a new fragment, and count that as use.

        Args:
            keep: slots that must not be replaced, for instance because someone is in them.

        Raises:
            ValueError: all slots are to be kept.
        """
        candidates = self._last_use.copy()
        candidates[list(keep)] = np.iinfo(np.int64).max
        slot = int(candidates.argmin())  # free ones first
        if candidates[slot] == np.iinfo(np.int64).max:
            raise ValueError(f"None of the {self.capacity} fragments may be replaced: raise the capacity")
        replaced = slot in self
        self.replacements += replaced
        self.use([slot])
        return Claim(slot, replaced)

    def use(self, slots: Iterable[int]) -> None:
        """Note that fragments are in use now, all at the same time."""
        self._last_use[list(slots)] = self._clock
        self._clock += 1

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all state, for a checkpoint."""
        return {
            "last_use": self._last_use.copy(),
            "clock": self._clock,
            "replacements": self.replacements,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another capacity.
        """
        if len(state["last_use"]) != self.capacity:
            raise ValueError(f"A memory of {len(state['last_use'])} slots does not fit {self.capacity} slots")
        self._last_use[:] = state["last_use"]
        self._clock = int(state["clock"])
        self.replacements = int(state["replacements"])
