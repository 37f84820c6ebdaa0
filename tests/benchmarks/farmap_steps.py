"""Steps per second of the map builders by size of map, and what a step costs as the world grows.

Processor time of one thread, the environment's part included, until an agent has explored everything or has
taken 2,000 steps. The cost of growth is that of a hall of 240 x 240 cells against one of 60 x 60.
"""

import numpy as np

from farmap.agents.make import make_agent
from farmap.explore import explore
from farmap.work.explore import compile_all
from farmap.world.environment import FarMapEnv
from farmap.world.maps import SIZES, World, draw_world, paint
from gridcell.data.seeds import generator

AIMS = {
    "farmap, 60 x 60 cells (steps/s)": ">= 2000",
    "farmap, cost of a step at 16 x the world (x)": "<= 2",
}
STEPS = 2_000
RUNS = 8
SIDES = (60, 240)
AGENTS = ("farmap", "frontier")


def measure() -> dict[str, float]:
    """Return steps per second and ratios of cost."""
    compile_all()
    figures = {}
    worlds = {f"{size} maps": [draw_world(size, index) for index in range(RUNS)] for size in SIZES}
    worlds |= {f"{side} x {side} cells": [hall(side // 3)] * RUNS for side in SIDES}
    for name, of_size in worlds.items():
        for agent in AGENTS:
            figures[f"{agent}, {name} (steps/s)"] = steps_per_second(agent, of_size)
    for agent in AGENTS:
        small, large = (figures[f"{agent}, {side} x {side} cells (steps/s)"] for side in SIDES)
        figures[f"{agent}, cost of a step at 16 x the world (x)"] = small / large
    return figures


def hall(squares: int) -> World:
    """A hall with so many squares of three cells a side, a pillar in every fifth row and column."""
    free = np.ones((squares, squares), bool)
    free[2::5, 2::5] = False
    free[[0, -1]] = free[:, [0, -1]] = False
    return paint(free)


def steps_per_second(kind: str, worlds: list[World]) -> float:
    """Run once on each world; return all steps by all seconds."""
    steps, seconds = 0, 0.0
    for seed, world in enumerate(worlds):
        agent = make_agent({"kind": kind}, generator(seed))
        run = explore(FarMapEnv(world, max_steps=STEPS), agent, seed=seed)
        steps, seconds = steps + run.steps, seconds + run.seconds
    return steps / seconds
