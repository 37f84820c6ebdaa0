"""Stored images for PyTorch: evaluation sees every image once, training all of them once an epoch."""

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gridcell.data.batches import Batches
from gridcell.data.folders.decode import Unreadable, published_rgb
from gridcell.data.folders.readers import Reader, published_tensor
from gridcell.data.shards.order import shuffled
from gridcell.data.shards.samples import Samples
from gridcell.errors import CorruptData

if TYPE_CHECKING:
    from gridcell.data.prepare import Prepare

WINDOW = 8  # shards whose samples are mixed in training


class DecodedImages(Dataset[Any]):
    """The images of a set by number, decoded and prepared; for a loader's processes or for this one.

    Args:
        samples: What to read.
        prepare: What is done to each image.
        label_of: int64, shape (L,): stored label -> label given; None: the same.
        reader: Which library decodes; see :mod:`gridcell.data.folders.readers`.
    """

    def __init__(
        self,
        samples: Samples,
        prepare: "Prepare",
        label_of: NDArray[np.int64] | None = None,
        reader: Reader = "pil",
    ) -> None:
        self.samples = samples
        self.prepare = prepare
        self.label_of = label_of
        self.reader = reader
        self._starts = np.cumsum([0, *samples.counts])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """Return an image and its label.

        Raises:
            CorruptData: It can't be decoded; names the file.
        """
        shard = int(np.searchsorted(self._starts, number, side="right")) - 1
        place = int(number - self._starts[shard])
        sample = self.samples.read(shard, place)
        try:
            decode = published_rgb if self.reader == "pil" else published_tensor
            image = decode(sample.image, "")
        except Unreadable as error:
            file = self.samples.file(shard, place)
            raise CorruptData(
                f"Image {file} of set '{self.samples.name}' can't be read: {error.why}"
            ) from error
        label = sample.label if self.label_of is None else int(self.label_of[sample.label])
        return self.prepare(image), label

    def __getitems__(self, numbers: list[int]) -> "list[tuple[Tensor, int]] | CorruptData":
        """Return a batch; an error as a value, since a loader's process would bury it in a traceback."""
        try:
            return [self[number] for number in numbers]
        except CorruptData as error:
            return error


class TrainingOrder:
    """Numbers of the images in each batch of an epoch: all of them once, in an order of the epoch's own.

    Args:
        counts: Number of samples in each shard.
        wanted: Numbers of the images to train on; None: all.
        batch_size: See :class:`gridcell.data.batches.Batches`, by whose rule processes share batches.
        seed: Seed of the orders.
        parts: ``rank``, ``world_size`` and what else ``Batches`` takes to divide a batch.
    """

    def __init__(
        self,
        counts: Sequence[int],
        wanted: NDArray[np.int64] | None = None,
        *,
        batch_size: int,
        seed: int,
        **parts: int,
    ) -> None:
        self.counts, self.wanted, self.seed = counts, wanted, seed
        self._divided = partial(Batches, batch_size=batch_size, shuffle=False, pin_memory=False, **parts)
        self._length = len(self._divided(np.arange(sum(counts) if wanted is None else len(wanted))))
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        order = shuffled(self.counts, seed=self.seed, epoch=self.epoch, window=WINDOW)
        if self.wanted is not None:
            order = order[np.isin(order, self.wanted)]
        yield from self._divided(order)


class EvaluationOrder:
    """Numbers of the images in each batch: those given, each once.

    Args:
        numbers: int64, shape (N,); a process's share of them, where several evaluate.
        batch_size: Images per batch, at least 1.
    """

    def __init__(self, numbers: NDArray[np.int64], batch_size: int) -> None:
        self._batches = Batches(numbers, batch_size=batch_size, shuffle=False, pin_memory=False)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        yield from self._batches


class Rows:
    """Rows of tensors, one for each of some stored images, found by the images' numbers.

    Args:
        wanted: int64, shape (N,), ascending: numbers of those images; None: all.
        tensors: Each of shape (N, ...).
    """

    def __init__(self, wanted: NDArray[np.int64] | None, *tensors: Tensor) -> None:
        self._wanted, self._tensors = wanted, tensors

    def of(self, numbers: Tensor) -> tuple[Tensor, ...]:
        """Return the rows of stored images, by their numbers, int64 of shape (B,), all of them wanted."""
        places = numbers
        if self._wanted is not None:
            places = torch.from_numpy(np.searchsorted(self._wanted, numbers.numpy()))
        return tuple(tensor.index_select(0, places) for tensor in self._tensors)


class StoredValues:
    """Batches of values in an order of stored images; no image is read.

    Args:
        rows: Of values and labels.
        order: Numbers of the images in each batch.
    """

    def __init__(self, rows: Rows, order: TrainingOrder) -> None:
        self.sampler = order
        self._rows = rows
        self._first = 0

    def __len__(self) -> int:
        """Return the number of batches of this process."""
        return len(self.sampler)

    def start_at(self, batch: int) -> None:
        """Let the next iteration leave out what comes before this batch of its epoch, counted from 0."""
        self._first = batch

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        first, self._first = self._first, 0
        for numbers, *rest in islice(self.sampler, first, None):
            yield *self._rows.of(numbers), *rest


class StoredBatches:
    """Batches of stored images, read ahead by processes; used like :class:`gridcell.data.batches.Batches`.

    Each batch is ``(images, labels)``: what ``prepare`` returns, stacked, and the labels in the whole label
    space, int64 of shape ``(B,)``; then whatever else the order says of the batch. What comes when is the
    order's alone, for any number of processes.

    Args:
        samples: What to read.
        prepare: From a PIL image, RGB, to a tensor of one shape.
        order: Numbers of the images in each batch.
        loaders: Processes that read and decode; 0: this one does.
        pin_memory: Whether batches lie in page-locked memory; by default where there is a GPU.
        label_of: See :class:`DecodedImages`.
        reader: See :class:`DecodedImages`.
        beside: Rows that a batch has beside its labels: ``(labels, *rows)`` in place of labels.
    """

    def __init__(
        self,
        samples: Samples,
        prepare: "Prepare",
        order: TrainingOrder | EvaluationOrder,
        *,
        loaders: int = 0,
        pin_memory: bool | None = None,
        label_of: NDArray[np.int64] | None = None,
        reader: Reader = "pil",
        beside: Rows | None = None,
    ) -> None:
        self.sampler = order
        self._beside = beside
        self._of_batches: deque[tuple[Any, ...]] = deque()
        self._numbers = _Numbers(order, self._of_batches)
        self._loader = DataLoader(
            DecodedImages(samples, prepare, label_of, reader),
            batch_sampler=self._numbers,
            collate_fn=_collated,
            num_workers=loaders,
            persistent_workers=loaders > 0,
            pin_memory=torch.cuda.is_available() if pin_memory is None else pin_memory,
            # Its own, for else each start of the processes would draw from the one that training draws from.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        """Return the number of batches of this process."""
        return len(self.sampler)

    def start_at(self, batch: int) -> None:
        """Let the next iteration leave out what comes before this batch of its epoch, counted from 0."""
        self._numbers.first = batch

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        # A generator on purpose: Lightning makes the first epoch's iterator before it sets the epoch, and
        # a loader's processes would begin to read at once.
        self._of_batches.clear()
        for batch in self._loader:
            if isinstance(batch, CorruptData):
                raise batch
            (images, labels), (numbers, *rest) = batch, self._of_batches.popleft()
            targets = labels if self._beside is None else (labels, *self._beside.of(numbers))
            yield images, targets, *rest


class _Numbers:
    """Hands the numbers of each batch to the loader, and keeps what else is known of it until it comes."""

    def __init__(self, order: TrainingOrder | EvaluationOrder, of_batches: deque[tuple[Any, ...]]) -> None:
        self._order, self._of_batches = order, of_batches
        self.first = 0  # of the next iteration

    def __iter__(self) -> Iterator[list[int]]:
        first, self.first = self.first, 0
        for numbers, *rest in islice(self._order, first, None):
            self._of_batches.append((numbers, *rest))
            yield numbers.tolist()


def _collated(items: "list[tuple[Tensor, int]] | CorruptData") -> "tuple[Tensor, Tensor] | CorruptData":
    if isinstance(items, CorruptData):
        return items
    return torch.stack([image for image, _ in items]), torch.tensor([label for _, label in items])
