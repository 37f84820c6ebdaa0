"""One run: an agent in an environment, step by step, and what is kept of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farmap.agents.agent import Agent
from farmap.world.environment import FarMapEnv

THRESHOLDS = (50, 90, 95, 99)  # percent of the visible cells


@dataclass(frozen=True)
class Run:
    """What is kept of a run.

    Attributes:
        steps: how many were taken.
        seconds: that they took of the processor, the environment's part included: wall-clock on an idle core.
        seen: visible cells seen after each step, int32 (steps + 1,), the first before any.
        memory: the agent's active memory likewise.
        reached: percent -> (step, seconds) at which so much of what can be seen was seen, where it was.
        done: whether the agent found nothing left to explore.
        counts: the agent's.
    """

    steps: int
    seconds: float
    seen: NDArray[np.int32]
    memory: NDArray[np.int32]
    reached: dict[int, tuple[int, float]]
    done: bool
    counts: dict[str, int]


def explore(
    environment: FarMapEnv,
    agent: Agent,
    *,
    seed: int,
    stop_when_done: bool = True,
    watch: Callable[[FarMapEnv, Agent], None] | None = None,
) -> Run:
    """Let an agent explore until the environment ends the run or the agent knows of nothing left.

    Args:
        environment: where.
        agent: fresh.
        seed: of the start and of whatever changes in the world.
        stop_when_done: whether the run ends when the agent is done.
        watch: called after each observation, for those who draw.
    """
    total = environment.world.visible_cells
    observation, info = environment.reset(seed=seed)
    seen, memory = [info["seen"]], [0]
    reached: dict[int, tuple[int, float]] = {}
    begun = time.thread_time()
    ended = False
    while True:
        agent.observe(observation)
        memory.append(agent.active_memory)
        while len(reached) < len(THRESHOLDS) and 100 * info["seen"] >= THRESHOLDS[len(reached)] * total:
            reached[THRESHOLDS[len(reached)]] = len(seen) - 1, time.thread_time() - begun
        if watch is not None:
            watch(environment, agent)
        if ended:
            break
        action = agent.act()
        if stop_when_done and agent.done:
            break
        observation, _, _, ended, info = environment.step(action)
        seen.append(info["seen"])
    return Run(
        steps=len(seen) - 1,
        seconds=time.thread_time() - begun,
        seen=np.array(seen, np.int32),
        memory=np.array(memory[1:], np.int32),
        reached=reached,
        done=agent.done,
        counts=dict(agent.counts()),
    )
