"""c: the validation images under a balanced part of the 75 corruptions and severities of ImageNet-C."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gridcell.data.corruptions import corrupt, pair_names
from gridcell.data.images import LabelledImages, concatenate
from gridcell.data.seeds import generator
from gridcell.data.shifts.pieces import Pool
from gridcell.data.shifts.registry import Shift, Sources, whole_number
from gridcell.errors import UserError


def make(sources: Sources, seed: int, parameters: Mapping[str, float]) -> LabelledImages:
    """Corrupt ``per_corruption`` different images under every pair of corruption and severity.

    Returns:
        75 x ``per_corruption`` images (with the 15 corruptions of this package), grouped by pair:
        ``groups`` are ``"fog/1"`` and so on, and ``group_of`` says which pair each image got.

    Raises:
        UserError: More images per pair than the pool has, or too few in all to show every class.
    """
    return concatenate(list(pieces(Pool.of(sources.pool), None, seed, parameters)), name="c")


def pieces(
    pool: Pool, pretrain: Pool | None, seed: int, parameters: Mapping[str, float]
) -> Iterator[LabelledImages]:
    """Yield the images of :func:`make` under one pair after another."""
    del pretrain
    pairs, count = pair_names(), _count(parameters)
    if count > len(pool):
        raise UserError(f"per_corruption is {count}, but there are only {len(pool)} validation images")
    if count * len(pairs) < len(pool.classes):
        least = -(-len(pool.classes) // len(pairs))
        raise UserError(
            f"per_corruption is {count}; to show all {len(pool.classes)} classes it must be {least} or more"
        )
    turn = generator(seed, "c", "pairs").permutation(len(pairs))
    queue = np.resize(_classes_in_turn(pool, seed), count * len(pairs))
    for place, pair in sorted(enumerate(turn), key=lambda item: int(item[1])):
        name, severity = pairs[pair].rsplit("/", 1)
        chosen = pool.read(queue[place * count : (place + 1) * count])
        yield replace(
            chosen,
            name="c",
            images=corrupt(chosen.images, name, int(severity), seed),
            groups=pairs,
            group_of=np.full(count, pair, dtype=np.int64),
        )


def _classes_in_turn(pool: Pool, seed: int) -> NDArray[np.int64]:
    """Return a permutation of the pool in which the classes take turns, so that any stretch is balanced."""
    rng = generator(seed, "c", "images")
    turn, place = np.empty((2, len(pool)), dtype=np.int64)
    for position, label in enumerate(rng.permutation(pool.classes)):
        members = rng.permutation(np.flatnonzero(pool.labels == label))
        turn[members], place[members] = np.arange(len(members)), position
    return np.lexsort((place, turn))


def _count(parameters: Mapping[str, float]) -> int:
    return whole_number(parameters, "per_corruption", least=1)


SHIFT = Shift(
    "c",
    "15 corruptions in 5 severities of the validation images",
    "val",
    make,
    order=7,
    parameters={"per_corruption": 8},
    validate=_count,
    pieces=pieces,
)
