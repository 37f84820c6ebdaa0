"""Mini-batches of tensors that fit in memory: one gather per batch, no worker processes, no collation."""

import math
import warnings
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gridcell.data.shards.order import share_of


def epoch_order(size: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch visits its samples, a pure function of the arguments.

    Args:
        size: Number of samples, at least 0.
        seed: Seed of the fit, at least 0.
        epoch: Number of the epoch, from 0.

    Returns:
        A permutation of ``0 .. size - 1``, int64 of shape ``(size,)``.
    """
    # A seed sequence of the pair, because seed + epoch would give two fits the same orders, shifted.
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(size))


class EpochOrder:
    """The sampler of :class:`Batches`: Lightning tells it the epoch, and it answers with an order.

    Args:
        size: Number of samples.
        seed: Seed of the fit, at least 0.
        shuffle: Whether to visit in a new random order each epoch, or always from first to last.
    """

    def __init__(self, size: int, *, seed: int = 0, shuffle: bool = True) -> None:
        self.size = size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order :meth:`indices` returns (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def indices(self) -> Tensor:
        """Return the positions visited in the current epoch, int64 of shape ``(size,)``."""
        if self.shuffle:
            return epoch_order(self.size, seed=self.seed, epoch=self.epoch)
        return torch.arange(self.size)


class Batches:
    """An iterable over mini-batches of tensors whose first dimension counts samples.

    Each epoch yields tuples with one tensor per array; the last batch may be smaller. An order that
    is not shuffled yields slices (views, no copy), so treat batches as read-only.

    A batch may be divided into parts: into ``accumulate`` smaller batches one after another, whose
    gradients are added up, and each of these among ``world_size`` processes, as evenly as can be. Each
    part then ends with one more element, a float: the weight of its mean loss, such that the mean over
    all parts of what is weighted is the mean loss of the whole batch, whatever its size. A process for
    which nothing is left of a last, small batch gets a sample of weight 0, for none may stop alone.

    Args:
        arrays: Tensors or NumPy arrays of equal length, of any dtype; they are shared, not copied. Of a tuple
            of arrays, a batch has a tuple of tensors.
        batch_size: Samples per batch, over all its parts; a multiple of their number.
        seed: Seed of the shuffling, at least 0.
        shuffle: Whether each epoch has an order of its own; false visits every sample in order.
        rank: This process's rank.
        world_size: Number of processes among which each batch is divided.
        accumulate: Number of parts of a batch that each process sees one after another.
        pin_memory: Whether batches lie in page-locked memory, from where copies to a GPU overlap with
            computing; by default when there is a GPU and the arrays are not on it already.

    Raises:
        ValueError: If the arrays differ in length, or there is none, or the batch size is no positive
            multiple of the number of parts.
    """

    def __init__(
        self,
        *arrays: Tensor | NDArray | tuple[Tensor | NDArray, ...],
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        pin_memory: bool | None = None,
    ) -> None:
        self._widths = [len(array) if isinstance(array, tuple) else None for array in arrays]
        flat = chain.from_iterable(array if isinstance(array, tuple) else (array,) for array in arrays)
        self.tensors = tuple(_as_tensor(array) for array in flat)
        lengths = {len(tensor) for tensor in self.tensors}
        if len(lengths) != 1:
            raise ValueError(f"Arrays of one length are needed, got lengths {sorted(lengths)}")
        self.parts = world_size * accumulate
        if batch_size < 1 or batch_size % self.parts:
            raise ValueError(
                f"The batch size must be a multiple of {self.parts}, at least 1, got {batch_size}"
            )
        self.batch_size = batch_size
        self.at_once = batch_size // accumulate
        self.rank, self.world_size = rank, world_size
        self._first = 0
        self.sampler = EpochOrder(lengths.pop(), seed=seed, shuffle=shuffle)
        on_cpu = all(tensor.device.type == "cpu" for tensor in self.tensors)
        self.pin_memory = on_cpu and (torch.cuda.is_available() if pin_memory is None else pin_memory)

    def __len__(self) -> int:
        return math.ceil(len(self.sampler) / self.at_once)

    def start_at(self, batch: int) -> None:
        """Let the next iteration leave out what comes before this batch of its epoch, counted from 0."""
        self._first = batch

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        # A generator on purpose: Lightning makes the first epoch's iterator before it sets the epoch,
        # and the order must not be drawn before the first batch is asked for.
        order = self.sampler.indices() if self.sampler.shuffle else None
        total = len(self.sampler)
        first, self._first = self._first * self.at_once, 0
        for start in range(first, total, self.at_once):
            size = min(self.at_once, total - start)
            if self.parts == 1:
                yield self._samples(order, start, start + size)
                continue
            whole = min(self.batch_size, total - start + start % self.batch_size)
            own = share_of(size, self.rank, self.world_size)
            begin, end = start + own.start, start + max(own.stop, own.start + 1)
            yield *self._samples(order, begin, end), len(own) * self.parts / whole

    def _samples(self, order: Tensor | None, start: int, stop: int) -> tuple[Any, ...]:
        if order is None:
            flat = iter([self._pinned(tensor[start:stop]) for tensor in self.tensors])
        else:
            flat = iter([self._gather(tensor, order[start:stop]) for tensor in self.tensors])
        return tuple(next(flat) if width is None else tuple(islice(flat, width)) for width in self._widths)

    def _gather(self, tensor: Tensor, chosen: Tensor) -> Tensor:
        if not self.pin_memory:
            return tensor.index_select(0, chosen.to(tensor.device))
        # Straight into page-locked memory: a second copy would cost as much as the gather.
        out = torch.empty((len(chosen), *tensor.shape[1:]), dtype=tensor.dtype, pin_memory=True)
        return torch.index_select(tensor, 0, chosen, out=out)

    def _pinned(self, batch: Tensor) -> Tensor:
        return batch.pin_memory() if self.pin_memory else batch


def _as_tensor(array: Tensor | NDArray) -> Tensor:
    if isinstance(array, Tensor):
        return array
    with warnings.catch_warnings():
        # Memory-mapped arrays are read-only; nothing here writes to them.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
