"""Decoded images of a set of shards, batch by batch, for what needs arrays and no loader."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridcell.data.folder import read_image
from gridcell.data.pixels import Bytes
from gridcell.data.shards.manifest import MANIFEST, read_manifest
from gridcell.data.shards.samples import ShardSamples
from gridcell.errors import UserError
from gridcell.store.filesystem import Folder


class ShardImages:
    """All images of an imported set in their order; each iteration starts anew and holds one batch.

    Yields ``(images, labels)``: uint8 (B, H, W, 3) and int64 (B,).

    Args:
        uri: where the shards are.
        size: as for :func:`gridcell.data.folder.read_image`; None: they must be of one size.
        rows: B; the last batch may have fewer.

    Raises:
        UserError: there is no finished import at ``uri``.
    """

    def __init__(self, uri: str, size: int | None = None, rows: int = 256) -> None:
        self.samples = ShardSamples(uri)
        self._uri, self._size, self._rows = uri, size, rows

    def __iter__(self) -> Iterator[tuple[Bytes, NDArray[np.int64]]]:
        images: list[Bytes] = []
        labels: list[int] = []
        shape = None
        for shard, count in enumerate(self.samples.counts):
            for number in range(count):
                sample = self.samples.read(shard, number)
                name = f"{number} of shard {shard} of {self._uri}"
                image = read_image(io.BytesIO(sample.image), self._size, name=name)
                shape = shape or image.shape
                if image.shape != shape:
                    raise UserError(
                        f"Image {name} is {image.shape[:2]} px, others are {shape[:2]}; give a size"
                    )
                images.append(image)
                labels.append(sample.label)
                if len(images) == self._rows:
                    yield np.stack(images), np.array(labels, dtype=np.int64)
                    images, labels = [], []
        if images:
            yield np.stack(images), np.array(labels, dtype=np.int64)


def is_shards(path: str) -> bool:
    """Say whether ``path`` is meant as a set of shards: an address, or a folder with a manifest."""
    return "://" in path or (Path(path) / MANIFEST).is_file()


def shards_fingerprint(uri: str) -> str:
    """Return a SHA-256 of the manifest, which holds one of every shard.

    Raises:
        UserError: there is no finished import at ``uri``.
    """
    return hashlib.sha256(read_manifest(Folder.open(uri)).to_json()).hexdigest()
