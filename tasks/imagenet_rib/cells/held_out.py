"""A part of a set that a search scores its trials on, and that they are not trained on."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError
from gridcell.data import LabelledSet, StoredImages

Indices = NDArray[np.int64]


def split(images: LabelledSet, how: Mapping[str, Any]) -> tuple[Indices, Indices]:
    """Return the positions of the images that are trained on, and of those that are held out, ascending.

    Of each class the share is held out, rounded, but never all: a class with one image is trained on. A
    photograph that is shown several times, as set c shows it under every corruption, counts once and is held
    out in all its images or in none.

    Args:
        images: the whole set.
        how: ``share`` of each class, above 0 and below 1, and ``seed``.

    Raises:
        UserError: the set shows photographs several times, and nobody knows which images are of the same one.
    """
    labels = np.asarray(images.labels)
    numbers, first, of_image = np.unique(_photographs(images), return_index=True, return_inverse=True)
    draws = np.random.default_rng([int(how["seed"]), zlib.crc32(images.name.encode())])
    drawn = np.zeros(len(numbers), dtype=bool)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels[first] == label)
        count = min(round(float(how["share"]) * len(mine)), len(mine) - 1)
        drawn[draws.permutation(mine)[:count]] = True
    held = drawn[of_image]
    return np.flatnonzero(~held), np.flatnonzero(held)


def _photographs(images: LabelledSet) -> Indices:
    """Return numbers that are equal for images of one photograph; all differ where each is shown once."""
    if images.photographs is not None:
        return images.photographs
    if images.group_of is not None and isinstance(images, StoredImages):
        raise UserError(
            f"No part of set '{images.name}' can be held out: its parts show different photographs, so that "
            "nothing says which images are of the same one. Import the whole set, without --on-corrupt skip"
        )
    return np.arange(len(images))
