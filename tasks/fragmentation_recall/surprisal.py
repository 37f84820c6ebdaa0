"""Statistics of surprisal per fragment, and the test that says when a fragment ends."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Criterion = Literal["z", "ratio"]


class RunningMoments:
    """Number, mean and standard deviation of the values seen by each of several slots.

    Updated by Chan, Golub and LeVeque's pairwise formula (1983), so that a small spread around a large mean
    is not lost to rounding.

    Args:
        slots: how many, at least 1.
    """

    def __init__(self, slots: int) -> None:
        self._count = np.zeros(slots, np.int64)
        self._mean = np.zeros(slots)
        self._squares = np.zeros(slots)  # sum of squared deviations from the mean

    def add(self, slots: ArrayLike, values: ArrayLike) -> None:
        """Add values, each to its slot; a slot may occur several times.

        Args:
            slots: integers of shape ``(n,)``.
            values: finite, of shape ``(n,)``.
        """
        slots, values = np.atleast_1d(np.asarray(slots)), np.atleast_1d(np.asarray(values, np.float64))
        if slots.size == 1:
            self._add_one(int(slots[0]), float(values[0]))
            return
        touched, position = np.unique(slots, return_inverse=True)
        added = np.bincount(position, minlength=touched.size)
        mean = np.bincount(position, values, touched.size) / added
        squares = np.bincount(position, (values - mean[position]) ** 2, touched.size)
        before = self._count[touched]
        total = before + added
        apart = mean - self._mean[touched]
        self._squares[touched] += squares + apart**2 * before * added / total
        self._mean[touched] += apart * added / total
        self._count[touched] = total

    def _add_one(self, slot: int, value: float) -> None:
        self._count[slot] += 1
        apart = value - self._mean[slot]
        self._mean[slot] += apart / self._count[slot]
        self._squares[slot] += apart * (value - self._mean[slot])

    def reset(self, slot: int) -> None:
        """Forget a slot's values."""
        self._count[slot] = 0
        self._mean[slot] = self._squares[slot] = 0.0

    def count(self, slots: ArrayLike) -> NDArray[np.int64]:
        """Return the number of values, of the shape of ``slots``."""
        return self._count[np.asarray(slots)]

    def mean(self, slots: ArrayLike) -> NDArray[np.float64]:
        """Return the means, 0 where there is no value."""
        return self._mean[np.asarray(slots)]

    def std(self, slots: ArrayLike) -> NDArray[np.float64]:
        """Return the standard deviations (divisor n), 0 where there is no value."""
        chosen = np.asarray(slots)
        return np.sqrt(self._squares[chosen] / np.maximum(self._count[chosen], 1))

    def state_dict(self) -> dict[str, NDArray]:
        """Return copies of all state, for a checkpoint."""
        return {"count": self._count.copy(), "mean": self._mean.copy(), "squares": self._squares.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another number of slots.
        """
        if len(state["count"]) != len(self._count):
            raise ValueError(f"A state of {len(state['count'])} slots does not fit {len(self._count)} slots")
        self._count[:] = state["count"]
        self._mean[:] = state["mean"]
        self._squares[:] = state["squares"]


def is_surprising(
    values: ArrayLike,
    moments: RunningMoments,
    slots: ArrayLike,
    *,
    criterion: Criterion,
    rho: float,
    least: int = 25,
) -> NDArray[np.bool_]:
    """Tell which surprisals stand out from those of their fragment so far.

    ``z``: ``value - mean >= rho * std``; ``ratio``: ``value >= rho * mean``. Never with fewer than ``least``
    values or where all of them are equal (to rounding), for then any change would stand out.

    Source: Hwang et al. 2024 (arXiv 2307.05793) and Hwang et al. 2023 (arXiv 2310.17537).

    Args:
        values: surprisals, not yet added, of the shape of ``slots``.
        moments: of the surprisals so far.
        slots: whose.
        criterion: ``z`` or ``ratio``.
        rho: threshold.
        least: values that a fragment must have.
    """
    values = np.asarray(values, np.float64)
    mean, std = moments.mean(slots), moments.std(slots)
    spread = std > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    enough = moments.count(slots) >= least
    stands_out = values - mean >= rho * std if criterion == "z" else values >= rho * mean
    return enough & spread & stands_out
