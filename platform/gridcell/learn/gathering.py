"""Evaluation by several processes: every sample once, and what they found put together in order."""

from typing import Any

import numpy as np
import torch.distributed
from numpy.typing import NDArray
from torch import Tensor

from gridcell.data.shards.order import share_of


def whole_batches(total: int, batch_size: int, rank: int, world_size: int) -> range:
    """Return the samples of one process: a run of whole batches, those that one process alone would make.

    So a model sees the very same batches, and answers with the same bits, however many processes there are.
    The runs of all ranks are disjoint, cover ``0 .. total - 1`` and differ by one batch at most.

    Example:
        >>> [whole_batches(10, 4, rank, 2) for rank in (0, 1)]
        [range(0, 4), range(4, 10)]
    """
    batches = share_of(-(-total // batch_size), rank, world_size)
    return range(min(total, batches.start * batch_size), min(total, batches.stop * batch_size))


def gather(own: Tensor, world_size: int) -> NDArray[Any]:
    """Return every process's values, one after another in the order of ranks, on all processes.

    Args:
        own: On the CPU, of any length; the other dimensions and the dtype are the same everywhere.
        world_size: Number of processes; several must have joined torch's default process group.

    Example:
        >>> gather(torch.tensor([1.0, 2.0]), world_size=1)
        array([1., 2.], dtype=float32)
    """
    if world_size == 1:
        return own.numpy()
    parts: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(parts, own.numpy())
    return np.concatenate(parts)
