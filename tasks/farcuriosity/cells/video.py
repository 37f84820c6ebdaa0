"""The video cell: an episode of a finished agent as MP4."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from farcuriosity.cells.names import AGENT, VIDEO
from gridcell.cell import Cell
from gridcell.context import Context

SMALLEST_SIDE = 320  # pixels: smaller pictures are enlarged


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Play one episode, by the policy's own probabilities, and leave it as ``episode.mp4``."""
    import torch

    from farcuriosity.agent.networks import load_policy

    agent = context.need("agent").cell.config
    net = load_policy(context.artifact("agent", AGENT))
    stage = _Stage(agent["environment"], agent["options"])
    draws = torch.Generator().manual_seed(context.seed)
    observations = stage.reset(context.seed)
    state, previous = torch.zeros(1, net.state_size), torch.zeros(1, dtype=torch.int64)
    frames, total, over = [stage.picture()], 0.0, False
    while not over and len(frames) < cell.config["max_steps"]:
        with torch.inference_mode():
            start = torch.tensor([len(frames) == 1])
            logits, _, state = net(torch.from_numpy(observations), previous, start, state)
        previous = torch.multinomial(logits.softmax(dim=-1), 1, generator=draws)[0]
        observations, reward, over = stage.step(previous.numpy())
        total += reward
        if not over:  # else the environment shows the next episode already
            frames.append(stage.picture())
    write_video(frames, context.outputs / VIDEO, cell.config["fps"])
    return {"return": total, "steps": len(frames), "ended": over}


def write_video(frames: list[np.ndarray], path: Path, fps: int) -> None:
    """Write frames, uint8 of shape (rows, columns, 3), as H.264, enlarged by whole numbers."""
    import imageio

    factor = max(1, -(-SMALLEST_SIDE // min(frames[0].shape[:2])))
    with imageio.get_writer(path, fps=fps, codec="libx264", macro_block_size=2) as writer:
        for frame in frames:
            writer.append_data(frame.repeat(factor, 0).repeat(factor, 1))


class _Stage:
    """One environment, and its present picture in colour.

    ale-py's vector environment shows small grey frames alone, so a twin plays the same game, from the same
    seed and by the same actions, for people to see.
    """

    def __init__(self, environment: str, options: Mapping[str, Any]) -> None:
        from farcuriosity.environments.ids import is_atari
        from farcuriosity.environments.make import atari, make_vector
        from farcuriosity.environments.options import atari_options

        twin = is_atari(environment)
        self._played = make_vector(environment, 1, options, render_mode=None if twin else "rgb_array")
        self._twin = atari(environment, 1, atari_options(options), colour=True) if twin else None
        self._shown = np.empty(0, np.uint8)

    def reset(self, seed: int) -> np.ndarray:
        """Begin an episode; return what the agent sees, (1, *observation)."""
        observations, _ = self._played.reset(seed=seed)
        if self._twin is not None:
            self._shown, _ = self._twin.reset(seed=seed)
        return observations

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
        """Act, (1,); return what the agent sees, its reward, and whether the episode is over."""
        observations, rewards, terminal, cut, _ = self._played.step(action)
        if self._twin is not None:
            self._shown = self._twin.step(action)[0]
        return observations, float(rewards[0]), bool(terminal[0] or cut[0])

    def picture(self) -> np.ndarray:
        """Return what is to be seen, uint8, (rows, columns, 3)."""
        return self._shown[0, -1] if self._twin is not None else np.asarray(self._played.render()[0])
