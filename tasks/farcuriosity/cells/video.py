"""The video cell: an episode of a finished agent as MP4."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from farcuriosity.cells.names import AGENT, VIDEO
from gridcell import Cell, Context

SMALLEST_SIDE = 320  # pixels: smaller pictures are enlarged


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Play one episode, by the policy's own probabilities, and leave it as ``episode.mp4``."""
    from farcuriosity.agent.networks import load_policy
    from farcuriosity.agent.player import show_episode
    from farcuriosity.environments.stage import Stage

    agent = context.need("agent").cell.config
    frames: list[np.ndarray] = []
    played = show_episode(
        load_policy(context.artifact("agent", AGENT)),
        Stage(agent["environment"], agent["options"]),
        frames.append,
        seed=context.seed,
        greedy=False,
        max_steps=cell.config["max_steps"],
    )
    write_video(frames, context.outputs / VIDEO, cell.config["fps"])
    return {"return": played.total, "steps": played.steps, "ended": played.ended}


def write_video(frames: list[np.ndarray], path: Path, fps: int) -> None:
    """Write frames, uint8 of shape (rows, columns, 3), as H.264, enlarged by whole numbers."""
    import imageio

    factor = max(1, -(-SMALLEST_SIDE // min(frames[0].shape[:2])))
    with imageio.get_writer(path, fps=fps, codec="libx264", macro_block_size=2) as writer:
        for frame in frames:
            writer.append_data(frame.repeat(factor, 0).repeat(factor, 1))
