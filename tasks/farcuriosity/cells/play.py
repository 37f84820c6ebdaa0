"""``gridcell play``: an agent that is finished, or still learning, plays before the user's eyes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from farcuriosity.cells.names import AGENT, BEST
from gridcell import Cell, Playing, Store, UserError

if TYPE_CHECKING:
    from farcuriosity.agent.networks import ActorCritic

MAX_STEPS = 20_000  # of an episode


def play(cell: Cell, store: Store, playing: Playing) -> list[str]:
    """Play episodes in a window, or into a video; return a line about each.

    Args:
        cell: an agent's, or one that needs an agent (its video or evaluation).
        store: where the agent is.
        playing: what the user asked for.

    Raises:
        UserError: the cell is none of these, or the agent has left no checkpoint yet.
    """
    from farcuriosity.agent.player import show_episode
    from farcuriosity.environments.stage import Stage

    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")  # else pygame complains of machines without sound
    agent = _agent(cell, store)
    net, which = _policy(agent, store, playing)
    stage = Stage(agent.config["environment"], agent.config["options"])
    lines = [f"{agent.title}: {which}"]
    frames: list[np.ndarray] = []
    watch: Callable[[np.ndarray], None] = frames.append
    if playing.out is None:
        from farcuriosity.environments.window import Window

        watch = Window(agent.title, playing.fps).show
    for number in range(playing.episodes):
        played = show_episode(
            net, stage, watch, seed=playing.seed + number, greedy=playing.greedy, max_steps=MAX_STEPS
        )
        broken = "" if played.ended else ", broken off"
        lines.append(f"episode {number + 1}: return {played.total:g} in {played.steps} steps{broken}")
    if playing.out is not None:
        from farcuriosity.cells.video import write_video

        write_video(frames, playing.out, playing.fps)
        lines.append(f"written to {playing.out}")
    return lines


def _agent(cell: Cell, store: Store) -> Cell:
    if cell.kind == "train":
        return cell
    if "agent" not in cell.needs:
        raise UserError(f"Cell {cell.id} ({cell.title}) has no agent that could play: name an agent's cell")
    return store.plans.find(cell.needs["agent"])[1]


def _policy(agent: Cell, store: Store, playing: Playing) -> tuple[ActorCritic, str]:
    """Return the agent's network, and what it is."""
    import torch

    from farcuriosity.agent.networks import load_policy, policy_from

    if agent.id in store.results.done():
        result = store.results.read(agent.id)
        name = BEST if playing.best else AGENT
        if name not in result.artifacts:
            raise UserError(f"Cell {agent.id} left no '{name}': it was run by an earlier version")
        return load_policy(store.results.fetch(result, name, playing.scratch)), "finished"
    checkpoint = store.checkpoints(agent.id).latest(playing.scratch)
    if checkpoint is None:
        raise UserError(
            f"Agent {agent.title} has neither a result nor a checkpoint yet: 'gridcell cell run {agent.id}' "
            "runs it; a checkpoint is written every 5 minutes"
        )
    held: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    state = held["best"]["policy"] if playing.best and held["best"] is not None else held["policy"]
    return policy_from(state), f"as it was after {Path(checkpoint).name.partition('-')[0].lstrip('0')} steps"
