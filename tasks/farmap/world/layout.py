"""Random floor plans: rooms on a lattice, corridors between them, frayed walls (Hwang et al. 2024)."""

import numpy as np
from numpy.typing import NDArray

FreeMask = NDArray[np.bool_]

ROOMS = (3, 7)  # along each side of the lattice
SIDE = (3, 7)  # of a room, in squares
CORRIDOR = (1, 3)  # length
CONNECTED = 0.25
MERGED = 0.25
FRAYING_ROUNDS = 10
FRAYING = 0.05
LEAST_ROOMS = 3  # a component is a map if it is larger than so many rooms


def draw_floor_plan(rng: np.random.Generator) -> tuple[FreeMask, int]:
    """Draw a floor plan.

    Rooms of one size stand on a lattice. Each two neighbours are joined by a corridor of random width with
    probability 0.25, and are merged into one space with probability 0.25. Then squares on either side of a
    wall flip with probability 0.05, in up to 10 rounds.

    Returns:
        Which squares are free, bool of shape (height, width) with walls all around, and the side of a room.
    """
    rows, columns = (int(count) for count in rng.integers(ROOMS[0], ROOMS[1] + 1, 2))
    side = int(rng.integers(SIDE[0], SIDE[1] + 1))
    gap = int(rng.integers(CORRIDOR[0], CORRIDOR[1] + 1))
    pitch = side + gap
    free = np.zeros((rows * pitch - gap + 2, columns * pitch - gap + 2), bool)
    for row in range(rows):
        for column in range(columns):
            top, left = 1 + row * pitch, 1 + column * pitch
            free[top : top + side, left : left + side] = True
            if column + 1 < columns:
                begin, width = _opening(rng, side)
                free[top + begin : top + begin + width, left + side : left + pitch] = True
            if row + 1 < rows:
                begin, width = _opening(rng, side)
                free[top + side : top + pitch, left + begin : left + begin + width] = True
    return _frayed(rng, free), side


def draw_released_plan(rng: np.random.Generator) -> tuple[FreeMask, int]:
    """Draw a floor plan as the authors' code does, which makes narrower, more winding maps.

    The lattice is square, all openings of a map have one width and begin at the rooms' first square, and two
    neighbours are joined with probability 1 - 0.75 ** 2, for there are two draws for each pair.

    Returns:
        As ``draw_floor_plan``.
    """
    count = int(rng.integers(ROOMS[0], ROOMS[1] + 1))
    side = int(rng.integers(SIDE[0], SIDE[1] + 1))
    gap = int(rng.integers(CORRIDOR[0], CORRIDOR[1] + 1))
    width = int(rng.integers(1, side + 1))
    pitch = side + gap
    free = np.zeros((count * pitch - gap + 2,) * 2, bool)

    def opening() -> int:
        return width if rng.random() < 1 - (1 - CONNECTED) ** 2 else 0

    for row in range(count):
        for column in range(count):
            top, left = 1 + row * pitch, 1 + column * pitch
            free[top : top + side, left : left + side] = True
            if column + 1 < count:
                free[top : top + opening(), left + side : left + pitch] = True
            if row + 1 < count:
                free[top + side : top + pitch, left : left + opening()] = True
    return _frayed(rng, free), side


def components(free: FreeMask, least: int) -> list[FreeMask]:
    """Return the parts connected over edges with more than ``least`` squares, each cropped to its walls."""
    from scipy import ndimage

    labels, _ = ndimage.label(free)
    sizes = np.bincount(labels.ravel())
    found = []
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[label] > least:
            part = labels[rows, columns] == label
            found.append(np.pad(part, 1))
    return found


def _frayed(rng: np.random.Generator, free: FreeMask) -> FreeMask:
    """Flip squares on either side of a wall, in place."""
    for _ in range(int(rng.integers(0, FRAYING_ROUNDS + 1))):
        inner = free[1:-1, 1:-1]
        flips = _boundary(free)[1:-1, 1:-1] & (rng.random(inner.shape) < FRAYING)
        inner ^= flips
    return free


def _opening(rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Draw where the wall between two rooms is open: offset and width, (0, 0) for nowhere."""
    chance = rng.random()
    if chance < MERGED:
        return 0, side
    if chance < MERGED + CONNECTED:
        width = int(rng.integers(1, side + 1))
        return int(rng.integers(0, side - width + 1)), width
    return 0, 0


def _boundary(free: FreeMask) -> FreeMask:
    """Return the squares that have a neighbour of the other kind."""
    across, down = free[:, 1:] != free[:, :-1], free[1:] != free[:-1]
    boundary = np.zeros_like(free)
    boundary[:, 1:] |= across
    boundary[:, :-1] |= across
    boundary[1:] |= down
    boundary[:-1] |= down
    return boundary
