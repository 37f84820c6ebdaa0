"""From a colour and depth image to the window of cells that the agents know: any RGB-D camera's adapter."""

import numpy as np
from numpy.typing import NDArray

from farmap.world.view import MIDDLE, UNKNOWN, WINDOW

_PROBE = 0.1  # cells behind a surface, where the wall is
_CLEAR = 0.2  # cells before a surface, up to where a ray passes through free space
_SPACING = 0.125  # of samples along a ray, in cells


def project(rgb: NDArray[np.uint8], depth: NDArray[np.floating], tangent: float) -> NDArray[np.int32]:
    """Project one row of a level camera's image into the window of cells ahead.

    Args:
        rgb: colours, uint8 of shape (pixels, 3), left to right; the colour of a wall is 1 + its packed RGB.
        depth: distance of the surface along the optical axis, in cells, of shape (pixels,).
        tangent: of half the horizontal field of view.

    Returns:
        int32 of shape (15, 15), the camera in the middle of the bottom row: -1 unknown, 0 free, else a
        colour. A cell that some ray passes through is free; one where surfaces lie is a wall, of the colour
        that most of its pixels have.
    """
    pixels = len(depth)
    slope = tangent * ((np.arange(pixels) + 0.5) / pixels * 2 - 1)  # sideways per cell ahead
    length = np.hypot(1.0, slope)  # of a ray per cell ahead
    ahead = np.arange(0.0, WINDOW, _SPACING)
    free = ahead < np.minimum(depth - _CLEAR / length, WINDOW)[:, None]
    view = np.full((WINDOW, WINDOW), UNKNOWN, np.int32)
    surface = depth + _PROBE / length
    row, column = WINDOW - 1 - _cell(surface), MIDDLE + _cell(surface * slope)
    inside = (row >= 0) & (row < WINDOW) & (column >= 0) & (column < WINDOW)
    packed = 1 + (rgb.astype(np.int32) @ np.array([65_536, 256, 1], np.int32))
    hits = np.stack([row, column, packed], axis=1)[inside]
    found, count = np.unique(hits, axis=0, return_counts=True)
    for r, c, colour in found[np.argsort(count, kind="stable")]:  # the most frequent is written last
        view[r, c] = colour
    row = np.broadcast_to(WINDOW - 1 - _cell(ahead), free.shape)
    column = MIDDLE + _cell(ahead * slope[:, None])
    through = free & (row >= 0) & (column >= 0) & (column < WINDOW)
    view[row[through], column[through]] = 0
    view[WINDOW - 1, MIDDLE] = 0
    _close_corners(view)
    return view


def _close_corners(view: NDArray[np.int32]) -> None:
    """Mark cells behind the corner where two walls meet: no surface of theirs shows, yet they are walls."""
    height, width = view.shape
    for r, c in np.argwhere(view == 0).tolist():
        for rr, cc in ((r - 1, c - 1), (r - 1, c + 1), (r + 1, c - 1), (r + 1, c + 1)):
            inside = 0 <= rr < height and 0 <= cc < width
            if inside and view[rr, cc] == UNKNOWN and view[r, cc] > 0 and view[rr, c] > 0:
                view[rr, cc] = min(view[r, cc], view[rr, c])  # the same from wherever it is seen


def _cell(distance: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.rint(distance).astype(np.int64)
