"""Connected compartments: equal rooms along a corridor, as in experiments on grid cells."""

import numpy as np

from farmap.world.maps import World, paint

DOOR = 1  # squares


def compartments(rooms: int = 4, side: int = 6, corridor: int = 2) -> World:
    """Return equal rooms that open to one corridor, as in Derdikman et al. 2009 and Carpenter et al. 2015.

    Args:
        rooms: how many stand beside each other.
        side: of a room, in squares of three cells.
        corridor: its width in squares.

    Returns:
        The map: the corridor runs along the lower side, a door of one square in the middle of each room's
        wall.
    """
    width = rooms * (side + 1) + 1
    free = np.zeros((side + corridor + 3, width), bool)
    free[side + 2 : side + 2 + corridor, 1:-1] = True
    for room in range(rooms):
        left = 1 + room * (side + 1)
        free[1 : 1 + side, left : left + side] = True
        free[side + 1, left + side // 2 : left + side // 2 + DOOR] = True
    return paint(free)


def room_of(row: int, column: int, rooms: int = 4, side: int = 6) -> int:
    """Return the number of the room that a cell is in, -1 for the corridor and a door.

    Args:
        row: of the cell.
        column: of the cell.
        rooms: as of ``compartments``.
        side: as of ``compartments``.
    """
    inside = row // 3 < side + 1
    room = (column // 3 - 1) // (side + 1)
    return room if inside and 0 <= room < rooms else -1


def steps_to_door(row: int, column: int, rooms: int = 4, side: int = 6) -> float:
    """Return the distance of a cell to the middle of the nearest door, in cells."""
    doors = [((side + 1) * 3 + 1, (1 + room * (side + 1) + side // 2) * 3 + 1) for room in range(rooms)]
    return float(min(np.hypot(row - r, column - c) for r, c in doors))
