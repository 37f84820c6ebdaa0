"""Writes one set of a suite piece by piece, and says what the manifest holds of it."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data.folder import add_images
from gridcell.data.images import Described, LabelledImages
from gridcell.data.suite_files import written_digest
from gridcell.errors import UserError

_CHUNK = 1 << 20


class SetWriter:
    """Writes a set piece by piece.

    The manifest's checksum begins with the number of images, so pixels wait in a file until all are there.

    Args:
        folder: Of the set, absent.
        spool: That file, which is removed at the end.
    """

    def __init__(self, folder: Path, spool: Path) -> None:
        self._folder, self._spool = folder, spool
        self._labels: list[NDArray[np.int64]] = []
        self._group_of: list[NDArray[np.int64]] = []
        self._first: LabelledImages | None = None
        self._classes: set[int] = set()
        self._count = 0

    def add(self, piece: LabelledImages) -> None:
        """Write some images behind those before."""
        first = self._first = piece if self._first is None else self._first
        if (piece.size, piece.groups) != (first.size, first.groups):
            raise UserError(f"The pieces of set '{piece.name}' differ in size or groups")
        self._spool.parent.mkdir(parents=True, exist_ok=True)
        with self._spool.open("ab") as file:
            file.write(np.ascontiguousarray(piece.images).data)
        add_images(self._folder, piece, first=self._count)
        self._labels.append(piece.labels)
        if piece.group_of is not None:
            self._group_of.append(piece.group_of)
        self._classes.update(piece.classes)
        self._count += len(piece)

    def description(self) -> dict[str, Any]:
        """Return what the manifest says of the set."""
        if self._first is None:
            raise UserError(f"Set '{self._folder.name}' has no images")
        about = Described(
            np.concatenate(self._labels),
            tuple(sorted(self._classes)),
            self._first.class_names,
            self._first.groups,
            np.concatenate(self._group_of) if self._group_of else None,
        )
        with self._spool.open("rb") as file:
            digest = about.digest(self._first.images.shape[1:], iter(partial(file.read, _CHUNK), b""))
        self._spool.unlink()
        return _describe(about, digest) | {"files": written_digest(self._folder)}


def _describe(labelled: Described, digest: str) -> dict[str, Any]:
    names = labelled.class_names
    group_of = labelled.group_of
    return {
        "images": len(labelled.labels),
        "classes": [names[label] for label in labelled.classes],
        "images_per_class": {names[c]: int(np.sum(labelled.labels == c)) for c in labelled.classes},
        "groups": {}
        if group_of is None
        else {group: np.flatnonzero(group_of == k).tolist() for k, group in enumerate(labelled.groups)},
        "sha256": digest,
    }
