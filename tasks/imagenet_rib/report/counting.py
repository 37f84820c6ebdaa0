"""Right answers counted by group, mostly without unpacking them: a report counts a hundred thousand times."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.metrics import IntArray

Answers = Mapping[str, npt.NDArray[np.bool_]]
"""Set name -> right or wrong, bool, shape (images,)."""


class Counts(NamedTuple):
    """How many answers on a set are right in each group; a set without groups is one group.

    Attributes:
        right: right answers, int64, shape (largest group + 1,).
        sizes: images, int64, of the same shape.
    """

    right: IntArray
    sizes: IntArray


class StoredAnswers(Answers):
    """Answers that are read from their file each time they are asked for.

    Packed, those of one model on a published set of 3.75 million images take half a megabyte: of the
    thousands of evaluations of a suite, memory holds the counts alone.

    Args:
        files: set name -> what reads the file that holds the answers on it.
    """

    def __init__(self, files: Mapping[str, Callable[[], PackedAnswers]]) -> None:
        self._files = dict(files)

    def __getitem__(self, name: str) -> npt.NDArray[np.bool_]:
        return self._files[name]()[name]

    def __contains__(self, name: object) -> bool:  # Mapping's own would read the file
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def count(correct: Answers, groups: Mapping[str, IntArray]) -> dict[str, Counts]:
    """Count the right answers on every set.

    Args:
        correct: the answers.
        groups: set name -> group of each image, int >= 0, shape (images,), of the sets that have groups. The
            arrays are not changed as long as they live.
    """
    packed = correct if isinstance(correct, PackedAnswers) else PackedAnswers(correct)
    return {name: _count(packed, name, groups.get(name)) for name in packed}


def _count(packed: PackedAnswers, name: str, groups: IntArray | None) -> Counts:
    if groups is None or len(groups) != packed.size(name):  # the caller names what does not fit
        whole = np.zeros(1, dtype=np.int64)
        return Counts(packed.count(name, whole), np.array([packed.size(name)]))
    layout = _layout(_ById(groups))
    if layout.starts is None:
        right = np.bincount(groups[packed[name]], minlength=len(layout.sizes))
    else:
        right = np.zeros(len(layout.sizes), dtype=np.int64)
        right[groups[layout.starts]] = packed.count(name, layout.starts)
    return Counts(right, layout.sizes)


@dataclass(frozen=True)
class _Layout:
    """How a set's images lie in groups.

    Attributes:
        sizes: images of each group.
        starts: where the groups begin, if the images of each stand together in the order of the groups.
    """

    sizes: IntArray
    starts: IntArray | None


class _ById:
    """An array as a key: the same object is the same array."""

    def __init__(self, array: IntArray) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.array is self.array

    def __hash__(self) -> int:
        return id(self.array)


@lru_cache(maxsize=64)
def _layout(key: _ById) -> _Layout:
    groups = key.array
    steps = np.diff(groups)
    together = len(groups) > 0 and not (steps < 0).any()
    return _Layout(np.bincount(groups), np.append(0, np.flatnonzero(steps) + 1) if together else None)
