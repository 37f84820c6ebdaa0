"""Labelled images that stay where they are: in shards, or in a folder as published."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridcell.data.folders.readers import Reader
from gridcell.data.photographs import photographs
from gridcell.data.shards.order import places_by_name
from gridcell.data.shards.samples import Samples, open_samples
from gridcell.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gridcell.data.prepare import Prepare
    from gridcell.data.shards.datasets import EvaluationOrder, StoredBatches, StoredValues, TrainingOrder


@dataclass(frozen=True, eq=False)
class StoredImages:
    """A labelled set whose images are read when they are needed; see ``gridcell.data.image_set``.

    Attributes:
        name: Of the set, an importer's.
        uri: Of the set's folder; None where only what is known without the images is wanted.
        content: Hash of what the set holds: other images at ``uri`` are refused.
        labels: int64, shape (N,).
        classes: Labels of the images, ascending.
        class_names: The whole label space.
        groups: Names of the set's parts.
        group_of: int64, shape (N,), or None.
        alternatives: Label -> further classes that are right too.
        numbers: int64, shape (N,), ascending: which of the images at ``uri`` these are; None: all.
        loaders: Processes that read and decode batches; 0: the one that asks for them.
        importer: That stored the set, where it has another name than the set.
        label_of: int64, shape (L,): label in the stored set -> label here; None: the same.
        reader: Which library decodes and resizes its images; see :mod:`gridcell.data.folders.readers`.
        part_of: The set that these images were selected from; None: they are a whole set.
    """

    name: str
    uri: str | None
    content: str
    labels: NDArray[np.int64]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    groups: tuple[str, ...]
    group_of: NDArray[np.int64] | None
    alternatives: Mapping[int, tuple[int, ...]]
    numbers: NDArray[np.int64] | None = None
    loaders: int = 0
    importer: str = ""
    label_of: NDArray[np.int64] | None = None
    reader: Reader = "pil"
    part_of: "StoredImages | None" = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def photographs(self) -> NDArray[np.int64] | None:
        """Numbers that are equal for images of one photograph, int64 of shape (N,).

        ImageNet-C shows each photograph under every corruption and severity. None where the set has no
        groups, or they show different ones, as where corrupt images were left out.
        """
        if self.part_of is not None:
            whole = self.part_of.photographs
            return None if whole is None else whole[self.numbers]
        if self.group_of is None:
            return None
        places = places_by_name(self.group_of, self.groups, self.importer or self.name)
        return photographs(self.labels, self.group_of, places)

    def select(self, indices: ArrayLike) -> "StoredImages":
        """Return the images at ``indices``, ascending and without repeats."""
        index = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            labels=self.labels[index],
            classes=tuple(np.unique(self.labels[index]).tolist()),
            group_of=None if self.group_of is None else self.group_of[index],
            numbers=index if self.numbers is None else self.numbers[index],
            part_of=self.part_of or self,
        )

    def training_batches(
        self,
        batch_size: int,
        prepare: "Prepare",
        *,
        seed: int,
        beside: "Tensor | None" = None,
        **parts: int,
    ) -> "StoredBatches":
        """Return shuffled batches of images, and labels, or labels and what is beside them."""
        samples = self.samples()
        order = self._order(samples, batch_size, seed, parts)
        return self._batches(samples, prepare, order, beside)

    def training_values(
        self, values: "Tensor", batch_size: int, *, seed: int, **parts: int
    ) -> "StoredValues":
        """Return shuffled batches of values, shape (N, ...), and labels; no image is read."""
        import torch

        from gridcell.data.shards.datasets import Rows, StoredValues

        order = self._order(self.samples(), batch_size, seed, parts)
        return StoredValues(Rows(self.numbers, values, torch.from_numpy(self.labels)), order)

    def _order(
        self, samples: Samples, batch_size: int, seed: int, parts: Mapping[str, int]
    ) -> "TrainingOrder":
        from gridcell.data.shards.datasets import TrainingOrder

        return TrainingOrder(samples.counts, self.numbers, batch_size=batch_size, seed=seed, **parts)

    def evaluation_batches(
        self, batch_size: int, prepare: "Prepare", share: range | None = None
    ) -> "StoredBatches":
        """Return batches of each image once."""
        from gridcell.data.shards.datasets import EvaluationOrder

        samples = self.samples()
        own = range(len(self)) if share is None else share
        numbers = (
            np.arange(own.start, own.stop) if self.numbers is None else self.numbers[own.start : own.stop]
        )
        order = EvaluationOrder(numbers, batch_size)
        return self._batches(samples, prepare, order)

    def _batches(
        self,
        samples: Samples,
        prepare: "Prepare",
        order: "TrainingOrder | EvaluationOrder",
        beside: "Tensor | None" = None,
    ) -> "StoredBatches":
        from gridcell.data.shards.datasets import Rows, StoredBatches

        return StoredBatches(
            samples,
            prepare,
            order,
            loaders=self.loaders,
            label_of=self.label_of,
            reader=self.reader,
            beside=None if beside is None else Rows(self.numbers, beside),
        )

    def pixels(self, prepare: "Prepare") -> "StoredPixels":
        """Return the images for reading a few of them by number."""
        return StoredPixels(self, prepare)

    def samples(self) -> Samples:
        """Return the images' reader, opened once a process.

        Raises:
            UserError: They are not there, or others are.
        """
        if self.uri is None:
            raise UserError(f"The setting 'data.root' must name the folder that holds set '{self.name}'")
        return _opened(self.importer or self.name, self.uri, self.content)


class StoredPixels:
    """Some images of a stored set by number, read in this process."""

    def __init__(self, images: StoredImages, prepare: "Prepare") -> None:
        from gridcell.data.shards.datasets import DecodedImages

        self._decoded = DecodedImages(images.samples(), prepare, reader=images.reader)
        self._numbers = np.arange(len(images)) if images.numbers is None else images.numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, numbers: "Tensor") -> "Tensor":
        """Return the images at ``numbers``, stacked."""
        import torch

        return torch.stack([self._decoded[int(n)][0] for n in self._numbers[numbers.numpy()]])


@lru_cache(maxsize=16)
def _opened(name: str, uri: str, content: str) -> Samples:
    samples = open_samples(name, uri)
    if samples.content != content:
        raise UserError(f"The set '{name}' at {uri} changed since the run was planned: plan it again")
    return samples


def read_stored(name: str, uri: str, content: str) -> StoredImages:
    """Open a set and read the label and group of each image, but no image.

    Args:
        name: An importer, e.g. ``v2``.
        uri: Of the set's own folder.
        content: What it is to hold; see ``Samples.content``.

    Raises:
        UserError: It isn't there, or holds something else.
        CorruptData: Its manifest or index is damaged, or a shard is missing.

    Example:
        >>> with_content = open_samples("v2", "s3://bucket/v2")  # doctest: +SKIP
        >>> len(read_stored("v2", "s3://bucket/v2", with_content.content))  # doctest: +SKIP
        10000
    """
    samples = _opened(name, uri, content)
    index = samples.index()
    return StoredImages(
        name=name,
        uri=uri,
        content=content,
        labels=index.labels.astype(np.int64),
        classes=samples.classes,
        class_names=samples.class_names,
        groups=samples.groups,
        group_of=index.groups.astype(np.int64) if samples.groups else None,
        alternatives=samples.alternatives,
    )


def relabelled(images: StoredImages, name: str, class_names: Sequence[str]) -> StoredImages:
    """Return a set under another name and in another label space, which has all its classes by their names.

    Args:
        images: The set, as :func:`read_stored` read it.
        name: The new one.
        class_names: The new label space.

    Raises:
        UserError: A class of the set is not in it, or the set has classes with further right answers, whose
            labels would not be the same.

    Example:
        >>> relabelled(images, "pets", ["cat", "dog", "horse"])  # doctest: +SKIP
    """
    names = tuple(class_names)
    renamed = replace(images, name=name, importer=images.name)
    if names == images.class_names:
        return renamed
    place = {known: label for label, known in enumerate(names)}
    missing = [
        images.class_names[label] for label in images.classes if images.class_names[label] not in place
    ]
    if missing or images.alternatives:
        raise UserError(
            f"Set '{name}' can't be read with other classes than its own"
            + (f": '{missing[0]}' is not among them" if missing else "")
        )
    label_of = np.array([place.get(known, -1) for known in images.class_names], dtype=np.int64)
    labels = label_of[images.labels]
    return replace(
        renamed,
        labels=labels,
        classes=tuple(np.unique(labels).tolist()),
        class_names=names,
        label_of=label_of,
    )


def save_index(path: Path, images: StoredImages) -> None:
    """Write all that is known of a set without its images, and not where they are, to one ``.npz``.

    Example:
        >>> save_index(Path("index.npz"), read_stored("v2", "s3://bucket/v2", content))  # doctest: +SKIP
    """
    about = {
        "name": images.name,
        "content": images.content,
        "classes": images.classes,
        "class_names": images.class_names,
        "groups": images.groups,
        "alternatives": list(images.alternatives.items()),
        **({"importer": images.importer} if images.importer else {}),
        **({} if images.reader == "pil" else {"reader": images.reader}),
        **({} if images.label_of is None else {"label_of": images.label_of.tolist()}),
    }
    arrays = {"about": np.array(json.dumps(about)), "labels": images.labels.astype(np.int16)}
    if images.group_of is not None:
        arrays["group_of"] = images.group_of.astype(np.int16)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_index(path: Path, uri: str | None = None, *, loaders: int = 0) -> StoredImages:
    """Read what :func:`save_index` wrote.

    Args:
        path: The file, as the store has checked it.
        uri: Where the images are on this machine.
        loaders: See :class:`StoredImages`.

    Example:
        >>> load_index(Path("index.npz"), "s3://bucket/v2")  # doctest: +SKIP
    """
    with np.load(path, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        return StoredImages(
            name=about["name"],
            uri=uri,
            content=about["content"],
            labels=arrays["labels"].astype(np.int64),
            classes=tuple(about["classes"]),
            class_names=tuple(about["class_names"]),
            groups=tuple(about["groups"]),
            group_of=arrays["group_of"].astype(np.int64) if "group_of" in arrays else None,
            alternatives={label: tuple(others) for label, others in about["alternatives"]},
            loaders=loaders,
            importer=about.get("importer", ""),
            reader=about.get("reader", "pil"),
            label_of=np.array(about["label_of"], dtype=np.int64) if "label_of" in about else None,
        )
