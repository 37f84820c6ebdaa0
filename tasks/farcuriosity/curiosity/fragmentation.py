"""When an environment leaves its fragment, and for which: the decisions of FARCuriosity, without its modules.

Source: Hwang et al. 2023, "Neuro-Inspired Fragmentation and Recall to Overcome Catastrophic Forgetting in
Curiosity" (arXiv 2310.17537).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farcuriosity.curiosity.interface import Switch
from farcuriosity.curiosity.rules import Rules
from farcuriosity.curiosity.statistics import ErrorStatistics, Verdict
from fragmentation_recall.keys import FractureKeys
from fragmentation_recall.memory import LeastRecentlyUsed


class Fragmentation:
    """Which fragment each environment is in, and all that decides when that changes.

    An environment leaves at most once a segment, and what it goes to is its fragment from the next segment
    on. Where several want to leave, they take their turns in order, so that a fragment one of them makes can
    be recalled, not made again, by the next.

    Args:
        environments: how many.
        dimension: of a key.
        device: where keys are compared.
        rules: the attributes of :class:`~farcuriosity.curiosity.rules.Rules`.

    Raises:
        ValueError: the capacity is too small.
    """

    def __init__(
        self, environments: int, dimension: int, *, device: torch.device | str = "cpu", **rules: Any
    ) -> None:
        self.rules = Rules(**rules)
        self.rules.check(environments)
        self._memory = LeastRecentlyUsed(self.rules.capacity)
        self._keys = FractureKeys(self.rules.capacity, dimension, device)
        self._statistics = ErrorStatistics(self.rules)
        self._current = np.zeros(environments, np.int64)
        self._previous = np.full(environments, np.nan)
        self._stayed = np.zeros(environments, np.int64)  # steps since each came to its fragment
        self._way = 0.0  # from novelty to novelty_full, where that is not told by the number of fragments
        self._made = self._recalls = 0

    @property
    def fragments(self) -> NDArray[np.int64]:
        """The fragment that each environment is in, of shape ``(E,)``."""
        return self._current.copy()

    @property
    def begun(self) -> bool:
        """Whether the first state is known."""
        return len(self._memory) > 0

    def begin(self, key: Tensor) -> None:
        """Let the very first state name fragment 0, in which all environments begin.

        Args:
            key: of that state, of shape ``(dimension,)``.
        """
        self._keys.put(self._memory.claim().slot, key)

    def advance(
        self, errors: NDArray[np.floating], keys: Tensor, counted: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], tuple[Switch, ...]]:
        """Go through a segment; switches take effect when it is over.

        Args:
            errors: of the module that each environment was in, of shape ``(T, E)``.
            keys: of the same states, of shape ``(T, E, dimension)``.
            counted: environments whose errors count at all, of shape ``(E,)``; the others burn in.

        Returns:
            Which errors may count, of shape ``(T, E)``: none of an environment that burns in, none from a
            recall on. And the switches.
        """
        held = self._current.copy()
        scored = np.tile(counted, (len(errors), 1))
        active = counted.tolist()
        together = self.rules.order == "steps"
        if together:
            self._memory.use(np.unique(held if self.rules.burn_in_uses else held[counted]))
        known = _Likeness(self._keys, keys)
        zero = self._zero(keys)
        values = np.asarray(errors, np.float64).tolist()
        switches: list[Switch] = []
        for moment in self._moments(len(values), len(active)):
            threshold = self._threshold()
            joining: list[tuple[int, float]] = []
            for step, environment in moment:
                if not together and step == 0 and (counted[environment] or self.rules.burn_in_uses):
                    self._memory.use([held[environment]])
                if not active[environment]:
                    continue
                error, source = values[step][environment], int(held[environment])
                repeated = error == self._previous[environment]
                self._previous[environment] = error
                if repeated and self.rules.repeats == "skip":
                    continue
                similarity, slot = known.nearest(step, environment)
                stayed = self._stayed[environment] + step
                if similarity >= self.rules.recall and slot != source and stayed >= self.rules.dwell:
                    self._recalls += 1
                    self._memory.use([slot])
                    switches.append(Switch(step, environment, source, slot, made=False))
                    scored[step:, environment] = False
                else:
                    verdict = self._statistics.judge(source, error)
                    surprising = verdict is Verdict.SURPRISING
                    if not (surprising and not zero[step][environment] and similarity < threshold):
                        blocked = surprising and not self.rules.surprise_joins
                        if not (repeated or blocked or verdict is Verdict.UNJUDGED):
                            joining.append((source, error))
                        continue
                    slot = self._make(keys[step, environment], held)
                    known.learn(slot)
                    switches.append(Switch(step, environment, source, slot, made=True))
                self._current[environment] = slot
                active[environment] = False
            for source, error in joining:
                self._statistics.add(source, error)
        self._stayed += len(values)
        self._stayed[[switch.environment for switch in switches]] = 0
        if self.rules.decay == "calls":
            self._way = min(1.0, self._way + (len(self._memory) - 1) / self.rules.capacity)
        return scored, tuple(switches)

    def _make(self, key: Tensor, held: NDArray[np.int64]) -> int:
        """Claim a slot for a new fragment and store its key; return the slot."""
        # Modules that this segment's transitions will still train must stay, unless the rules say otherwise.
        kept = np.union1d(held, self._current) if self.rules.keep_used else ()
        slot = self._memory.claim(keep=kept).slot
        self._made += 1
        self._statistics.reset(slot)
        self._keys.put(slot, key)
        return slot

    def _moments(self, steps: int, environments: int) -> Iterator[list[tuple[int, int]]]:
        """Yield what happens at the same time, as (step, environment), in order of time."""
        if self.rules.order == "steps":
            for step in range(steps):
                yield [(step, environment) for environment in range(environments)]
        else:
            for environment in range(environments):
                for step in range(steps):
                    yield [(step, environment)]

    def _zero(self, keys: Tensor) -> list[list[bool]]:
        zero = keys.sum(-1) == 0 if self.rules.zero_key == "sum" else (keys == 0).all(-1)
        found: list[list[bool]] = zero.tolist()
        return found

    def _threshold(self) -> float:
        """Return the similarity from which a state is too well known to begin a fragment."""
        rules = self.rules
        way = (len(self._memory) - 1) / (rules.capacity - 1) if rules.decay == "filled" else self._way
        return rules.novelty + way * (rules.novelty_full - rules.novelty)

    def values(self) -> dict[str, float]:
        """Return the number of fragments kept, made, recalled and replaced so far."""
        return {
            "fragments": len(self._memory),
            "fragmentations": self._made,
            "recalls": self._recalls,
            "replacements": self._memory.replacements,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state, for a checkpoint."""
        memory = self._memory.state_dict()
        return {
            "memory": memory | {"last_use": torch.from_numpy(memory["last_use"])},
            "keys": self._keys.state_dict(),
            "statistics": self._statistics.state_dict(),
            "current": torch.from_numpy(self._current.copy()),
            "previous": torch.from_numpy(self._previous.copy()),
            "stayed": torch.from_numpy(self._stayed.copy()),
            "way": self._way,
            "counters": [self._made, self._recalls],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint.

        Raises:
            ValueError: it is one of another capacity, key or number of environments.
        """
        if len(state["current"]) != len(self._current):
            raise ValueError(
                f"Fragments of {len(state['current'])} environments do not fit {len(self._current)}"
            )
        self._memory.load_state_dict(state["memory"])
        self._keys.load_state_dict(state["keys"])
        self._statistics.load_state_dict(state["statistics"])
        self._current = state["current"].numpy().copy()
        self._previous = state["previous"].numpy().copy()
        self._stayed = state["stayed"].numpy().copy()
        self._way = float(state["way"])
        self._made, self._recalls = state["counters"]


class _Likeness:
    """How like each state of a segment is to every key, kept up to date while keys are stored."""

    def __init__(self, keys: FractureKeys, states: Tensor) -> None:
        self._keys, self._states = keys, states.flatten(0, 1)
        self._environments = states.shape[1]
        self._table = keys.likeness(self._states)
        self._find()

    def nearest(self, step: int, environment: int) -> tuple[float, int]:
        """Return the highest similarity and the slot of that key; of equal ones the lowest slot."""
        row = step * self._environments + environment
        return self._similarity[row], self._slot[row]

    def learn(self, slot: int) -> None:
        """Take in a key that was stored."""
        self._table[:, slot] = self._keys.likeness(self._states, slot)
        self._find()

    def _find(self) -> None:
        best = self._table.max(dim=1)
        self._similarity: list[float] = best.values.tolist()
        self._slot: list[int] = best.indices.tolist()
