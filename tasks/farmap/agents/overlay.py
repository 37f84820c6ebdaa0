"""All stored maps laid over each other: what an agent looks over before it says that it is done."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from farmap.agents.fragments import Fragment
from farmap.agents.reachable import Cell
from farmap.world.view import UNKNOWN


@dataclass(frozen=True)
class Overlay:
    """A map for :class:`~farmap.agents.reachable.Survey`.

    Attributes:
        colours: int32 (1, height, width): -1 unknown, 0 empty, else the colour of a wall.
        origin: index of the cell (0, 0) of the frame of all fragments.
        bounds: int64 (4,): first and last rows and columns that may hold known cells.
        read: cells of all maps that were laid over each other.
    """

    colours: NDArray[np.int32]
    origin: Cell
    bounds: NDArray[np.int64]
    read: int


def overlay(fragments: Iterable[Fragment]) -> Overlay:
    """Lay maps over each other by their offsets; of two that know a cell the later one counts.

    Args:
        fragments: at least one with a known cell, that in use last.
    """
    maps = [fragment for fragment in fragments if fragment.chart.known]
    boxes = [fragment.chart.bounds for fragment in maps]
    shifts = [np.subtract(fragment.place, fragment.chart.origin) for fragment in maps]
    first = np.min([box[::2] + shift for box, shift in zip(boxes, shifts, strict=True)], axis=0) - 1
    last = np.max([box[1::2] + shift for box, shift in zip(boxes, shifts, strict=True)], axis=0) + 1
    height, width = (last - first + 1).tolist()
    colours = np.full((height, width), UNKNOWN, np.int32)
    for fragment, box, shift in zip(maps, boxes, shifts, strict=True):
        _lay(fragment.chart.colours[0], box, *(shift - first).tolist(), colours)
    return Overlay(
        colours=colours[None],
        origin=(-int(first[0]), -int(first[1])),
        bounds=np.array([1, height - 2, 1, width - 2]),
        read=sum(fragment.chart.known for fragment in maps),
    )


@njit(cache=True)
def _lay(
    source: NDArray[np.int32], bounds: NDArray[np.int64], rows: int, columns: int, target: NDArray[np.int32]
) -> None:
    for r in range(bounds[0], bounds[1] + 1):
        for c in range(bounds[2], bounds[3] + 1):
            if source[r, c] != UNKNOWN:
                target[r + rows, c + columns] = source[r, c]
