"""One environment with its picture in colour, for people to see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from farcuriosity.environments.ids import is_atari
from farcuriosity.environments.make import atari, make_vector
from farcuriosity.environments.options import atari_options


class Stage:
    """One environment, and its present picture in colour.

    ale-py's vector environment shows small grey frames alone, so a twin plays the same game, from the same
    seed and by the same actions, for people to see.

    Args:
        environment: its id.
        options: of it.

    Raises:
        UserError: there is no such environment or option.
    """

    def __init__(self, environment: str, options: Mapping[str, Any]) -> None:
        twin = is_atari(environment)
        self._played = make_vector(environment, 1, options, render_mode=None if twin else "rgb_array")
        self._twin = atari(environment, 1, atari_options(options), colour=True) if twin else None
        self._shown = np.empty(0, np.uint8)

    def reset(self, seed: int) -> np.ndarray:
        """Begin an episode; return what the agent sees, (1, *observation)."""
        observations, _ = self._played.reset(seed=seed)
        if self._twin is not None:
            self._shown, _ = self._twin.reset(seed=seed)
        return observations

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
        """Act, (1,) or (1, numbers); return what the agent sees, its reward, and whether it is over."""
        observations, rewards, terminal, cut, _ = self._played.step(action)
        if self._twin is not None:
            self._shown = self._twin.step(action)[0]
        return observations, float(rewards[0]), bool(terminal[0] or cut[0])

    def picture(self) -> np.ndarray:
        """Return what is to be seen, uint8, (rows, columns, 3)."""
        return self._shown[0, -1] if self._twin is not None else np.asarray(self._played.render()[0])
