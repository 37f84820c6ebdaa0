"""Shards for PyTorch's loader: evaluation sees every sample once, training has epochs of fixed length."""

import io
import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from gridcell.data.shards.order import Position, in_order, share_of, shuffled
from gridcell.data.shards.samples import Samples
from gridcell.errors import CorruptData

if TYPE_CHECKING:
    from PIL.Image import Image

Transform = Callable[["Image"], Any]
Item = tuple[Any, int, int]  # image, label, group


class EvaluationSet(IterableDataset[Item]):
    """Every sample exactly once, over all ranks and workers, whatever their numbers and the shards' sizes.

    Ranks get runs of samples whose lengths differ by one at most; none is padded or repeated, so ranks may
    have different numbers of batches: sum counts and reduce them once, at the end.

    Yields ``(image, label, group)``: what ``transform`` returns, the label in the whole label space, and the
    index into ``samples.groups`` (-1 where there are none).

    Args:
        samples: What to read.
        transform: From a PIL image, RGB; e.g. timm's evaluation transform. None: the PIL image itself.
        batch_size: The loader's; workers are dealt whole batches, so that batches come out the same for any
            number of workers.
        rank: This process's rank.
        world_size: Number of processes that share the samples.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        samples: Samples,
        transform: Transform | None = None,
        *,
        batch_size: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        _check(batch_size, rank, world_size)
        self.samples = samples
        self.transform = transform
        self.batch_size = batch_size
        self._share = share_of(sum(samples.counts), rank, world_size)

    def __len__(self) -> int:
        """Return the number of samples of this rank."""
        return len(self._share)

    def __iter__(self) -> Iterator[Item]:
        positions = in_order(self.samples.counts, self._share)
        return _items(self.samples, self.transform, _for_this_worker(positions, self.batch_size))


class TrainingSet(IterableDataset[Item]):
    """Epochs of fixed length from an endless shuffled sequence; yields what :class:`EvaluationSet` does.

    The sequence has every sample once before any comes again (:func:`~gridcell.data.shards.order.shuffled`).
    Epoch ``e`` takes the next ``epoch_length`` samples of it, each rank a run of equal length, so that ranks
    do the same number of steps and none waits for another. What comes when is determined by the seed, the
    epoch, the rank and their number, not by the number of workers.

    Args:
        samples: What to read; at least one sample.
        transform: From a PIL image, RGB. None: the PIL image itself.
        batch_size: The loader's.
        epoch_length: Samples per epoch over all ranks, rounded up to a multiple of ``world_size``; None: as
            many as there are.
        seed: Any integer.
        rank: This process's rank.
        world_size: Number of processes that share an epoch.
        window: Shards whose samples are mixed, at least 1.

    Raises:
        ValueError: A number is out of range, or there is no sample.
    """

    def __init__(
        self,
        samples: Samples,
        transform: Transform | None = None,
        *,
        batch_size: int = 1,
        epoch_length: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        window: int = 8,
    ) -> None:
        _check(batch_size, rank, world_size)
        total = sum(samples.counts)
        length = total if epoch_length is None else epoch_length
        if min(total, length, window) < 1:
            raise ValueError(
                f"At least one sample is needed, of {total}, per epoch {length}, and a window, not {window}"
            )
        self.samples = samples
        self.transform = transform
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.window = window
        self._length = math.ceil(length / world_size)
        # In shared memory, because workers that live through several epochs hold a copy of this object.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through (Lightning calls this on samplers)."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Return the number of samples of one epoch on this rank."""
        return self._length

    def __iter__(self) -> Iterator[Item]:
        start = (int(self._epoch) * self.world_size + self.rank) * self._length
        wanted = range(start, start + self._length)
        positions = shuffled(self.samples.counts, wanted, seed=self.seed, window=self.window)
        return _items(self.samples, self.transform, _for_this_worker(positions, self.batch_size))


def loader(
    dataset: EvaluationSet | TrainingSet, *, workers: int = 0, pin_memory: bool = False, **settings: Any
) -> "DataLoader[Item]":
    """Return a loader of batches of the data set's own batch size, in its order for any number of workers.

    Args:
        dataset: With its batch size.
        workers: Processes that read and decode.
        pin_memory: Whether batches lie in page-locked memory, from where copies to a GPU are faster.
        settings: Of :class:`torch.utils.data.DataLoader`, e.g. ``drop_last``.
    """
    return DataLoader(
        dataset,
        batch_size=dataset.batch_size,
        num_workers=workers,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
        **settings,
    )


def _check(batch_size: int, rank: int, world_size: int) -> None:
    if batch_size < 1 or not 0 <= rank < world_size:
        raise ValueError(f"batch size {batch_size}, rank {rank} of {world_size} make no sense")


def _for_this_worker(positions: Iterator[Position], batch_size: int) -> Iterator[Position]:
    """Take every n-th batch, as the loader asks its n workers in turn for a batch each."""
    info = get_worker_info()
    if info is None:
        yield from positions
        return
    batch = 0
    while chunk := list(islice(positions, batch_size)):
        if batch % info.num_workers == info.id:
            yield from chunk
        batch += 1


def _items(samples: Samples, transform: Transform | None, positions: Iterator[Position]) -> Iterator[Item]:
    from PIL import Image

    for shard, number in positions:
        sample = samples.read(shard, number)
        try:
            # Opening tries one format after another: only these two occur.
            with Image.open(io.BytesIO(sample.image), formats=("JPEG", "PNG")) as opened:
                image = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise CorruptData(f"Sample {number} of shard {shard} of '{samples.name}': {error}") from error
        yield image if transform is None else transform(image), sample.label, sample.group
