"""A part of a set that a search scores its trials on, and that they are not trained on."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data import LabelledSet

Indices = NDArray[np.int64]


def split(images: LabelledSet, how: Mapping[str, Any]) -> tuple[Indices, Indices]:
    """Return the positions of the images that are trained on, and of those that are held out, ascending.

    Of each class the share is held out, rounded, but never all: a class with one image is trained on. Where
    all groups of a set show the same labels in the same order, as set c shows the same images under every
    corruption, an image is held out from all groups or from none.

    Args:
        images: the whole set.
        how: ``share`` of each class, above 0 and below 1, and ``seed``.
    """
    labels = np.asarray(images.labels)
    groups = _same_in_all_groups(labels, images.group_of)
    of_one = labels if groups is None else labels[groups[0]]
    draws = np.random.default_rng([int(how["seed"]), zlib.crc32(images.name.encode())])
    held = np.zeros(len(of_one), dtype=bool)
    for label in np.unique(of_one):
        mine = np.flatnonzero(of_one == label)
        count = min(round(float(how["share"]) * len(mine)), len(mine) - 1)
        held[draws.permutation(mine)[:count]] = True
    whole = held
    if groups is not None:
        whole = np.zeros(len(labels), dtype=bool)
        for positions in groups:
            whole[positions] = held
    return np.flatnonzero(~whole), np.flatnonzero(whole)


def _same_in_all_groups(labels: Indices, group_of: Indices | None) -> list[Indices] | None:
    """Return the positions of each group's images, where all have the same labels in the same order."""
    if group_of is None:
        return None
    order = np.argsort(group_of, kind="stable")
    _, sizes = np.unique(group_of, return_counts=True)
    parts = np.split(order, np.cumsum(sizes)[:-1])
    same = all(np.array_equal(labels[part], labels[parts[0]]) for part in parts)
    return parts if same else None
