"""Points and labels in the user's own .npz and .npy files: one set of conventions for every task.

Which array is which goes by its name; what labels and pictures are, by their type and shape. What can't be
told is refused, with the sentence that resolves it.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gridcell.data.finite import check_finite_stream
from gridcell.errors import UserError

POINTS = ("points", "x", "data", "images", "inputs", "features", "x_train", "train_images")
LABELS = ("labels", "label", "y", "target", "targets", "y_train", "train_labels")
"""Names of the arrays of points and of labels, in upper or lower case."""

UNNAMED = ("arr_0", "arr_1")
"""What ``np.savez(file, points, labels)`` calls them; looked for where no array has a name of those above."""

Target = Literal["classes", "numbers"]
"""What labels are: one of several classes, or numbers to predict."""

_UNREADABLE = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)
_COLOURS = (1, 3)
_NUMBERS = "fiub"
_TEXT = "US"


@dataclass(frozen=True, eq=False)
class LabelledArrays:
    """Points and what is to be told of each.

    Attributes:
        points: real numbers (N, d), or pictures (N, channels, height, width), of the file's own type.
        labels: classes, int64 (N,), counted from 0 in the order of their sorted values; or numbers, float64
            (N, k).
        target: which of the two.
        said: sentences on what is left out and how arrays are read.
    """

    points: NDArray[Any]
    labels: NDArray[Any]
    target: Target
    said: tuple[str, ...] = ()


@contextmanager
def open_npz(path: str | Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Open an .npz file as name -> array; an array is read when it is asked for, inside the block.

    Raises:
        UserError: there is no such file, it is no archive of arrays (an empty file, one array alone), it is
            damaged or cut short, or an array that is asked for holds Python objects.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"There is no data file {file}")
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(
                f"'{file}' can't be read as arrays of numbers: it is one array (.npy) and no .npz archive"
            )
        with archive:
            yield archive
    except _UNREADABLE as error:
        raise _unreadable(file, error) from error


def map_npy(path: str | Path) -> NDArray[Any]:
    """Map one array from an .npy file, without reading it.

    Raises:
        UserError: it is no array, is damaged or cut short, or holds Python objects.

    Example:
        >>> np.save("mine.npy", np.zeros((4, 8)))
        >>> map_npy("mine.npy").shape
        (4, 8)
    """
    file = Path(path).expanduser()
    try:
        array = np.load(file, allow_pickle=False, mmap_mode="r")
    except _UNREADABLE as error:
        raise _unreadable(file, error) from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"'{file}' is an .npz archive and no single array: name it .npz")
    return array


def _unreadable(file: Path, error: Exception) -> UserError:
    """Say why a file can't be read; NumPy advises to load what it takes for pickles unsafely."""
    unsafe = "pickle" in str(error) or "Object" in str(error) or "objects" in str(error)
    why = "it holds Python objects, or is no NumPy file" if unsafe else error
    return UserError(f"'{file}' can't be read as arrays of numbers: {why}")


def _array(arrays: Mapping[str, NDArray[Any]], name: str, path: str) -> NDArray[Any]:
    array = arrays[name]
    if not isinstance(array, np.ndarray):  # NumPy hands out the bytes of a member that is none
        raise UserError(f"'{path}' can't be read as arrays of numbers: {name} is no array")
    return array


def read_npz(
    path: str | Path,
    *,
    name: str | None = None,
    target: Target | None = None,
    setting: str = "target",
    default: Target | None = None,
    values: bool = True,
) -> LabelledArrays:
    """Read points and labels from an .npz file.

    Args:
        path: the file; ``~`` is the user's home.
        name: what to call the data in messages; by default the file in quotes.
        target: what the labels are, where that can't be told.
        setting: what that setting is called, for messages.
        default: what such labels are taken for; None: they are refused.
        values: whether points are read. If not, they are zeros of the right shape and type that take no
            memory, for planning, and their values are looked at in pieces: none may be NaN or infinite.

    Raises:
        UserError: the file can't be read, has no or several arrays of points or of labels, a value is not
            finite and ``values`` is false, or what :func:`labelled_arrays` finds.

    Example:
        >>> np.savez("mine.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array(["a", "b", "a", "b"]))
        >>> read = read_npz("mine.npz")
        >>> read.points.shape, read.labels.tolist()
        ((4, 1, 8, 8), [0, 1, 0, 1])
    """
    with open_npz(path) as arrays:
        points, labels = _find(list(arrays), str(path))
        left = [name for name in arrays if name not in (points, labels)]
        told = _array(arrays, labels, str(path))
        whole = values or not _has_header(path, points)
        read = (
            _array(arrays, points, str(path)) if whole else _shape_of(Path(path).expanduser(), points, arrays)
        )
        if points == UNNAMED[0]:
            _check_unnamed(read, told, str(path), alone=not left)
        found = labelled_arrays(
            read, told, name or f"'{path}'", target=target, setting=setting, default=default
        )
    if not left:
        return found
    return LabelledArrays(
        found.points,
        found.labels,
        found.target,
        (f"{path}: {points} and {labels} are read, {', '.join(sorted(left))} left out", *found.said),
    )


def labelled_arrays(
    points: NDArray[Any],
    labels: NDArray[Any],
    name: str,
    *,
    target: Target | None = None,
    setting: str = "target",
    default: Target | None = None,
) -> LabelledArrays:
    """Bring points and labels to the form that tasks take.

    Args:
        points: real numbers (N,), (N, d) or of more axes. (N, H, W) are pictures of one channel; where the
            last axis of four has 1 or 3 entries, pictures whose colours come last.
        labels: integers, truth values or text (N,) or (N, 1): classes; one-hot (N, k): classes; other
            numbers: numbers. Whole numbers of a floating type may be either: ``target`` says which.
        name: what to call the data in messages.
        target: see ``labels``.
        setting: what ``target`` is called, for messages.
        default: what labels are taken for that can't be told; None: they are refused.

    Raises:
        UserError: arrays of other types or shapes, not as many points as labels, pictures whose channels
            can't be told, labels that are not finite, or that can't be told or are not what ``target`` says.

    Example:
        >>> found = labelled_arrays(np.zeros((2, 8, 8)), np.array(["cat", "dog"]), "pets")
        >>> found.points.shape, found.labels
        ((2, 1, 8, 8), array([0, 1]))
    """
    if points.dtype.kind not in _NUMBERS:
        raise UserError(f"The points of {name} must be real numbers, not {points.dtype}")
    if points.ndim and not len(points):
        raise UserError(f"{name} holds no points")
    if points.ndim < 1 or labels.ndim not in (1, 2) or len(points) != len(labels):
        raise UserError(
            f"{name} has inputs of shape {points.shape} and labels of shape {labels.shape}: "
            "give inputs (N, ...) and labels (N,) or targets (N, k), equally many"
        )
    seen, how = _as_pictures(points, name)
    told, kind, why = _as_labels(labels, name, target, setting, default)
    said = tuple(f"{name}: {sentence}" for sentence in (how, _said_of_values(points), why) if sentence)
    return LabelledArrays(seen, told, kind, said)


def _has_header(path: str | Path, name: str) -> bool:
    """Tell whether an array lies in an archive under the name that NumPy gives it."""
    with zipfile.ZipFile(Path(path).expanduser()) as archive:
        return f"{name}.npy" in archive.namelist()


def _shape_of(file: Path, name: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return zeros of an array's shape and type; its values are looked at, a piece at a time."""
    with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as opened:
        version = np.lib.format.read_magic(opened)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            return arrays[name]
        shape, fortran, dtype = readers[version](opened)
        check_finite_stream(opened, dtype, shape, f"'{file}'", fortran=fortran)
    return np.broadcast_to(np.zeros((), dtype), shape)


def _find(names: Sequence[str], path: str) -> tuple[str, str]:
    if not any(name.lower() in (*POINTS, *LABELS) for name in names) and set(UNNAMED) <= set(names):
        return UNNAMED
    points, labels = (_one(names, known, path) for known in (POINTS, LABELS))
    if points is None or labels is None:
        what, known = ("points", POINTS) if points is None else ("labels", LABELS)
        raise UserError(
            f"'{path}' holds {', '.join(sorted(names)) or 'nothing'}, but no array of {what}: "
            f"name it one of {', '.join(known)}"
        )
    return points, labels


def _check_unnamed(points: NDArray[Any], labels: NDArray[Any], path: str, *, alone: bool) -> None:
    """Make sure that the first array can't be the labels, nor the second one more points.

    Raises:
        UserError: The order may be another one.
    """
    row = labels.ndim < 2 or labels.shape[1:] == (1,)
    if points.ndim < 2 and not row:
        why = f"{UNNAMED[0]} looks like labels, {UNNAMED[1]} like points"
    elif not row and not alone and labels.shape[1:] == points.shape[1:]:
        why = f"{UNNAMED[0]} and {UNNAMED[1]} look like points alike"
    else:
        return
    raise UserError(f"'{path}': {why}; say which is which: np.savez(file, points=..., labels=...)")


def _one(names: Sequence[str], known: Sequence[str], path: str) -> str | None:
    found = [name for name in names if name.lower() in known]
    if len(found) > 1:
        what = "points" if known is POINTS else "labels"
        raise UserError(f"'{path}' holds {' and '.join(found)}, each of which may be the {what}: keep one")
    return found[0] if found else None


def _as_pictures(points: NDArray[Any], name: str) -> tuple[NDArray[Any], str]:
    """Return points (N, d) or (N, channels, height, width), and how they were read where that isn't plain."""
    shape = points.shape
    if points.ndim == 1:
        return points[:, None], ""
    if points.ndim == 3:
        return points[:, None], f"points of shape {shape} are read as pictures of one channel"
    if points.ndim != 4:
        return points.reshape(len(points), -1), (
            f"points of shape {shape} are read as vectors" if points.ndim > 4 else ""
        )
    first, _, last = channels = shape[1:]
    if first in _COLOURS and last not in _COLOURS:
        return points, ""
    if last in _COLOURS and first not in _COLOURS:
        pictures = np.moveaxis(points, -1, 1)
        return pictures, f"points of shape {shape} are read as pictures whose colours come last"
    if first in _COLOURS:
        raise UserError(
            f"The points of {name}, of shape {shape}, may have their colours first or last: save "
            "points.reshape(len(points), -1)"
        )
    if 4 in (first, last):
        part = "points[..., :3]" if last == 4 else "points[:, :3]"
        raise UserError(
            f"The points of {name}, of shape {shape}, look like pictures with transparency (RGBA): save "
            f"{part}, or points.reshape(len(points), -1) if they are something else"
        )
    if first >= min(channels[1:]):
        raise UserError(
            f"The points of {name}, of shape {shape}, may have their channels first or last: save "
            "np.moveaxis(points, -1, 1) if they come last, or points.reshape(len(points), -1)"
        )
    return points, f"points of shape {shape} are read as pictures of {first} channels"


def _said_of_values(points: NDArray[Any]) -> str:
    """Say what values are read as, where pictures may be meant otherwise."""
    if points.dtype == np.uint8:
        return "points of type uint8 are read as [0, 1]: 255 is 1"
    if points.dtype.kind in "iu" and points.ndim > 2:
        return f"points of type {points.dtype} are read as they are: uint8 alone is brought to [0, 1]"
    return ""


def _as_labels(
    labels: NDArray[Any], name: str, target: Target | None, setting: str, default: Target | None
) -> tuple[NDArray[Any], Target, str]:
    column = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if column.dtype.kind not in _NUMBERS + _TEXT:
        raise UserError(f"The labels of {name} must be numbers or text, not {labels.dtype}")
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        raise UserError(f"The labels of {name} hold a value that is not finite (NaN or infinity)")
    kind = target or _kind(column) or default
    if kind is None:
        raise UserError(
            f"The labels of {name} are whole numbers of type {labels.dtype}, so they may be classes or "
            f"numbers: set {setting} to classes or to numbers"
        )
    if kind == "numbers":
        if column.dtype.kind in _TEXT:
            raise UserError(f"The labels of {name} are text, so {setting} can't be numbers")
        numbers = (column[:, None] if column.ndim == 1 else column).astype(np.float64)
        return numbers, "numbers", f"labels of type {labels.dtype} are read as numbers"
    return _classes(column, name, labels.dtype, setting)


def _kind(column: NDArray[Any]) -> Target | None:
    """Return what labels are by their type, shape and values; None where they may be either."""
    if column.ndim == 2:
        return "classes" if _is_one_hot(column) else "numbers"
    if column.dtype.kind != "f":
        return "classes"
    return None if bool((column == np.rint(column)).all()) else "numbers"


def _is_one_hot(columns: NDArray[Any]) -> bool:
    if columns.dtype.kind not in _NUMBERS:
        return False
    return bool(((columns == 0) | (columns == 1)).all() and (columns.sum(axis=1) == 1).all())


def _classes(
    column: NDArray[Any], name: str, dtype: np.dtype[Any], setting: str
) -> tuple[NDArray[np.int64], Target, str]:
    if column.ndim == 2:
        if not _is_one_hot(column):
            raise UserError(
                f"The labels of {name}, of shape {column.shape}, name no single class for each point: give "
                f"labels (N,), or set {setting} to numbers"
            )
        values, codes = np.unique(column.argmax(axis=1), return_inverse=True)
        empty = column.shape[1] - len(values)
        lacks = f", {empty} of their {column.shape[1]} columns left out: no point is of their class"
        return codes.astype(np.int64), "classes", "one-hot labels are read as classes" + lacks * (empty > 0)
    if column.dtype.kind == "f" and not (column == np.rint(column)).all():
        first = column[column != np.rint(column)][0]
        raise UserError(f"A label of {name} is {first}, which is not a class: {setting} may be numbers")
    values, codes = np.unique(column, return_inverse=True)
    why = (
        f"labels of type {dtype} are read as {len(values)} class{'es' * (len(values) != 1)}"
        if dtype.kind in "f" + _TEXT
        else ""
    )
    return codes.astype(np.int64), "classes", why
