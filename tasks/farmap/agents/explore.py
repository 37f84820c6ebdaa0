"""One run: an agent in an environment, step by step, and what is kept of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from farmap.agents.agent import Agent, Mapper
from farmap.world.environment import FarMapEnv

THRESHOLDS = (50, 90, 95, 99)  # percent of the visible cells


@dataclass(frozen=True)
class Run:
    """What is kept of a run.

    Attributes:
        steps: how many were taken.
        seconds: that they took of the processor, the environment's part included: wall-clock on an idle core.
        seen: visible cells seen after each step, int32 (steps + 1,), the first before any.
        memory: the agent's active memory likewise: what a step of planning may read.
        own_memory: known cells of the map in use likewise.
        box_memory: cells of the rectangle around it likewise.
        peak_memory: the most that a step of planning read, looks over all maps included.
        reached: percent -> (step, seconds) at which so much of what can be seen was seen, where it was.
        done: whether the agent found nothing left to explore.
        end: why the run ended: ``done``; ``bound``: the agent gave up, after too long without anything new;
            ``steps``: it used up its steps.
        path: cells walked.
        turns: steps with another heading than the one before.
        counts: the agent's.
        trajectory: int32 (steps + 1, 4): row, column, heading, number of the map in use; None unless asked
            for.
    """

    steps: int
    seconds: float
    seen: NDArray[np.int32]
    memory: NDArray[np.int32]
    own_memory: NDArray[np.int32]
    box_memory: NDArray[np.int32]
    peak_memory: int
    reached: dict[int, tuple[int, float]]
    done: bool
    end: Literal["done", "bound", "steps"]
    path: int
    turns: int
    counts: dict[str, int]
    trajectory: NDArray[np.int32] | None = None


def explore(
    environment: FarMapEnv,
    agent: Agent,
    *,
    seed: int,
    stop_when_done: bool = True,
    watch: Callable[[FarMapEnv, Agent], None] | None = None,
    trajectory: bool = False,
) -> Run:
    """Let an agent explore until the environment ends the run or the agent knows of nothing left.

    Args:
        environment: where.
        agent: fresh.
        seed: of the start and of whatever changes in the world.
        stop_when_done: whether the run ends when the agent is done.
        watch: called after each observation, for those who draw.
        trajectory: whether to keep where the agent was.
    """
    total = environment.world.visible_cells
    observation, info = environment.reset(seed=seed)
    seen: list[int] = [info["seen"]]
    memory: list[tuple[int, int, int]] = []
    poses: list[tuple[int, int, int]] = [(*info["position"], observation["heading"])]
    maps: list[int] = []
    reached: dict[int, tuple[int, float]] = {}
    mapper = agent if isinstance(agent, Mapper) else None
    begun = time.thread_time()
    ended = False
    while True:
        agent.observe(observation)
        memory.append((agent.active_memory, agent.own_memory, agent.box_memory))
        if len(reached) < len(THRESHOLDS):
            while len(reached) < len(THRESHOLDS) and 100 * info["seen"] >= THRESHOLDS[len(reached)] * total:
                reached[THRESHOLDS[len(reached)]] = len(seen) - 1, time.thread_time() - begun
        if trajectory:
            maps.append(mapper.place[0] if mapper is not None else 0)
        if watch is not None:
            watch(environment, agent)
        if ended:
            break
        action = agent.act()
        if stop_when_done and agent.done:
            break
        observation, _, _, ended, info = environment.step(action)
        seen.append(info["seen"])
        poses.append((*info["position"], observation["heading"]))
    seconds = time.thread_time() - begun
    active, own, box = np.array(memory, np.int32).T
    places = np.array(poses, np.int32)
    return Run(
        steps=len(seen) - 1,
        seconds=seconds,
        seen=np.array(seen, np.int32),
        memory=active,
        own_memory=own,
        box_memory=box,
        peak_memory=max(int(active.max()), agent.active_memory),
        reached=reached,
        done=agent.done and not agent.gave_up,
        end="steps" if ended else "bound" if agent.gave_up else "done",
        path=int(np.abs(np.diff(places[:, :2], axis=0)).sum()),
        turns=int((np.diff(places[:, 2]) != 0).sum()),
        counts=dict(agent.counts()),
        trajectory=np.column_stack([places, np.array(maps, np.int32)]) if trajectory else None,
    )
