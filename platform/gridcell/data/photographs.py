"""Which images of a set show the same photograph: the parts of ImageNet-C show the same ones."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def photographs(labels: Numbers, group_of: Numbers | None, places: Numbers | None = None) -> Numbers | None:
    """Number the photographs of a set whose groups all show the same ones.

    Groups whose images have the same labels in the same order are taken to show the same photographs in this
    order, as the groups of ImageNet-C do.

    Args:
        labels: Shape (N,).
        group_of: Group of each image, shape (N,), or None where the set has no groups.
        places: Where each image comes in the order that is compared, shape (N,); by default as they stand.

    Returns:
        Shape (N,): equal numbers, from 0, for images of the same photograph. None where there are no groups,
        or their labels differ: then nothing is known.

    Example:
        >>> photographs(np.array([3, 5, 3, 5]), np.array([0, 0, 1, 1])).tolist()
        [0, 1, 0, 1]
    """
    if group_of is None or not len(labels):
        return None
    order = np.lexsort((np.arange(len(labels)) if places is None else places, group_of))
    _, sizes = np.unique(group_of, return_counts=True)
    parts = np.split(order, np.cumsum(sizes)[:-1])
    if not all(np.array_equal(labels[part], labels[parts[0]]) for part in parts):
        return None
    numbers = np.empty(len(labels), dtype=np.int64)
    for part in parts:
        numbers[part] = np.arange(len(part))
    return numbers
