"""Decoded images of a set of shards, batch by batch, for what needs arrays and no loader."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data.folders.decode import COLOUR, Form, Look, decode, look_at
from gridcell.data.folders.left_out import converted, said_of_case, said_of_copies
from gridcell.data.shards.manifest import MANIFEST, read_manifest
from gridcell.data.shards.samples import ShardSamples
from gridcell.errors import UserError
from gridcell.store.filesystem import Folder


class ShardImages:
    """All images of an imported set in their order; each iteration starts anew and holds one batch.

    Yields ``(images, labels)``: uint8 (B, H, W, channels), or float32 in [0, 1], and int64 (B,).

    Args:
        uri: where the shards are.
        size: side in px that images are brought to, as :func:`gridcell.data.folder.read_folder` brings them;
            None: they must be of one size.
        numbers: in a batch, at most, but for an image that has more.
        keep_grey: whether grey images keep one channel if all are grey, and then their 16 bits as float32 if
            all have them; else images are RGB.

    Raises:
        UserError: there is no finished import at ``uri``.
    """

    def __init__(
        self, uri: str, size: int | None = None, numbers: int = 1 << 20, *, keep_grey: bool = False
    ) -> None:
        self.samples = ShardSamples(uri)
        self._uri, self._size, self._numbers, self._keep_grey = uri, size, numbers, keep_grey

    @cached_property
    def form(self) -> Form:
        """Channels and bits of the images."""
        return Form.of(self.looks()) if self._keep_grey else COLOUR

    def looks(self) -> Iterator[Look]:
        """Yield what the images' headers say."""
        return (look_at(content, name) for content, _, name in self._contents())

    def said(self) -> tuple[str, ...]:
        """Say what the import and decoding change, and which images are alike, a sentence each."""
        sentences = (
            *self.samples.manifest.imported,
            converted(self.looks(), self.form, own=False, square=self._size is not None),
            said_of_case(self.samples.class_names),
            *said_of_copies(self.checksums()),
        )
        return tuple(f"{self._uri}: {sentence}" for sentence in sentences if sentence)

    def checksums(self) -> Iterator[tuple[str, str]]:
        """Yield ``<class>/<shard>/<number>`` and the checksum of each image."""
        names = self.samples.class_names
        for content, label, (shard, number) in self._numbered():
            yield f"{names[label]}/{shard}/{number}", hashlib.sha256(content).hexdigest()

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        images: list[NDArray[Any]] = []
        labels: list[int] = []
        shape = None
        for content, label, name in self._contents():
            image = decode(content, name, form=self.form, size=self._size, own=False)
            shape = shape or image.shape
            if image.shape != shape:
                raise UserError(
                    f"Image {name} is {image.shape[1]} x {image.shape[0]} px, others are "
                    f"{shape[1]} x {shape[0]} px: give a size"
                )
            images.append(image)
            labels.append(label)
            if (len(images) + 1) * image.size > self._numbers:
                yield self._scaled(images), np.array(labels, dtype=np.int64)
                images, labels = [], []
        if images:
            yield self._scaled(images), np.array(labels, dtype=np.int64)

    def _scaled(self, images: list[NDArray[Any]]) -> NDArray[Any]:
        stacked = np.stack(images)
        return stacked if self.form.bits == 8 else (stacked / 65535.0).astype(np.float32)

    def _contents(self) -> Iterator[tuple[bytes, int, str]]:
        for content, label, (shard, number) in self._numbered():
            yield content, label, f"{number} of shard {shard} of {self._uri}"

    def _numbered(self) -> Iterator[tuple[bytes, int, tuple[int, int]]]:
        for shard, count in enumerate(self.samples.counts):
            for number in range(count):
                sample = self.samples.read(shard, number)
                yield sample.image, sample.label, (shard, number)


def is_shards(path: str) -> bool:
    """Say whether ``path`` is meant as a set of shards: an address, or a folder with a manifest.

    Example:
        >>> is_shards("s3://bucket/v2")
        True
    """
    return "://" in path or (Path(path).expanduser() / MANIFEST).is_file()


def shards_fingerprint(uri: str) -> str:
    """Return a SHA-256 of the manifest, which holds one of every shard.

    Raises:
        UserError: there is no finished import at ``uri``.

    Example:
        >>> shards_fingerprint("s3://bucket/v2")[:8]  # doctest: +SKIP
        '5b1c07e2'
    """
    return hashlib.sha256(read_manifest(Folder.open(uri)).to_json()).hexdigest()
