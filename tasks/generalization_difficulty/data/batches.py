"""Labelled points in batches: the one form in which estimators take data, in memory or not."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridcell import UserError

Batch = tuple[NDArray[Any], NDArray[Any]]
"""Points, shape (b, ...), of any real dtype, and their labels, shape (b,)."""

Batches = Iterable[tuple[ArrayLike, ArrayLike]] | Callable[[], Iterable[tuple[ArrayLike, ArrayLike]]]
"""Batches that can be gone through more than once, in the same order each time: a list, an object whose
``__iter__`` starts anew (a data loader or WebDataset pipeline without shuffling), or a function that returns
a fresh iterator."""

ROWS = 2048  # of a batch cut from an array
PIECE = 1 << 20
"""Numbers that are looked at together, at most, but for a point that has more: 8 MiB as float64."""
BYTE = 255.0
"""Full scale of uint8 images."""

_NAMES = "biuSUT"  # NumPy's kinds of whole numbers and of text
_KIND_OF = {str: "text", bytes: "bytes", int: "number", bool: "number"}


@dataclass(frozen=True, eq=False)
class ArrayBatches:
    """An array in memory (or mapped from disk) as batches of ``rows`` points; its dtype is kept."""

    points: NDArray[Any]
    labels: NDArray[Any]
    rows: int = ROWS

    def __post_init__(self) -> None:
        if np.ndim(self.points) < 2:
            raise UserError(
                f"The points must be an array of shape (points, features...), not {np.shape(self.points)}"
            )
        if np.shape(self.labels) != (len(self.points),):
            raise UserError(
                f"{len(self.points)} points need as many labels in one row, "
                f"but the labels' shape is {np.shape(self.labels)}"
            )

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self.points), self.rows):
            rows = slice(start, start + self.rows)
            yield self.points[rows], self.labels[rows]


def go_through(batches: Batches) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    """Yield (position of the first point, points (b, features), labels (b,)), piece by piece.

    A batch of more than ``PIECE`` numbers comes in several pieces, so that what is computed from a piece
    takes memory by the size of the points, whatever the batches are.

    Raises:
        UserError: points and labels differ in number, points differ in size, or a value is not finite.
    """
    start, features = 0, None
    for given_points, given_labels in batches() if callable(batches) else batches:
        points, labels = unmasked(given_points, "points"), unmasked(given_labels, "labels")
        if labels.ndim != 1 or points.ndim < 2 or len(points) != len(labels):
            raise UserError(
                "A batch must hold points of shape (b, features...) and labels of shape (b,), "
                f"not {points.shape} and {labels.shape}"
            )
        points = points.reshape(len(points), -1)
        if features is not None and points.shape[1] != features:
            raise UserError(
                f"Point {start} has {points.shape[1]} features, the ones before have {features}: "
                "all must be of one size"
            )
        features = points.shape[1]
        rows = rows_of(features)
        for first in range(0, len(points), rows):
            piece, its_labels = points[first : first + rows], labels[first : first + rows]
            _check_values(piece, start)
            yield start, piece, _classes(its_labels, start)
            start += len(piece)


def rows_of(features: int) -> int:
    """Return how many points of so many numbers make a piece; at least one, at most ``ROWS``."""
    return min(ROWS, max(1, PIECE // max(1, features)))


def in_blocks(batches: Batches) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    """Yield the same as :func:`go_through`, cut anew: what is computed does not depend on the batches.

    Raises:
        UserError: what ``go_through`` finds; or uint8, which is scaled, among other dtypes, which are not; or
            labels that are numbers among names.
    """
    parts: list[tuple[NDArray[Any], NDArray[Any]]] = []
    begin, waiting, rows, dtype, numbers = 0, 0, 1, None, None
    for start, points, labels in go_through(batches):
        if not len(points):
            continue
        if dtype is not None and (points.dtype == np.uint8) != (dtype == np.uint8):
            raise UserError(
                f"Point {start} is {points.dtype}, the ones before are {dtype}: uint8 is scaled to [0, 1], "
                "others are not, so all must be uint8 or none"
            )
        if numbers is not None and (labels.dtype.kind in "biuf") != numbers:
            raise UserError(
                f"The label of point {start} is {labels[0]!r}: some labels are numbers and others names, "
                "give all as one kind"
            )
        dtype, numbers = points.dtype, labels.dtype.kind in "biuf"
        rows = rows_of(points.shape[1])
        parts.append((points, labels))
        waiting += len(points)
        if waiting < rows:
            continue
        points, labels = _joined(parts)
        whole = waiting - waiting % rows
        for first in range(0, whole, rows):
            yield begin + first, points[first : first + rows], labels[first : first + rows]
        begin, waiting = begin + whole, waiting - whole
        parts = [(points[whole:], labels[whole:])] if waiting else []
    if waiting:
        yield begin, *_joined(parts)


def _joined(parts: list[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _check_values(points: NDArray[Any], start: int) -> None:
    if points.dtype.kind not in "fiub":
        raise UserError(f"The points must be real numbers, not {points.dtype}")
    if not points.shape[1]:
        raise UserError("The points have no features: nothing tells them apart")
    if points.dtype.kind == "f" and not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise UserError(f"Point {start + row} holds a value that is not finite (NaN or infinity)")


def _classes(labels: NDArray[Any], start: int) -> NDArray[Any]:
    """Return labels as names, whole numbers or dates.

    Raises:
        UserError: one is a fraction, infinite, missing, or of another kind than the others.
    """
    kind = labels.dtype.kind
    good: NDArray[np.bool_] = np.ones(len(labels), dtype=bool)
    if kind == "f":
        good = np.isfinite(labels) & (labels == np.rint(labels))
    elif kind in "mM":
        good = ~np.isnat(labels)
    elif kind == "O":  # where pandas has missing values, none of which equals another
        kinds = [_KIND_OF.get(type(label)) for label in labels.tolist()]
        good = np.array([known is not None and known == (kinds[0] or known) for known in kinds], dtype=bool)
    elif kind not in _NAMES:
        raise UserError(f"The labels must be names or whole numbers, not {labels.dtype}")
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise UserError(f"The label of point {start + row} is {labels[row]}, which is not a class")
    return np.array(labels.tolist()) if kind == "O" and len(labels) else labels


def unmasked(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return values as an array.

    Raises:
        UserError: some of them are masked, which an array can't say.
    """
    if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
        raise UserError(f"Some of the {what} are masked: leave out the points that they belong to")
    return np.asarray(values)


def as_float(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return points as float64; uint8, the form of images, is scaled from 0..255 to [0, 1]."""
    values = points.astype(np.float64)
    return values / BYTE if points.dtype == np.uint8 else values
