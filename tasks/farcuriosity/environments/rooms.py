"""``gridcell/Rooms-v0``: several rooms, a reward in the last; to import this module is to register it."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from farcuriosity.environments.world import RoomsWorld

ID = "gridcell/Rooms-v0"
_SCALE = 12  # pixels of a cell in a picture of the map


class RoomsVector(VectorEnv):
    """Many agents, each alone in a copy of one world, stepped by looking up tables.

    Observations are images, uint8, of shape ``(view, view, 3)``; actions are up, right, down and left. Each
    agent begins in the middle of the first room, is rewarded with 1 at the goal in the last room, where the
    episode ends, and nowhere else. Infos tell each agent's ``room`` and ``position``.

    Args:
        num_envs: agents.
        rows: rooms down.
        columns: rooms across.
        size: side of a room in cells.
        view: side of what is seen in cells, odd.
        alike: how much rooms resemble each other, from 0 to 1.
        layout: seed of colours and doors: every episode is in the same world.
        reward: whether there is a goal.
        max_steps: after which an episode is truncated.
        autoreset_mode: ``SAME_STEP`` or ``NEXT_STEP``, see Gymnasium.
        render_mode: None, or ``rgb_array``: the map with each agent, for recordings.

    Raises:
        ValueError: no such world, or no such way to reset.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        rows: int = 2,
        columns: int = 2,
        size: int = 7,
        view: int = 7,
        alike: float = 0.0,
        layout: int = 0,
        reward: bool = True,
        max_steps: int = 500,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        self._autoreset = AutoresetMode(autoreset_mode)
        if self._autoreset is AutoresetMode.DISABLED:
            raise ValueError("Rooms reset themselves: the autoreset mode must be SameStep or NextStep")
        self.world = RoomsWorld(rows, columns, size, view, layout, alike=alike)
        self.num_envs, self._reward, self._max_steps = num_envs, reward, max_steps
        self._views = self.world.views(goal=reward)
        self.render_mode = render_mode
        self.metadata = {"autoreset_mode": self._autoreset, "render_modes": ["rgb_array"], "render_fps": 15}
        self.single_observation_space = spaces.Box(0, 255, self._views.shape[1:], np.uint8)
        self.single_action_space = spaces.Discrete(4)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._cells = np.full(num_envs, self.world.start)
        self._steps = np.zeros(num_envs, np.int64)
        self._over = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray, dict[str, Any]]:
        """Put all agents back to the start; nothing is random, so that the seed has no effect."""
        super().reset(seed=seed if isinstance(seed, int) else None, options=options)
        self._restart(np.ones(self.num_envs, bool))
        return self._views[self._cells], self._infos()

    def step(self, actions: NDArray[np.integer]) -> tuple[NDArray, NDArray, NDArray, NDArray, dict[str, Any]]:
        """Move every agent; those whose episode is over begin anew."""
        waiting = (
            self._over.copy() if self._autoreset is AutoresetMode.NEXT_STEP else np.zeros_like(self._over)
        )
        self._cells = self.world.next[self._cells, np.asarray(actions)]
        self._steps += 1
        self._restart(waiting)
        terminated = (self._cells == self.world.goal) & self._reward & ~waiting
        truncated = (self._steps >= self._max_steps) & ~terminated & ~waiting
        self._over = terminated | truncated
        observations, infos = self._views[self._cells], self._infos()
        if self._autoreset is AutoresetMode.SAME_STEP and self._over.any():
            final = {"final_obs": observations, "final_info": infos}
            over = self._over.copy()
            self._restart(over)
            infos = {**self._infos(), **final, "_final_obs": over, "_final_info": over}
            observations = self._views[self._cells]
        return observations, terminated.astype(np.float64), terminated, truncated, infos

    def _restart(self, which: NDArray[np.bool_]) -> None:
        self._cells = np.where(which, self.world.start, self._cells)
        self._steps = np.where(which, 0, self._steps)
        self._over = self._over & ~which

    def _infos(self) -> dict[str, Any]:
        every = np.ones(self.num_envs, bool)
        room, position = self.world.rooms[self._cells], self.world.positions[self._cells]
        return {"room": room, "_room": every, "position": position, "_position": every}

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return a picture of the map for each agent, who is the black square with a white rim."""
        return None if self.render_mode is None else tuple(self._picture(cell) for cell in self._cells)

    def _picture(self, cell: int) -> NDArray[np.uint8]:
        picture = self.world.colours.repeat(_SCALE, 0).repeat(_SCALE, 1)
        y, x = self.world.positions[cell] * _SCALE
        picture[y : y + _SCALE, x : x + _SCALE] = 255
        picture[y + 2 : y + _SCALE - 2, x + 2 : x + _SCALE - 2] = 0
        return picture


class Rooms(gymnasium.Env):
    """One agent of :class:`RoomsVector`, with its settings."""

    metadata: ClassVar = {"render_modes": ["rgb_array"], "render_fps": 15}

    def __init__(self, **settings: Any) -> None:
        self._rooms = RoomsVector(1, **settings)
        self.render_mode = self._rooms.render_mode
        self.observation_space = self._rooms.single_observation_space
        self.action_space = self._rooms.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray, dict[str, Any]]:
        """Go back to the start."""
        super().reset(seed=seed)
        observations, infos = self._rooms.reset(options=options)
        return observations[0], _of_one(infos)

    def step(self, action: int) -> tuple[NDArray, float, bool, bool, dict[str, Any]]:
        """Move."""
        observations, rewards, terminated, truncated, infos = self._rooms.step(np.array([action]))
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _of_one(infos)

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture of the map with the agent."""
        pictures = self._rooms.render()
        return None if pictures is None else pictures[0]


def _of_one(infos: dict[str, Any]) -> dict[str, Any]:
    return {name: value[0] for name, value in infos.items() if not name.startswith("_")}


if ID not in gymnasium.registry:
    gymnasium.register(ID, entry_point=Rooms, vector_entry_point=RoomsVector)
