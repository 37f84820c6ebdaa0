"""Right and wrong answers, eight a byte: a report holds those of thousands of evaluations at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


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

    def write(self, path: Path) -> None:
        """Write them to one ``.npz``."""
        arrays: dict[str, Any] = {name: packed for name, (packed, _) in self._packed.items()}
        arrays |= {f"{name}.size": np.array(size) for name, (_, size) in self._packed.items()}
        np.savez(path, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> "PackedAnswers":
        """Read what ``write`` wrote."""
        answers = cls()
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if not name.endswith(".size")]
            answers._packed = {name: (file[name], int(file[f"{name}.size"])) for name in names}
        return answers
