"""The explore cell: one agent on one map from one start."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from farmap.agents.agent import Agent, Fragmented
from farmap.agents.explore import THRESHOLDS, Run, explore
from farmap.agents.export import node_link
from farmap.agents.make import make_agent
from farmap.world.environment import FarMapEnv
from farmap.world.maps import World, draw_world, fingerprint, read_world
from farmap.world.released import released_world
from gridcell import Cell, Context, UserError
from gridcell.data import generator

POINTS = 64  # of a curve


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Explore, and keep the curves of coverage (percent) and active memory (cells), thinned.

    Leaves what the configuration says to ``keep``: ``graph.json`` (see ``agents.export``; agents without
    fragments leave none) and ``trajectory.npy``, int32 (steps + 1, 4).
    """
    compile_all()
    world = world_of(cell.config["world"], context.locations)
    keep = cell.config.get("keep", ())
    agent = agent_of(cell.config, context.seed)
    explored = run_of(cell.config, world, context.seed, agent, trajectory="trajectory" in keep)
    if explored.trajectory is not None:
        np.save(context.outputs / "trajectory.npy", explored.trajectory)
    if "graph" in keep and isinstance(agent, Fragmented):
        (context.outputs / "graph.json").write_text(json.dumps(node_link(agent.graph)) + "\n")
    total = world.visible_cells
    for step in curve_steps(cell.config["steps"]):
        # A run that ended early stays where it was.
        at = min(step, explored.steps)
        coverage, memory = 100 * explored.seen[at] / total, explored.memory[at]
        context.curves.add(step, {"coverage": float(coverage), "memory": float(memory)})
    return metrics_of(explored, total)


def agent_of(config: Mapping[str, Any], seed: int) -> Agent:
    """Make the agent of a cell's configuration."""
    return make_agent(config["agent"], generator(seed, "farmap", "agent"))


def run_of(config: Mapping[str, Any], world: World, seed: int, agent: Agent, **options: Any) -> Run:
    """Run what a cell's configuration says with a fresh agent; options are those of ``explore``."""
    changes = config["changes"]
    environment = _environment(config["sight"])(world, max_steps=config["steps"], **changes)
    try:
        return explore(environment, agent, seed=seed, stop_when_done=not any(changes.values()), **options)
    finally:
        environment.close()


def _environment(sight: str) -> type[FarMapEnv]:
    if sight == "grid":
        return FarMapEnv
    from farmap.world.rooms3d import FarMap3dEnv

    return FarMap3dEnv


def world_of(config: Mapping[str, Any], locations: Mapping[str, str]) -> World:
    """Return the map that a cell's configuration names.

    Raises:
        UserError: a map file is not there any more, or is another.
    """
    if "content" not in config:
        drawn_by = config.get("generator", "ours")
        return draw_world(config["size"], config["index"], config["seed"], drawn_by)
    path = Path(locations[config["content"]])
    if "number" in config:
        world = released_world(path, config["number"], config["scale"])
    else:
        world = read_world(path, config["scale"], config.get("free", "black"))
    if fingerprint(world) != config["content"]:
        raise UserError(f"The map file '{path}' changed since the grid was planned: run again")
    return world


def curve_steps(steps: int) -> list[int]:
    """Return the steps at which curves are kept: closely spaced at first, where most happens."""
    spaced = np.unique(np.rint(np.linspace(0, 1, POINTS + 1) ** 2 * steps).astype(int))
    return [int(step) for step in spaced]


def metrics_of(run: Run, visible_cells: int) -> dict[str, Any]:
    """Return the metrics of a cell.

    Args:
        run: what happened.
        visible_cells: of the map.

    Memory is averaged over the steps that were taken: ``mean_memory`` counts all that planning may read,
    ``mean_own_memory`` the map in use alone, ``mean_box_memory`` the rectangle around it.
    """
    return {
        "visible_cells": visible_cells,
        "seen": int(run.seen[-1]),
        "coverage": float(100 * run.seen[-1] / visible_cells),
        "steps": run.steps,
        "exploring_seconds": run.seconds,
        "steps_per_second": run.steps / run.seconds,
        "done": run.done,
        "end": run.end,
        "path": run.path,
        "turns": run.turns,
        "mean_memory": float(run.memory.mean()),
        "peak_memory": run.peak_memory,
        "mean_own_memory": float(run.own_memory.mean()),
        "peak_own_memory": int(run.own_memory.max()),
        "mean_box_memory": float(run.box_memory.mean()),
        "peak_box_memory": int(run.box_memory.max()),
        **run.counts,
        **{f"steps_to_{percent}": run.reached.get(percent, (None,))[0] for percent in THRESHOLDS},
        **{f"seconds_to_{percent}": run.reached.get(percent, (0, None))[1] for percent in THRESHOLDS},
    }


@cache
def compile_all() -> None:
    """Compile what numba compiles, once per process, so that no cell's seconds hold it."""
    world = draw_world("medium", 0)
    agents: list[dict[str, Any]] = [
        *({"kind": "frontier", "choice": choice} for choice in ("distance", "weighted", "gain")),
        {"kind": "farmap", "rho": 0.5, "closure": True},
    ]
    for agent in agents:
        run = explore(FarMapEnv(world), make_agent(agent, generator(0)), seed=0)
    assert run.counts["matches"]
    assert run.counts["looks"]
