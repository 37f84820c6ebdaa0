"""``gridcell/FarMap-v0``: an agent with four headings walks over a map and sees a cone of it."""

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from farmap.world.maps import Size, World, draw_world
from farmap.world.view import WINDOW, look, rays
from gridcell.data import generator

Observation = dict[str, Any]

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))  # rows, columns by heading: up, down, left, right
ACTIONS = 8  # 0..3 turn there and walk a cell, 4..7 turn there and stay
MAX_STEPS = 5_000


class FarMapEnv(gym.Env[Observation, int]):
    """A map, an agent on it, and what it sees.

    Actions 0 to 3 turn the agent up, down, left, right and move it one cell there unless something stands
    in the way; 4 to 7 turn it in place. The observation has

    - ``view``, int32 (15, 15): what lies ahead, the agent in the middle of the bottom row: -1 unknown, 0
      free, else a colour;
    - ``moved``, int8 (2,): measured displacement since the last observation in rows and columns;
    - ``heading``: 0 up, 1 down, 2 left, 3 right.

    The reward of a step is the number of cells that were seen for the first time; ``info`` holds ``seen``,
    how many were seen so far, and ``position``, the true (row, column). A run is truncated after
    ``max_steps`` and has no other end.

    Args:
        world: the map; if None, the one that ``size``, ``index`` and ``map_seed`` name.
        size: see ``maps.SIZES``.
        index: number of the map among those of its size.
        map_seed: of the collection of maps.
        max_steps: length of a run.
        obstacles: single cells that walk about at random, each of a colour of its own.
        recolour: probability per step that one wall square changes to a colour never seen before.
        odometry_noise: probability that the measured displacement of a move is one cell too long or short
            along the heading.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    row: int
    column: int
    heading: int
    steps: int

    def __init__(
        self,
        world: World | None = None,
        *,
        size: Size = "small",
        index: int = 0,
        map_seed: int = 0,
        max_steps: int = MAX_STEPS,
        obstacles: int = 0,
        recolour: float = 0.0,
        odometry_noise: float = 0.0,
    ) -> None:
        self.world = draw_world(size, index, map_seed) if world is None else world
        self.max_steps = max_steps
        self._obstacles = obstacles
        self._recolour = recolour
        self._noise = odometry_noise
        self._rays = rays()
        self._rng = np.random.default_rng()
        highest = np.iinfo(np.int32).max
        self.observation_space = spaces.Dict(
            {
                "view": spaces.Box(-1, highest, (WINDOW, WINDOW), np.int32),
                "moved": spaces.Box(-2, 2, (2,), np.int8),
                "heading": spaces.Discrete(4),
            }
        )
        self.action_space = spaces.Discrete(ACTIONS)
        self._static = not (obstacles or recolour)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a run at a random free cell and heading, or at ``options["start"]``: (row, column, heading).

        Agents that are compared start alike under one seed.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._rng = generator(seed, "farmap", "run")
        self._colours = self.world.colours if self._static else self.world.colours.copy()
        self.seen = np.zeros(self.world.shape, bool)
        self._seen_cells = 0
        self.steps = 0
        start = (options or {}).get("start")
        if start is None:
            row, column = self._rng.choice(self.world.free_cells)
            start = int(row), int(column), int(self._rng.integers(4))
        self.row, self.column, self.heading = start
        self._next_colour = int(self._colours.max()) + 1
        self._movers = self._place_obstacles()
        self._look()
        return self._observation((0, 0)), self._info()

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Turn, move where nothing stands in the way, and look."""
        self.heading = int(action) % 4
        moved = (0, 0)
        if action < 4:
            rows, columns = MOVES[self.heading]
            if self._colours[self.row + rows, self.column + columns] == 0:
                moved = (rows, columns)
                self.row += rows
                self.column += columns
        if not self._static:
            self._change()
        new = self._look()
        self.steps += 1
        truncated = self.steps >= self.max_steps
        return self._observation(self._measured(moved)), float(new), False, truncated, self._info()

    def _look(self) -> int:
        self._view = np.empty((WINDOW, WINDOW), np.int32)
        new = look(self._colours, self.row, self.column, self.heading, *self._rays, self._view, self.seen)
        self._seen_cells += new
        return new

    def _observation(self, moved: tuple[int, int]) -> Observation:
        return {"view": self._view, "moved": np.array(moved, np.int8), "heading": self.heading}

    def _info(self) -> dict[str, Any]:
        return {"seen": self._seen_cells, "position": (self.row, self.column)}

    def _measured(self, moved: tuple[int, int]) -> tuple[int, int]:
        if self._noise and moved != (0, 0) and self._rng.random() < self._noise:
            factor = 2 * int(self._rng.integers(2))
            return moved[0] * factor, moved[1] * factor
        return moved

    def _place_obstacles(self) -> list[tuple[int, int, int]]:
        """Put obstacles on free cells, at least two cells from the agent; fewer where there is no room."""
        if not self._obstacles:
            return []
        cells = self.world.free_cells
        far = np.abs(cells - (self.row, self.column)).sum(axis=1) > 2
        chosen = self._rng.permutation(cells[far])[: self._obstacles]
        movers = []
        for row, column in chosen:
            self._colours[row, column] = self._next_colour
            movers.append((int(row), int(column), self._next_colour))
            self._next_colour += 1
        return movers

    def _change(self) -> None:
        """Let each obstacle walk a cell at random, and give a wall square a new colour now and then."""
        for number, (row, column, colour) in enumerate(self._movers):
            rows, columns = MOVES[self._rng.integers(4)]
            there = row + rows, column + columns
            if self._colours[there] == 0 and there != (self.row, self.column):
                self._colours[row, column] = 0
                self._colours[there] = colour
                self._movers[number] = (*there, colour)
        if self._recolour and self._rng.random() < self._recolour:
            walls = self.world.colours
            old = self._rng.integers(1, walls.max() + 1)
            self._colours[walls == old] = self._next_colour
            self._next_colour += 1


if "gridcell/FarMap-v0" not in gym.registry:
    gym.register("gridcell/FarMap-v0", entry_point="farmap.world.environment:FarMapEnv")
