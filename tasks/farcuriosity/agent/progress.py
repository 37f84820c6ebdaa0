"""What a run tells about itself: episodes, places seen, fragments; kept with the checkpoint."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from farcuriosity.agent.rollout import Rollout
from farcuriosity.curiosity.interface import Scores

WINDOW = 100  # episodes over which a learning curve's points are means
STRIP = 24  # frames that are kept of the states at which fragments were made


class Progress:
    """Counts what happens over a run.

    Attributes:
        steps: of the agent, over all environments.
        episodes: (steps so far, return, length) of each finished episode.
        strip: (steps so far, frame) of the first states at which a fragment was made.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.episodes: list[tuple[int, float, int]] = []
        self.strip: list[tuple[int, np.ndarray]] = []
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._places: set[int] = set()
        self._rooms: set[int] = set()
        self._intrinsic = 0.0

    def add(self, rollout: Rollout, scores: Scores) -> None:
        """Take in a segment and its scores."""
        self.steps += len(rollout)
        self.episodes += [(self.steps, total, length) for total, length in rollout.episodes]
        self._recent.extend(total for total, _ in rollout.episodes)
        self._places.update(np.unique(rollout.places).tolist())
        self._rooms.update(np.unique(rollout.rooms).tolist())
        self._intrinsic = float(scores.rewards.mean())
        for switch in scores.switches:
            if switch.made and len(self.strip) < STRIP:
                self.strip.append((self.steps, rollout.next_frames[switch.step, switch.environment].copy()))

    def values(self) -> dict[str, float]:
        """Return the present values of what is drawn as curves; what is unknown is left out."""
        found = {}
        if self._recent:
            found["return"] = float(np.mean(self._recent))
            found["length"] = float(np.mean([length for _, _, length in self.episodes[-WINDOW:]]))
        found |= {"intrinsic_reward": self._intrinsic, "episodes": float(len(self.episodes))}
        if self._places:
            found["places"] = float(len(self._places))
        if self._rooms:
            found["rooms"] = float(len(self._rooms))
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return all state, for a checkpoint."""
        return {
            "steps": self.steps,
            "episodes": np.array(self.episodes, np.float64).reshape(-1, 3),
            "strip_steps": [step for step, _ in self.strip],
            "strip": [frame for _, frame in self.strip],
            "places": sorted(self._places),
            "rooms": sorted(self._rooms),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of a checkpoint."""
        self.steps = int(state["steps"])
        self.episodes = [
            (int(at), float(total), int(n)) for at, total, n in np.asarray(state["episodes"]).tolist()
        ]
        self.strip = [
            (int(s), np.asarray(f)) for s, f in zip(state["strip_steps"], state["strip"], strict=True)
        ]
        self._recent = deque((total for _, total, _ in self.episodes[-WINDOW:]), maxlen=WINDOW)
        self._places, self._rooms = set(state["places"]), set(state["rooms"])
