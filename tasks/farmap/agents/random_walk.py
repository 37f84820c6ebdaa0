"""An agent that goes wherever chance takes it."""

from collections.abc import Mapping

import numpy as np

from farmap.agents.agent import Observation


class RandomWalk:
    """Goes a step in a random direction each time; remembers nothing.

    Args:
        rng: of its choices.
    """

    active_memory = own_memory = box_memory = 0
    done = gave_up = False

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def observe(self, observation: Observation) -> None:
        """Ignore what is seen."""

    def act(self) -> int:
        """Return a random direction to go in."""
        return int(self._rng.integers(4))

    def counts(self) -> Mapping[str, int]:
        """Nothing is remembered."""
        return {
            "fragments": 0,
            "recalls": 0,
            "matches": 0,
            "looks": 0,
            "stored_memory": 0,
            "cells_read": 0,
        }
