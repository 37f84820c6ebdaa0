"""The film cell: a run whose every position and some of whose moments are kept for drawing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farmap.agents.agent import Agent, Mapper
from farmap.cells.explore import agent_of, compile_all, metrics_of, run_of, world_of
from farmap.world.environment import FarMapEnv
from farmap.world.view import UNKNOWN
from gridcell import Cell, Context

FILM = "film.npz"
UNSEEN, SEEN, CURRENT = 0, 1, 2
"""What a frame says of each cell: not seen yet; seen; seen and in the fragment in use."""


class Camera:
    """Keeps where the agent is at each step, and what is known at some.

    Args:
        moments: steps at which a frame is taken.
    """

    def __init__(self, moments: NDArray[np.int64]) -> None:
        self._moments = set(moments.tolist())
        self.poses: list[tuple[int, int, int, int]] = []
        self.frames: list[NDArray[np.uint8]] = []

    def __call__(self, environment: FarMapEnv, agent: Agent) -> None:
        """Take down the present step."""
        assert isinstance(agent, Mapper)
        number, local = agent.place
        true = environment.row, environment.column
        self.poses.append((*true, environment.heading, number))
        if environment.steps in self._moments:
            chart = agent.maps[number]
            frame = environment.seen.astype(np.uint8)
            known = np.argwhere(chart.colours[0] != UNKNOWN) - chart.origin - local + true
            inside = ((known >= 0) & (known < frame.shape)).all(axis=1)  # noise may carry it out
            frame[tuple(known[inside].T)] = CURRENT
            self.frames.append(frame)


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Run twice: to learn when 99 % are seen, and again, taking frames up to then.

    Leaves ``film.npz``: ``free`` bool (height, width), ``frames`` uint8 (frames, height, width), ``moments``
    int64 (frames,), ``poses`` int64 (steps + 1, 4): row, column, heading, number of the fragment.
    """
    compile_all()
    world = world_of(cell.config["world"], context.locations)
    first = run_of(cell.config, world, context.seed, agent_of(cell.config, context.seed))
    last = first.reached.get(99, (first.steps, 0.0))[0]
    moments = np.unique(np.rint(np.linspace(0, last, cell.config["frames"])).astype(np.int64))
    camera = Camera(moments)
    again = run_of(cell.config, world, context.seed, agent_of(cell.config, context.seed), watch=camera)
    if again.steps != first.steps:
        raise RuntimeError(f"The same run took {first.steps} and then {again.steps} steps")
    np.savez_compressed(
        context.outputs / FILM,
        free=world.colours == 0,
        frames=np.stack(camera.frames),
        moments=moments,
        poses=np.array(camera.poses),
    )
    return metrics_of(first, world.visible_cells)
