"""Right and wrong answers, eight a byte: a report holds those of thousands of evaluations at once."""

import io
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

_NPY_1_0 = b"\x93NUMPY\x01\x00"
"""The first bytes of an ``.npy`` file of version 1.0, whose header's length follows in two bytes."""


class PackedAnswers(Mapping[str, NDArray[np.bool_]]):
    """Set name -> bool array, shape (images,), which is unpacked anew each time it is asked for.

    Set c of ImageNet-C has 3.75 million images: as an array of its own, each evaluation's answers take 3.75
    MB, packed 0.47.

    Args:
        answers: bool arrays by set, or packed ones; of a set that several have, the last one's count.
    """

    def __init__(self, *answers: Mapping[str, NDArray[np.bool_]]) -> None:
        self._packed: dict[str, tuple[NDArray[np.uint8], int]] = {}  # bytes, and how many answers they are
        for some in answers:
            self._packed |= (
                some._packed
                if isinstance(some, PackedAnswers)
                else {name: (np.packbits(right), len(right)) for name, right in some.items()}
            )

    def __getitem__(self, name: str) -> NDArray[np.bool_]:
        packed, size = self._packed[name]
        return np.unpackbits(packed, count=size).astype(bool)

    def __contains__(self, name: object) -> bool:
        return name in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def size(self, name: str) -> int:
        """Return how many answers there are on a set."""
        return self._packed[name][1]

    def only(self, names: Container[str]) -> "PackedAnswers":
        """Return those on some sets."""
        found = PackedAnswers()
        found._packed = {name: packed for name, packed in self._packed.items() if name in names}
        return found

    def count(self, name: str, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many answers are right in each run of images, without unpacking them.

        Args:
            name: of the set.
            starts: where the runs begin, int64, shape (runs,), ascending, the first 0; each ends where the
                next begins, the last with the set.

        Example:
            >>> PackedAnswers({"c": np.array([1, 1, 0, 1, 0], bool)}).count("c", np.array([0, 3])).tolist()
            [2, 1]
        """
        packed, size = self._packed[name]
        before_byte = np.concatenate([[0], np.cumsum(np.bitwise_count(packed), dtype=np.int64)])
        places = np.append(starts, size)
        byte, bit = places // 8, places % 8
        begun = np.append(packed, np.uint8(0))[byte] >> (8 - bit)  # of the byte that a run begins within
        return np.diff(before_byte[byte] + np.bitwise_count(begun))

    def write(self, path: Path) -> None:
        """Write them to one ``.npz``."""
        arrays: dict[str, Any] = {name: packed for name, (packed, _) in self._packed.items()}
        arrays |= {f"{name}.size": np.array(size) for name, (_, size) in self._packed.items()}
        np.savez(path, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> "PackedAnswers":
        """Read what ``write`` wrote."""
        answers = cls()
        with ZipFile(path) as file:
            arrays = {name.removesuffix(".npy"): _array(file.read(name)) for name in file.namelist()}
        names = [name for name in arrays if not name.endswith(".size")]
        answers._packed = {name: (arrays[name], int(arrays[f"{name}.size"])) for name in names}
        return answers


def _array(raw: bytes) -> NDArray[Any]:
    """Return the array of an ``.npy`` file's bytes; its header is read once of all files that share it.

    A report reads a hundred thousand small arrays, of which NumPy would take most time for their headers.
    """
    start = 10 + int.from_bytes(raw[8:10], "little")
    if raw[:8] != _NPY_1_0 or (shape_and_type := _header(raw[:start])) is None:
        whole: NDArray[Any] = np.load(io.BytesIO(raw), allow_pickle=False)
        return whole
    shape, dtype = shape_and_type
    return np.frombuffer(raw, dtype, offset=start).reshape(shape)


@lru_cache(maxsize=4096)
def _header(head: bytes) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    """Return shape and type of an array in C order; None of any other, and of objects."""
    file = io.BytesIO(head)
    np.lib.format.read_magic(file)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    return None if fortran or dtype.hasobject else (shape, dtype)
