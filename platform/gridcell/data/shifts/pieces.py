"""Images that are read piece by piece, so that a set is derived without being held."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcell.data.images import LabelledImages, select

AT_ONCE = 256
"""Images of a piece."""


@dataclass(frozen=True)
class Pool:
    """What is known of some images, and how a few of them are read.

    Attributes:
        labels: int64, shape (N,).
        class_names: Names of the whole label space.
        read: Given positions in the pool, int64, the images there, in that order.

    Example:
        >>> from gridcell.data.digits import load_digits_images
        >>> pool = Pool.of(load_digits_images(16))
        >>> [len(piece) for piece in pool.pieces()]
        [256, 256, 256, 256, 256, 256, 256, 5]
    """

    labels: NDArray[np.int64]
    class_names: Sequence[str]
    read: Callable[[NDArray[np.int64]], LabelledImages]

    @classmethod
    def of(cls, images: LabelledImages) -> "Pool":
        """Return images in memory as a pool."""
        return cls(images.labels, images.class_names, lambda positions: select(images, positions))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes of its images, ascending."""
        return tuple(np.unique(self.labels).tolist())

    def pieces(self) -> Iterator[LabelledImages]:
        """Yield all images, in their order, a piece after another."""
        for start in range(0, len(self), AT_ONCE):
            yield self.read(np.arange(start, min(len(self), start + AT_ONCE)))
