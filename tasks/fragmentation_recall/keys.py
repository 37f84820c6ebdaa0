"""Recall by likeness: the fragment whose fracture state is most like the present one."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor


class Nearest(NamedTuple):
    """Per state: the highest cosine similarity (-inf where no key is stored), and the slot of that key."""

    similarity: Tensor
    slot: Tensor


class FractureKeys:
    """One key a fragment: the state at which it was made, as a direction.

    Args:
        capacity: of the memory whose slots these are.
        dimension: of a key.
        device: where they are kept and compared.
    """

    def __init__(self, capacity: int, dimension: int, device: torch.device | str = "cpu") -> None:
        self._keys = torch.zeros(capacity, dimension, device=device)
        self._stored = torch.zeros(capacity, dtype=torch.bool, device=device)

    def __len__(self) -> int:
        return int(self._stored.sum())

    def put(self, slot: int, key: Tensor) -> None:
        """Store a fragment's key, in place of one that the slot may have had.

        Args:
            slot: the fragment's.
            key: float, of shape ``(dimension,)``.
        """
        self._keys[slot] = directions(key)
        self._stored[slot] = True

    def drop(self, slot: int) -> None:
        """Forget a slot's key."""
        self._stored[slot] = False

    def likeness(self, states: Tensor, slot: int | None = None) -> Tensor:
        """Return the cosine similarity of states to every slot's key, or to one slot's.

        Args:
            states: float, of shape ``(n, dimension)``; a zero state is like nothing (similarity 0).
            slot: the only one that is asked for.

        Returns:
            Of shape ``(n, capacity)``, or ``(n,)`` of one slot; -inf where no key is stored.
        """
        chosen = slice(None) if slot is None else slice(slot, slot + 1)
        similarity = directions(states) @ self._keys[chosen].T
        similarity = similarity.masked_fill(~self._stored[chosen], -torch.inf)
        return similarity if slot is None else similarity[:, 0]

    def nearest(self, states: Tensor) -> Nearest:
        """Compare states with all keys, by cosine similarity; of equal ones the lowest slot counts.

        Args:
            states: float, of shape ``(n, dimension)``; a zero state is like nothing (similarity 0).

        Returns:
            Similarities, float of shape ``(n,)``, and slots, int64 of shape ``(n,)``.
        """
        return Nearest(*self.likeness(states).max(dim=1))

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all state, for a checkpoint."""
        return {"keys": self._keys.clone(), "stored": self._stored.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: its shape is another.
        """
        if state["keys"].shape != self._keys.shape:
            given, wanted = tuple(state["keys"].shape), tuple(self._keys.shape)
            raise ValueError(f"Keys of shape {given} do not fit {wanted}")
        self._keys.copy_(state["keys"])
        self._stored.copy_(state["stored"])


def directions(states: Tensor) -> Tensor:
    """Scale to length 1 along the last dimension; zero stays zero."""
    return torch.nn.functional.normalize(states, dim=-1)
