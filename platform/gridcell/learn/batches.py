"""Mini-batches of tensors that fit in memory: one gather per batch, no worker processes, no collation."""

import math
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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

    With several processes every rank sees an equal number of samples, the order wrapping round where
    ``size`` is not a multiple of ``world_size``: ranks with unequal shares would wait for each other
    for ever. Use it for training; evaluation must count every sample once and so runs unsharded.

    Args:
        size: Number of samples.
        seed: Seed of the fit, at least 0.
        shuffle: Whether to visit in a new random order each epoch, or always from first to last.
        rank: This process's rank.
        world_size: Number of processes that share the samples.
    """

    def __init__(
        self, size: int, *, seed: int = 0, shuffle: bool = True, rank: int = 0, world_size: int = 1
    ) -> None:
        self.size = size
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order :meth:`indices` returns (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.size / self.world_size)

    def indices(self) -> Tensor:
        """Return the positions this rank visits in the current epoch, int64 of shape ``(len(self),)``."""
        if self.shuffle:
            order = epoch_order(self.size, seed=self.seed, epoch=self.epoch)
        else:
            order = torch.arange(self.size)
        if self.world_size == 1:
            return order
        wrapped = torch.arange(self.rank, len(self) * self.world_size, self.world_size) % self.size
        return order[wrapped]


class Batches:
    """An iterable over mini-batches of tensors whose first dimension counts samples.

    Each epoch yields tuples with one tensor per array; the last batch may be smaller. An order that
    is not shuffled yields slices (views, no copy), so treat batches as read-only.

    Args:
        arrays: Tensors or NumPy arrays of equal length, of any dtype; they are shared, not copied.
        batch_size: Samples per batch and process, at least 1.
        seed: Seed of the shuffling, at least 0.
        shuffle: Whether each epoch has an order of its own; false visits every sample once, in order.
        rank: This process's rank.
        world_size: Number of processes among which the samples are divided.
        pin_memory: Whether batches lie in page-locked memory, from where copies to a GPU overlap with
            computing; by default when there is a GPU and the arrays are not on it already.

    Raises:
        ValueError: If the arrays differ in length, or there is none, or the batch size is not positive.
    """

    def __init__(
        self,
        *arrays: Tensor | NDArray,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        pin_memory: bool | None = None,
    ) -> None:
        self.tensors = tuple(_as_tensor(array) for array in arrays)
        lengths = {len(tensor) for tensor in self.tensors}
        if len(lengths) != 1:
            raise ValueError(f"Arrays of one length are needed, got lengths {sorted(lengths)}")
        if batch_size < 1:
            raise ValueError(f"The batch size must be at least 1, got {batch_size}")
        self.batch_size = batch_size
        self.sampler = EpochOrder(lengths.pop(), seed=seed, shuffle=shuffle, rank=rank, world_size=world_size)
        on_cpu = all(tensor.device.type == "cpu" for tensor in self.tensors)
        self.pin_memory = on_cpu and (torch.cuda.is_available() if pin_memory is None else pin_memory)

    def __len__(self) -> int:
        return math.ceil(len(self.sampler) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        # A generator on purpose: Lightning makes the first epoch's iterator before it sets the epoch,
        # and the order must not be drawn before the first batch is asked for.
        sampler = self.sampler
        slices = not sampler.shuffle and sampler.world_size == 1
        order = None if slices else sampler.indices()
        for start in range(0, len(sampler), self.batch_size):
            if order is None:
                yield tuple(self._pinned(tensor[start : start + self.batch_size]) for tensor in self.tensors)
            else:
                chosen = order[start : start + self.batch_size]
                yield tuple(self._gather(tensor, chosen) for tensor in self.tensors)

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
