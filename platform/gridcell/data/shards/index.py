"""The label and group of every sample of a set, without its images."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gridcell.errors import CorruptData


@dataclass(frozen=True, eq=False)
class SampleIndex:
    """What is known of a set's samples, in their order through all shards.

    Attributes:
        labels: int16, shape (N,), in the whole label space.
        groups: int16, shape (N,), index into the set's groups; -1 where it has none.
    """

    labels: NDArray[np.int16]
    groups: NDArray[np.int16]

    @classmethod
    def of(cls, labels: Sequence[int], groups: Sequence[int]) -> Self:
        """Make an index of numbers, one a sample."""
        return cls(np.array(labels, dtype=np.int16), np.array(groups, dtype=np.int16))

    def to_bytes(self) -> bytes:
        """Return the content of ``index.npz``, the same for equal indices."""
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, labels=self.labels, groups=self.groups)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Self:
        """Read what :meth:`to_bytes` wrote; ``where`` it was read from is for error messages.

        Raises:
            CorruptData: It is damaged.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return cls(arrays["labels"], arrays["groups"])
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise CorruptData(f"{where} is damaged: {error}") from error
