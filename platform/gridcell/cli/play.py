"""``gridcell play``: watch what a cell has learned."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gridcell.cli import common
from gridcell.cli.cells import CellId
from gridcell.cli.common import DEFAULT_STORAGE, Storage, open_store, reading
from gridcell.errors import UserError
from gridcell.store.scratch import scratch_folder
from gridcell.task import Playing, find_task


def play(
    cell_id: CellId,
    storage: Storage = DEFAULT_STORAGE,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.mp4", help="Write a video instead of opening a window."),
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, metavar="N", help="Play N episodes.")] = 1,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the first episode; each further one adds 1.")
    ] = 0,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Take the likeliest action instead of drawing one.")
    ] = False,
    best: Annotated[
        bool, typer.Option("--best", help="Play the policy that was best while it learned, not the last.")
    ] = False,
    fps: Annotated[int, typer.Option("--fps", min=1, help="Pictures a second.")] = 30,
) -> None:
    """Watch a cell's agent play, finished or still learning; without a screen, as a video."""
    store = open_store(storage)
    with reading(storage):
        plan, cell = store.plans.find(cell_id)
    if out is not None and out.suffix != ".mp4":
        raise UserError(f"--out must name an MP4 file, as in --out {out.stem or 'play'}.mp4")
    if out is None and not _has_screen():
        out = Path(f"play-{cell.id}.mp4")
    with scratch_folder("play") as scratch:
        asked = Playing(scratch, out, episodes=episodes, seed=seed, greedy=greedy, best=best, fps=fps)
        for line in find_task(plan.task).play_cell(cell, store, asked):
            common.console().print(line, soft_wrap=True)


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
