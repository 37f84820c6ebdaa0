"""Steps per second of the map builders by size of map, and what the cost of a step grows with.

Processor time of one thread, the environment's part included, until an agent has explored everything or has
taken 2,000 steps. The cost of growth is measured in halls, where fragments are cut every so many steps
(criterion uniform), so that their size doesn't depend on the hall's: once in halls of 60 and 240 cells a side
with fragments alike, once in one hall with fragments of 50 and 400 steps. Without recall: fragments that are
taken up again grow. A plan is one survey of a fragment: the one part of a step that looks at all of it.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from farmap.agents.agent import Mapper
from farmap.agents.explore import explore
from farmap.agents.farmap import FarMap
from farmap.agents.local_map import LocalMap
from farmap.agents.make import make_agent
from farmap.agents.reachable import Survey
from farmap.cells.explore import compile_all
from farmap.world.environment import FarMapEnv
from farmap.world.maps import SIZES, World, draw_world, paint
from gridcell.data.seeds import generator

AIMS = {
    "farmap, 60 x 60 cells (steps/s)": ">= 2000",
    "16 x the world, fragments alike: cost of a step (x)": "<= 1.5",
    "16 x the world, fragments alike: cost of a plan (x)": "<= 1.5",
    "8 x the steps per fragment: cost of a plan (x)": ">= 1",
    "large maps: time per step, farmap / frontier (x)": "<= 1.4",
    "huge maps: time per step, farmap / frontier (x)": "<= 1.4",
}
PARTS = {"_change": "cuts", "_tie_to_match": "matching", "_look": "looks over all maps"}
STEPS = 2_000
RUNS = 8
SIDES = (60, 240)
PERIODS = (50, 400)
ALIKE = 100  # steps per fragment where fragments are alike
AGENTS = {"farmap": {"kind": "farmap"}, "frontier": {"kind": "frontier"}}


def measure() -> dict[str, float]:
    """Return steps per second and ratios of cost."""
    compile_all()
    figures = {}
    worlds = {f"{size} maps": [draw_world(size, index) for index in range(RUNS)] for size in SIZES}
    halls = {side: [hall(side // 3)] * RUNS for side in SIDES}
    worlds |= {f"{side} x {side} cells": halls[side] for side in SIDES}
    for name, of_size in worlds.items():
        farmap, frontier = (Costs.of(agent, of_size) for agent in AGENTS.values())
        figures[f"farmap, {name} (steps/s)"] = 1 / farmap.step
        figures[f"frontier, {name} (steps/s)"] = 1 / frontier.step
        figures[f"{name}: time per step, farmap / frontier (x)"] = farmap.step / frontier.step
        figures[f"{name}: map in use, farmap / frontier (x)"] = farmap.in_use / frontier.in_use
    small, large = (Costs.of(cut_every(ALIKE), halls[side]) for side in SIDES)
    figures |= growth("16 x the world, fragments alike", small, large)
    for size in ("large", "huge"):
        figures |= parts(size, worlds[f"{size} maps"])
    short, long = (Costs.of(cut_every(period), halls[SIDES[-1]]) for period in PERIODS)
    figures |= growth("8 x the steps per fragment", short, long)
    return figures


def growth(what: str, before: "Costs", after: "Costs") -> dict[str, float]:
    """Return by what factor costs grew."""
    return {
        f"{what}: map in use (x)": after.in_use / before.in_use,
        f"{what}: cost of a step (x)": after.step / before.step,
        f"{what}: cost of a plan (x)": after.plan / before.plan,
    }


def parts(size: str, worlds: list[World]) -> dict[str, float]:
    """Return the microseconds per step of cuts, of matching, which is part of a cut, and of looks."""
    spent = dict.fromkeys(PARTS, 0.0)
    steps = 0

    def timed(agent: FarMap, name: str) -> None:
        inner = getattr(agent, name)

        def outer(*arguments: Any, **options: Any) -> Any:
            begun = time.thread_time()
            try:
                return inner(*arguments, **options)
            finally:
                spent[name] += time.thread_time() - begun

        setattr(agent, name, outer)

    for seed, world in enumerate(worlds):
        agent = FarMap(generator(seed))
        for name in PARTS:
            timed(agent, name)
        steps += explore(FarMapEnv(world, max_steps=10**5), agent, seed=seed).steps
    return {f"{size} maps: {what} (us/step)": 1e6 * spent[name] / steps for name, what in PARTS.items()}


def hall(squares: int) -> World:
    """A hall with so many squares of three cells a side, a pillar in every fifth row and column."""
    free = np.ones((squares, squares), bool)
    free[2::5, 2::5] = False
    free[[0, -1]] = free[:, [0, -1]] = False
    return paint(free)


def cut_every(period: int) -> dict[str, Any]:
    """A FARMap whose fragments are cut after a number of steps."""
    return {"kind": "farmap", "criterion": "uniform", "period": period, "recall": "off"}


@dataclass(frozen=True)
class Costs:
    """What an agent costs on some worlds, a run on each.

    Attributes:
        step: seconds per step.
        plan: seconds per survey of one of the maps that it ends with.
        in_use: mean known cells of the map in use.
    """

    step: float
    plan: float
    in_use: float

    @staticmethod
    def of(config: dict[str, Any], worlds: list[World]) -> "Costs":
        """Run once on each world."""
        runs, plans = [], []
        for seed, world in enumerate(worlds):
            agent = make_agent(config, generator(seed))
            runs.append(explore(FarMapEnv(world, max_steps=STEPS), agent, seed=seed))
            assert isinstance(agent, Mapper)
            plans += [plan_seconds(chart) for chart in agent.maps.values()]
        return Costs(
            step=sum(run.seconds for run in runs) / sum(run.steps for run in runs),
            plan=float(np.mean(plans)),
            in_use=float(np.mean(np.concatenate([run.memory for run in runs]))),
        )


def plan_seconds(chart: LocalMap) -> float:
    """Return the least of a few times that a survey takes, from where the map was begun."""
    times = []
    for _ in range(5):
        begun = time.thread_time()
        Survey(chart, (0, 0))
        times.append(time.thread_time() - begun)
    return min(times)
