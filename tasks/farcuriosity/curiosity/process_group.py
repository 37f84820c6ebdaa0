"""Processes among which a curiosity's work is divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, distributed


@dataclass(frozen=True)
class ProcessGroup:
    """Processes that hold the same curiosity, from one seed, and are given the same segments and batches.

    Several must have joined torch's default process group. Each computes its share of the errors and of the
    gradients; sums over all, which come out the same everywhere, keep what they hold the same.

    Attributes:
        index: of this process.
        count: of all.
    """

    index: int = 0
    count: int = 1

    @property
    def share(self) -> slice:
        """Return which of any parts are this process's: every ``count``-th; all if it is alone."""
        return slice(self.index, None, self.count)

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        if self.count > 1:
            for tensor in tensors:
                distributed.all_reduce(tensor)


@runtime_checkable
class Divisible(Protocol):
    """A curiosity whose work can be divided; of another kind every process does the whole."""

    def divide(self, processes: ProcessGroup) -> None:
        """From now on do this process's share alone."""
