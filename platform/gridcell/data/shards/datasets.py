"""Stored images for PyTorch: evaluation sees every image once, training all of them once an epoch."""

import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gridcell.data.shards.order import share_of, shuffled
from gridcell.data.shards.samples import Samples
from gridcell.errors import CorruptData
from gridcell.learn.batches import Batches

if TYPE_CHECKING:
    from gridcell.data.labelled import Prepare

WINDOW = 8  # shards whose samples are mixed in training


class DecodedImages(Dataset[Any]):
    """The images of a set by number, decoded and prepared; for a loader's processes or for this one.

    Args:
        samples: What to read.
        prepare: What is done to each image.
    """

    def __init__(self, samples: Samples, prepare: "Prepare") -> None:
        self.samples = samples
        self.prepare = prepare
        self._starts = np.cumsum([0, *samples.counts])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """Return an image and its label.

        Raises:
            CorruptData: It can't be decoded; names the file.
        """
        from PIL import Image

        shard = int(np.searchsorted(self._starts, number, side="right")) - 1
        place = int(number - self._starts[shard])
        sample = self.samples.read(shard, place)
        try:
            # Opening tries one format after another: only these two occur.
            with Image.open(io.BytesIO(sample.image), formats=("JPEG", "PNG")) as opened:
                image = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            file = self.samples.file(shard, place)
            raise CorruptData(f"Image {file} of set '{self.samples.name}' can't be read: {error}") from error
        return torch.from_numpy(np.require(self.prepare(image), requirements=("C", "W"))), sample.label

    def __getitems__(self, numbers: list[int]) -> "list[tuple[Tensor, int]] | CorruptData":
        """Return a batch; an error as a value, since a loader's process would bury it in a traceback."""
        try:
            return [self[number] for number in numbers]
        except CorruptData as error:
            return error


class StoredBatches:
    """Batches of stored images, read ahead by processes; used like :class:`gridcell.learn.batches.Batches`.

    Each batch is ``(images, labels)``: what ``prepare`` returns, stacked, and the labels in the whole label
    space, int64 of shape ``(B,)``. What comes when follows from the arguments and the epoch, not from
    ``loaders``.

    Args:
        samples: What to read.
        prepare: From a PIL image, RGB, to an array of one shape.
        batch_size: Images per batch and process, at least 1.
        wanted: Numbers of the images to read, ascending; None: all.
        shuffle: Whether to train: in a new order each epoch, ranks sharing each global batch as those of
            ``Batches`` do. False: to evaluate, each image once, each rank a run of them.
        seed: Seed of the shuffling.
        rank: This process's rank.
        world_size: Number of processes that share the images.
        loaders: Processes that read and decode; 0: this one does.
        pin_memory: Whether batches lie in page-locked memory; by default where there is a GPU.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        samples: Samples,
        prepare: "Prepare",
        *,
        batch_size: int,
        wanted: NDArray[np.int64] | None = None,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        loaders: int = 0,
        pin_memory: bool | None = None,
    ) -> None:
        if batch_size < 1 or not 0 <= rank < world_size:
            raise ValueError(f"batch size {batch_size}, rank {rank} of {world_size} make no sense")
        self.sampler = _Order(samples.counts, wanted, shuffle, seed, batch_size, rank, world_size)
        self._loader = DataLoader(
            DecodedImages(samples, prepare),
            batch_sampler=self.sampler,
            collate_fn=_collated,
            num_workers=loaders,
            persistent_workers=loaders > 0,
            pin_memory=torch.cuda.is_available() if pin_memory is None else pin_memory,
        )

    def __len__(self) -> int:
        """Return the number of batches of this rank."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # A generator on purpose: Lightning makes the first epoch's iterator before it sets the epoch, and
        # a loader's processes would begin to read at once.
        for batch in self._loader:
            if isinstance(batch, CorruptData):
                raise batch
            yield batch


class _Order:
    """Numbers of the images of each batch, of the epoch that Lightning sets."""

    def __init__(
        self,
        counts: Sequence[int],
        wanted: NDArray[np.int64] | None,
        shuffle: bool,
        seed: int,
        batch_size: int,
        rank: int,
        world_size: int,
    ) -> None:
        self.counts, self.wanted = counts, wanted
        self.shuffle, self.seed = shuffle, seed
        self.batch_size, self.rank, self.world_size = batch_size, rank, world_size
        self.size = sum(counts) if wanted is None else len(wanted)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        if not self.shuffle:
            return math.ceil(len(share_of(self.size, self.rank, self.world_size)) / self.batch_size)
        return len(self._dealt(np.arange(self.size)))

    def __iter__(self) -> Iterator[list[int]]:
        if self.shuffle:
            order = shuffled(self.counts, seed=self.seed, epoch=self.epoch, window=WINDOW)
            if self.wanted is not None:
                order = order[np.isin(order, self.wanted)]
            for (batch,) in self._dealt(order):
                yield batch.tolist()
            return
        share = share_of(self.size, self.rank, self.world_size)
        for start in range(share.start, share.stop, self.batch_size):
            numbers = np.arange(start, min(share.stop, start + self.batch_size))
            yield (numbers if self.wanted is None else self.wanted[numbers]).tolist()

    def _dealt(self, order: NDArray[np.int64]) -> Batches:
        """Deal an order to the ranks by the one rule for training, that of images in memory."""
        return Batches(
            order,
            batch_size=self.batch_size,
            shuffle=False,
            rank=self.rank,
            world_size=self.world_size,
            pin_memory=False,
        )


def _collated(items: "list[tuple[Tensor, int]] | CorruptData") -> "tuple[Tensor, Tensor] | CorruptData":
    if isinstance(items, CorruptData):
        return items
    return torch.stack([image for image, _ in items]), torch.tensor([label for _, label in items])
