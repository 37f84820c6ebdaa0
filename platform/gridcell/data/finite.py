"""Values of arrays that are no numbers, found in one pass that holds a piece at a time."""

from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gridcell.errors import UserError

LARGEST = 4 << 30
"""Bytes of an array up to which planning looks at its values; of a larger one the first cell does."""

_PIECE = 1 << 24  # bytes


def check_finite(points: NDArray[Any], name: str) -> None:
    """Make sure that all values of an array, which may be mapped, are finite.

    Args:
        points: of any shape (N, ...) and type; only floats can be anything else.
        name: what to call the data in the message.

    Raises:
        UserError: a value is NaN or infinite; names the first point that has one, counted from 0.

    Example:
        >>> check_finite(np.array([[0.0], [np.nan]]), "'mine.npy'")
        Traceback (most recent call last):
        gridcell.errors.UserError: Point 1 of 'mine.npy' holds a value that is not finite (NaN or infinity)
    """
    if points.dtype.kind != "f" or not points.size or points.nbytes > LARGEST:
        return
    rows = max(1, _PIECE // max(1, points[:1].nbytes))
    for start in range(0, len(points), rows):
        piece = points[start : start + rows]
        bad = ~np.isfinite(piece.reshape(len(piece), -1)).all(axis=1)
        if bad.any():
            raise _not_finite(start + int(bad.argmax()), name)


def check_finite_stream(
    opened: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...], name: str, *, fortran: bool
) -> None:
    """Make sure that all values of an array are finite, read from where its values begin in a file.

    Args:
        opened: the file, behind the array's header.
        dtype: of the array.
        shape: likewise.
        name: see ``check_finite``.
        fortran: whether the first axis runs fastest.

    Raises:
        UserError: see ``check_finite``; or there are fewer values than the shape says.
    """
    left = prod(shape) * dtype.itemsize
    if dtype.kind != "f" or not left or left > LARGEST:
        return
    rows, done = shape[0] if shape else 1, 0
    each = prod(shape[1:])
    step = max(1, _PIECE // dtype.itemsize) * dtype.itemsize
    first: int | None = None
    while left:
        content = opened.read(min(step, left))
        if not content or len(content) % dtype.itemsize:
            raise UserError(f"{name} can't be read as arrays of numbers: it is cut short")
        left -= len(content)
        places = np.flatnonzero(~np.isfinite(np.frombuffer(content, dtype))) + done
        done += len(content) // dtype.itemsize
        if places.size:
            points = places % rows if fortran else places // each
            first = int(points.min()) if first is None else min(first, int(points.min()))
            if not fortran:
                break
    if first is not None:
        raise _not_finite(first, name)


def _not_finite(point: int, name: str) -> UserError:
    return UserError(f"Point {point} of {name} holds a value that is not finite (NaN or infinity)")
