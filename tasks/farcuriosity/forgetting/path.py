"""The path that the agent of the study follows, whatever it is rewarded with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from farcuriosity.environments.world import RoomsWorld


def lap(world: RoomsWorld, sweeps: int, *, sweep_back: bool, go_back: bool = True) -> list[int]:
    """Return the cells of one lap: every room in order, each swept row by row before the next, and back.

    Args:
        world: to be walked.
        sweeps: how often a room is swept at each stay, at least 1.
        sweep_back: whether rooms are swept on the way back as well, or the agent goes straight to the start.
        go_back: whether it goes to the start at all; else a lap is an episode, and the next begins there.

    Returns:
        Each cell is one move from the one before, and the first from the start, which is the last if it goes
        back.
    """
    last = int(world.rooms.max())
    cells = [world.start]
    back = range(last - 1, -1, -1) if sweep_back else ()
    for room in [*range(last + 1), *back]:
        for _ in range(sweeps):
            for cell in _sweep(world, room):
                cells += world.way(cells[-1], cell)
    return [*cells[1:], *(world.way(cells[-1], world.start) if go_back else ())]


def moves(world: RoomsWorld, cells: list[int]) -> NDArray[np.int64]:
    """Return the action that leads to each cell, beginning at the start.

    Raises:
        ValueError: a cell is not one move from the one before.
    """
    before = np.array([world.start, *cells[:-1]])
    leads = world.next[before] == np.array(cells)[:, None]
    if not leads.any(1).all():
        raise ValueError(f"No move leads to step {int((~leads.any(1)).argmax())} of the path")
    return leads.argmax(1)


def _sweep(world: RoomsWorld, room: int) -> list[int]:
    """Return the room's cells row by row, to and fro."""
    inside = np.flatnonzero(world.rooms == room)
    rows = np.unique(world.positions[inside, 0])
    by_row = [inside[world.positions[inside, 0] == row] for row in rows]
    return [int(cell) for index, row in enumerate(by_row) for cell in (row if index % 2 == 0 else row[::-1])]
