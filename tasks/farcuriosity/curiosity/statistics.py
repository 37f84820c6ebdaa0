"""Statistics of each fragment's errors, over its whole life or a window, and what they say of a new error."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np
import torch

from farcuriosity.curiosity.rules import Rules
from fragmentation_recall.surprisal import RunningMoments


class Verdict(Enum):
    """What a fragment's statistics say of an error."""

    USUAL = "usual"
    SURPRISING = "surprising"
    UNJUDGED = "unjudged"  # the spread is below the floor: the error joins nothing


class ErrorStatistics:
    """The errors that each fragment has seen, as far as decisions need them.

    Args:
        rules: say which errors count and what is surprising; ``capacity`` is the number of fragments.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._moments = RunningMoments(rules.capacity)
        self._window = np.zeros((rules.capacity, rules.window or 0))
        self._seen = np.zeros(rules.capacity, np.int64)  # with a window: all that ever were in it

    def add(self, slot: int, error: float) -> None:
        """Let an error join a fragment's statistics."""
        if self._rules.window is None:
            self._moments.add(slot, error)
            return
        self._window[slot, self._seen[slot] % self._rules.window] = error
        self._seen[slot] += 1

    def reset(self, slot: int) -> None:
        """Forget a fragment's errors."""
        self._moments.reset(slot)
        self._seen[slot] = 0

    def judge(self, slot: int, error: float) -> Verdict:
        """Compare an error with those that its fragment has seen."""
        rules = self._rules
        count, mean, deviation = self._summary(slot)
        if count < rules.least:
            return Verdict.USUAL
        if rules.divisor == "n-1":
            deviation *= np.sqrt(count / (count - 1)) if count > 1 else 0.0
        if rules.floor and deviation < rules.floor:
            return Verdict.UNJUDGED
        if deviation <= 1e-12 * max(abs(mean), 1e-300):  # all are equal: any other would stand out
            return Verdict.USUAL
        if rules.criterion == "z":
            surprising = error - mean >= rules.rho * deviation
        else:
            surprising = error >= rules.rho * mean
        return Verdict.SURPRISING if surprising else Verdict.USUAL

    def _summary(self, slot: int) -> tuple[int, float, float]:
        """Return number, mean and standard deviation (divisor n) of the errors that count."""
        if self._rules.window is None:
            moments = self._moments
            return int(moments.count(slot)), float(moments.mean(slot)), float(moments.std(slot))
        recent = self._window[slot, : min(self._seen[slot], self._rules.window)]
        return (len(recent), float(recent.mean()), float(recent.std())) if len(recent) else (0, 0.0, 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state, for a checkpoint."""
        moments = {name: torch.from_numpy(value) for name, value in self._moments.state_dict().items()}
        window, seen = torch.from_numpy(self._window.copy()), torch.from_numpy(self._seen.copy())
        return {"moments": moments, "window": window, "seen": seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another number of fragments or another window.
        """
        if state["window"].shape != self._window.shape:
            given, wanted = tuple(state["window"].shape), self._window.shape
            raise ValueError(f"Statistics of (fragments, window) {given} do not fit {wanted}")
        self._moments.load_state_dict(state["moments"])
        self._window[:] = state["window"].numpy()
        self._seen[:] = state["seen"].numpy()
