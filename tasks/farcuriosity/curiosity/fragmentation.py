"""When an environment leaves its fragment, and for which: the decisions of FARCuriosity, without its modules.

Source: Hwang et al. 2023, "Neuro-Inspired Fragmentation and Recall to Overcome Catastrophic Forgetting in
Curiosity" (arXiv 2310.17537).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farcuriosity.curiosity.capacity import check_capacity
from farcuriosity.curiosity.interface import Switch
from fragmentation_recall.keys import FractureKeys
from fragmentation_recall.memory import LeastRecentlyUsed
from fragmentation_recall.surprisal import Criterion, RunningMoments, is_surprising

Decay = Literal["filled", "calls"]


class Fragmentation:
    """Which fragment each environment is in, and all that decides when that changes.

    The environments act at the same time: at each step their errors are compared with the statistics from
    before that step, then those that stay join them. Where some want to leave, they take their turns in
    order, so that a fragment one of them makes can be recalled, not made again, by the next. An environment
    leaves at most once a segment.

    Args:
        environments: how many.
        dimension: of a key.
        capacity: fragments that are kept at most, at least twice the environments: in a segment each may be
            in one fragment and on its way to another.
        criterion: ``ratio`` or ``z``, see :func:`~fragmentation_recall.surprisal.is_surprising`.
        rho: its threshold.
        least: errors that a fragment must have seen before it can be left for a new one.
        recall: cosine similarity to a key from which its fragment is recalled.
        novelty: cosine similarity to the nearest key from which no fragment is made while memory is empty.
        novelty_full: the same when memory is full.
        decay: how the one becomes the other: linearly in the fragments ``filled``, or with every step
            (``calls``), ``1 / capacity`` of the way at a time, as in the released code.
        device: where keys are compared.

    Raises:
        ValueError: the capacity is too small.
    """

    def __init__(
        self,
        environments: int,
        dimension: int,
        *,
        capacity: int,
        criterion: Criterion,
        rho: float,
        least: int,
        recall: float,
        novelty: float,
        novelty_full: float,
        decay: Decay,
        device: torch.device | str = "cpu",
    ) -> None:
        check_capacity(capacity, environments)
        self._criterion, self._rho, self._least = criterion, rho, least
        self._recall, self._novelty, self._novelty_full, self._decay = recall, novelty, novelty_full, decay
        self._memory = LeastRecentlyUsed(capacity)
        self._keys = FractureKeys(capacity, dimension, device)
        self._moments = RunningMoments(capacity)
        self._current = np.zeros(environments, np.int64)
        self._previous = np.full(environments, np.nan)
        self._steps = 0
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
            Which errors count as rewards, of shape ``(T, E)``: none of an environment that burns in, none
            from a recall on. And the switches.
        """
        held, active = self._current.copy(), counted.copy()
        self._memory.use(np.unique(held))
        scored = np.tile(counted, (len(errors), 1))
        is_zero = (keys == 0).all(-1).cpu().numpy()
        similarity, slot = self._nearest(keys)
        switches: list[Switch] = []
        for step, values in enumerate(errors):
            here = np.flatnonzero(active)
            if not here.size:
                break
            threshold = self._threshold()
            self._steps += 1
            surprising = np.zeros(len(active), bool)
            surprising[here] = is_surprising(
                values[here],
                self._moments,
                held[here],
                criterion=self._criterion,
                rho=self._rho,
                least=self._least,
            )
            known = active & (similarity[step] >= self._recall) & (slot[step] != held)
            before = len(switches)
            if known.any() or surprising.any():
                for environment in here:
                    switch = self._turn(
                        step,
                        int(environment),
                        keys[step, environment],
                        held,
                        surprising=bool(surprising[environment] and not is_zero[step, environment]),
                        threshold=threshold,
                    )
                    if switch is not None:
                        switches.append(switch)
                        active[environment] = False
                        scored[step:, environment] &= switch.made
            joining = active & (values != self._previous)
            if joining.any():
                self._moments.add(held[joining], values[joining])
            self._previous[here] = values[here]
            if any(switch.made for switch in switches[before:]):
                similarity[step + 1 :], slot[step + 1 :] = self._nearest(keys[step + 1 :])
        return scored, tuple(switches)

    def _turn(
        self,
        step: int,
        environment: int,
        key: Tensor,
        held: NDArray[np.int64],
        *,
        surprising: bool,
        threshold: float,
    ) -> Switch | None:
        """Recall, fragment, or stay."""
        similarity, slot = (value[0, 0] for value in self._nearest(key[None, None]))
        source = int(held[environment])
        if similarity >= self._recall and slot != source:
            self._recalls += 1
            self._memory.use([slot])
            self._current[environment] = slot
            return Switch(step, environment, source, int(slot), made=False)
        if not surprising or similarity >= threshold:
            return None
        # Modules that this segment's transitions will still train must stay as well.
        target = self._memory.claim(keep=np.union1d(held, self._current)).slot
        self._made += 1
        self._moments.reset(target)
        self._keys.put(target, key)
        self._current[environment] = target
        return Switch(step, environment, source, target, made=True)

    def _nearest(self, keys: Tensor) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        nearest = self._keys.nearest(keys.flatten(0, 1))
        shape = keys.shape[:2]
        return nearest.similarity.cpu().numpy().reshape(shape), nearest.slot.cpu().numpy().reshape(shape)

    def _threshold(self) -> float:
        """Return the similarity from which a state is too well known to begin a fragment."""
        capacity = self._memory.capacity
        if self._decay == "filled":
            way = (len(self._memory) - 1) / (capacity - 1)
        else:
            way = min(1.0, self._steps / capacity)
        return self._novelty + way * (self._novelty_full - self._novelty)

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
        moments = self._moments.state_dict()
        return {
            "memory": memory | {"last_use": torch.from_numpy(memory["last_use"])},
            "keys": self._keys.state_dict(),
            "moments": {name: torch.from_numpy(value) for name, value in moments.items()},
            "current": torch.from_numpy(self._current.copy()),
            "previous": torch.from_numpy(self._previous.copy()),
            "counters": [self._steps, self._made, self._recalls],
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
        self._moments.load_state_dict(state["moments"])
        self._current = state["current"].numpy().copy()
        self._previous = state["previous"].numpy().copy()
        self._steps, self._made, self._recalls = state["counters"]
