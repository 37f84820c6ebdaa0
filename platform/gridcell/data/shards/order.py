"""Which sample comes when: pure functions of the counts per shard, the seed, the rank and the epoch."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gridcell.data.seeds import generator

Position = tuple[int, int]  # (shard, number in the shard)


def share_of(total: int, rank: int, world_size: int) -> range:
    """Return the samples of one rank in evaluation: a run of consecutive ones.

    The runs of all ranks are disjoint, cover ``0 .. total - 1`` and differ in length by one at most.
    """
    return range(total * rank // world_size, total * (rank + 1) // world_size)


def in_order(counts: Sequence[int], wanted: range) -> Iterator[Position]:
    """Yield the positions of the samples ``wanted``, counted through all shards in their order."""
    first = 0
    for shard, count in enumerate(counts):
        for number in range(max(wanted.start, first), min(wanted.stop, first + count)):
            yield shard, number - first
        first += count


def shuffled(counts: Sequence[int], wanted: range, *, seed: int, window: int) -> Iterator[Position]:
    """Yield the positions ``wanted`` of an endless sequence of shuffled passes over all samples.

    Each pass has every sample once: the shards in an order of their own, ``window`` after ``window`` of them,
    and the samples within a window in random order. So few shards are in use at a time, and a rank that reads
    a run of the sequence touches few in all.

    Args:
        counts: Number of samples in each shard; together at least one.
        wanted: Positions in the endless sequence.
        seed: Any integer.
        window: Shards whose samples are mixed, at least 1.
    """
    total = sum(counts)
    position = wanted.start
    while position < wanted.stop:
        number, start = divmod(position, total)
        stop = min(total, start + wanted.stop - position)
        yield from _pass(counts, number, range(start, stop), seed, window)
        position += stop - start


def _pass(counts: Sequence[int], number: int, wanted: range, seed: int, window: int) -> Iterator[Position]:
    order = generator(seed, "shards", number).permutation(len(counts))
    first = 0
    for place in range(0, len(order), window):
        shards = order[place : place + window]
        size = sum(counts[shard] for shard in shards)
        overlap = range(max(wanted.start, first) - first, min(wanted.stop, first + size) - first)
        if len(overlap):
            mixed = _mixed(counts, shards, generator(seed, "samples", number, place))
            yield from map(tuple, mixed[overlap.start : overlap.stop].tolist())
        first += size


def _mixed(counts: Sequence[int], shards: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the positions of all samples of some shards in random order, int64 of shape (N, 2)."""
    positions = np.concatenate(
        [np.stack([np.full(counts[s], s), np.arange(counts[s])], axis=1) for s in shards.tolist()]
    )
    return rng.permutation(positions, axis=0)
