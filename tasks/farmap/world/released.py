"""The authors' own maps, read from their pickle without executing anything that is in it.

The file is a pickled list of arrays of shape (3, height, width): an image of the floor plan, a square a
pixel, each wall square with a colour of its own, free squares black. What a file holds is said by
``python -m farmap.world.released FILE``.
"""

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farmap.world.layout import FreeMask, components
from farmap.world.maps import World, paint
from gridcell import UserError

LARGEST = 2**30  # bytes of a file that is read

_NUMBERS = "biuf"  # NumPy's kinds of type that a map may have


@dataclass(frozen=True)
class ReleasedMaps:
    """What a file holds.

    Attributes:
        worlds: by number in the file, from 0.
        left_out: number -> why there is no world of it.
        dropped: number -> free squares that were dropped, for they are not joined with the largest part.
    """

    worlds: Mapping[int, World]
    left_out: Mapping[int, str]
    dropped: Mapping[int, int]

    def summary(self) -> str:
        """Return what was read, in one sentence."""
        cells = [world.visible_cells for world in self.worlds.values()]
        text = f"{len(cells)} maps of {min(cells):,} to {max(cells):,} visible cells"
        if self.dropped:
            text += f"; free squares apart from the largest part were dropped in {len(self.dropped)} of them"
        if self.left_out:
            first = next(iter(self.left_out))
            text += f"; {len(self.left_out)} left out (the first, {first}: {self.left_out[first]})"
        return text


def read_released(path: Path, scale: int = 3) -> ReleasedMaps:
    """Read the authors' maps.

    Args:
        path: of the pickle.
        scale: cells per side of a square; theirs is 3.

    Raises:
        UserError: there is no such file, it is no pickle, asks for anything but NumPy arrays, or holds no
        list of
            (3, height, width) arrays.
    """
    worlds, left_out, dropped = {}, {}, {}
    arrays = _arrays(path)
    for number, array in enumerate(arrays):
        free = _free(array)
        if isinstance(free, str):
            left_out[number] = free
            continue
        worlds[number] = _world(free, scale)
        apart = int(free.sum()) - int((worlds[number].colours == 0).sum()) // scale**2
        if apart:
            dropped[number] = apart
    if not worlds:
        raise UserError(f"The file '{path}' holds no map: the first is left out, {left_out[0]}")
    return ReleasedMaps(worlds, left_out, dropped)


def released_world(path: Path, number: int, scale: int = 3) -> World:
    """Read one of the authors' maps; see ``read_released``.

    Raises:
        UserError: as there, or there is no map of that number.
    """
    arrays = _arrays(path)
    free = _free(arrays[number]) if number < len(arrays) else "it is not there"
    if isinstance(free, str):
        raise UserError(f"The file '{path}' has no map {number}: {free}")
    return _world(free, scale)


def _world(free: FreeMask, scale: int) -> World:
    return paint(max(components(free, 0), key=np.sum), scale)


def _arrays(path: Path) -> Sequence[Any]:
    if not path.is_file():
        raise UserError(f"There is no file of released maps '{path}': set released.path to your copy")
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _read(path: Path, changed: int, size: int) -> Sequence[Any]:
    """Read a file once for all of its maps, as long as it doesn't change."""
    if size > LARGEST:
        raise UserError(f"The file '{path}' has more than {LARGEST // 2**20} MiB: it is no list of maps")
    try:
        found = _ArraysOnly(io.BytesIO(path.read_bytes())).load()
    except _Refused as error:
        raise UserError(
            f"The file '{path}' asks for {error} when it is read, which maps don't need: it was not read"
        ) from error
    except Exception as error:  # a damaged pickle raises almost anything
        raise UserError(f"The file '{path}' can't be read: it is damaged, or no pickle of arrays") from error
    if not isinstance(found, list | tuple) or not found:
        raise UserError(f"The file '{path}' holds a {type(found).__name__}, not a list of maps")
    return found


def _free(array: Any) -> FreeMask | str:
    """Return which squares are free, or why this is no map."""
    if not isinstance(array, np.ndarray):
        return f"it is a {type(array).__name__}"
    if array.ndim != 3 or array.shape[0] != 3:
        return f"its shape is {array.shape}, not (3, height, width)"
    if array.dtype.kind not in _NUMBERS:
        return f"it holds {array.dtype}"
    free: FreeMask = (array == 0).all(axis=0)
    return free if free.any() else "it has no free (black) square"


class _Refused(pickle.UnpicklingError):
    pass


class _StandIn:
    """What a pickle gets instead of a function or class: nothing but a call can be made of it.

    Args:
        make: what the call does; None: it may be named, but not called.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any] | None = None) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        if self._make is None:
            raise _Refused("numpy.ndarray itself")
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("to change a function")


_NDARRAY = _StandIn()


def _array(kind: Any, *_: Any) -> NDArray[Any]:
    """Stand in for ``numpy._core.multiarray._reconstruct``: an empty array whose state comes next."""
    if kind is not _NDARRAY:
        raise _Refused("a subclass of numpy.ndarray")
    return np.zeros(0, np.int8)


def _dtype(name: Any, *_: Any) -> np.dtype[Any]:
    """Stand in for ``numpy.dtype``: numbers alone, and a copy, for a state is set on it."""
    dtype = np.dtype(str(name), copy=True)
    if dtype.kind not in _NUMBERS:
        raise _Refused(f"an array of {dtype}")
    return dtype


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    """Stand in for ``numpy._core.numeric._frombuffer``, which protocol 5 uses."""
    if not isinstance(dtype, np.dtype) or dtype.kind not in _NUMBERS:
        raise _Refused("an array of objects")
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


def _latin(text: str, encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``, by which protocols 0 to 2 of Python 3 write bytes."""
    if encoding != "latin1":
        raise _Refused(f"the encoding {encoding}")
    return text.encode("latin1")


_ALLOWED: Mapping[tuple[str, str], _StandIn] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _StandIn(_array) for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _StandIn(_from_buffer) for core in ("core", "_core")},
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _StandIn(_dtype),
    ("_codecs", "encode"): _StandIn(_latin),
}
"""All that a pickle of numeric arrays names, and what it gets."""


class _ArraysOnly(pickle.Unpickler):
    """Builds lists, tuples, numbers, text and numeric arrays; anything else is refused."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")  # as NumPy's documentation says for files of Python 2

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _Refused(f"{module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an object from outside the file")


if __name__ == "__main__":
    import sys

    try:
        sys.stdout.write(read_released(Path(sys.argv[1])).summary() + "\n")
    except UserError as error:
        sys.exit(str(error))
