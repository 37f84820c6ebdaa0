"""Which sample comes when: pure functions of the counts per shard, the seed, the epoch and the rank.

Samples are counted from 0 through all shards of a set, in the shards' order.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridcell.data.importers.layout import Entry
from gridcell.data.seeds import generator

_DEAL_SEED = 0  # a part of the format: another seed would make other shards of the same images


def share_of(total: int, rank: int, world_size: int) -> range:
    """Return the samples of one rank in evaluation: a run of consecutive ones.

    The runs of all ranks are disjoint, cover ``0 .. total - 1`` and differ in length by one at most.
    """
    return range(total * rank // world_size, total * (rank + 1) // world_size)


def shuffled(counts: Sequence[int], *, seed: int, epoch: int, window: int) -> NDArray[np.int64]:
    """Return the order in which an epoch visits all samples, each once.

    The shards come in an order of the epoch's own, ``window`` after ``window`` of them, and the samples
    within a window in random order: so few shards are in use at a time.

    Args:
        counts: Number of samples in each shard.
        seed: Any integer.
        epoch: From 0.
        window: Shards whose samples are mixed, at least 1.

    Returns:
        A permutation of ``0 .. sum(counts) - 1``, shape (N,).
    """
    starts = np.cumsum([0, *counts])
    order = generator(seed, "shards", epoch).permutation(len(counts)).tolist()
    mixed = [np.empty(0, dtype=np.int64)]
    for place in range(0, len(order), window):
        samples = [np.arange(starts[shard], starts[shard + 1]) for shard in order[place : place + window]]
        mixed.append(generator(seed, "samples", epoch, place).permutation(np.concatenate(samples)))
    return np.concatenate(mixed)


def dealt(entries: Sequence[Entry], groups: Sequence[str], name: str, shard_mb: float) -> list[list[Entry]]:
    """Deal the images of a published set to shards, in an order that only their number determines.

    Neighbours in a shard are of different classes. Images of different groups (up to a slash: the corruptions
    of ImageNet-C) are in different shards, so that who needs one group reads no other's.

    Args:
        entries: The images, sorted by name.
        groups: Names of the groups that the entries point to.
        name: Of the set.
        shard_mb: Size of a shard to aim at, in 10^6 bytes of images.
    """
    if not entries:
        return []
    mean = sum(entry.member.size for entry in entries) / len(entries)
    size = max(1, int(shard_mb * 1e6 / max(mean, 1)))
    together: dict[str, list[Entry]] = {}
    for entry in entries:
        group = groups[entry.group].partition("/")[0] if groups else ""
        together.setdefault(group, []).append(entry)
    parts = []
    for group, members in together.items():
        order = _order(name, group, len(members))
        parts += [
            [members[place] for place in order[start : start + size]]
            for start in range(0, len(members), size)
        ]
    return parts


def places_by_name(group_of: NDArray[np.int64], groups: Sequence[str], name: str) -> NDArray[np.int64]:
    """Return where each image that :func:`dealt` dealt comes among those of its corruption, sorted by name.

    Args:
        group_of: Group of each image in the order of the shards, shape (N,).
        groups: Names of the groups.
        name: Of the set.

    Returns:
        Shape (N,). Where an import left corrupt images out it means nothing: their places are not known.
    """
    corruptions = [group.partition("/")[0] for group in groups]
    numbers = {corruption: number for number, corruption in enumerate(dict.fromkeys(corruptions))}
    number_of = np.array([numbers[corruption] for corruption in corruptions], dtype=np.int64)[group_of]
    places = np.empty(len(group_of), dtype=np.int64)
    for corruption, number in numbers.items():
        mine = np.flatnonzero(number_of == number)
        places[mine] = _order(name, corruption, len(mine))
    return places


def _order(name: str, group: str, count: int) -> NDArray[np.int64]:
    """Return which of a group's images, sorted by name, comes at each place of its shards."""
    return generator(_DEAL_SEED, "import", name, *filter(None, [group])).permutation(count)
