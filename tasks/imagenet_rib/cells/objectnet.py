"""One right ImageNet class for each of ObjectNet's images, as the paper's released code has it.

Many of ObjectNet's classes stand for several ImageNet classes. By default each of them is right. The released
code instead chooses among 105 ImageNet classes of which one is right (its ``objectnet_mask``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError
from gridcell.data import StoredImages

# fmt: off
RELEASED_CLASSES = (
    409, 414, 418, 419, 434, 440, 455, 457, 462, 463, 470, 473, 487, 499, 504, 507, 508, 531, 533, 539, 543,
    545, 549, 550, 560, 567, 578, 587, 588, 589, 610, 618, 619, 620, 623, 626, 629, 630, 632, 644, 647, 651,
    658, 659, 664, 671, 673, 677, 679, 694, 695, 696, 700, 703, 720, 721, 725, 728, 729, 731, 732, 737, 740,
    742, 752, 761, 769, 770, 772, 773, 774, 783, 790, 792, 797, 804, 806, 809, 811, 813, 828, 834, 837, 841,
    846, 849, 850, 851, 859, 868, 879, 882, 883, 893, 898, 902, 907, 909, 923, 930, 950, 951, 954, 968, 999,
)
# fmt: on
"""Labels of the 105 ImageNet classes, ascending."""


def one_answer(classes: Sequence[int], alternatives: Mapping[int, Sequence[int]]) -> NDArray[np.int64]:
    """Return for each of ImageNet's labels the one that counts as right instead.

    Args:
        classes: Labels of ObjectNet's images: the first ImageNet class of each object's class.
        alternatives: Label -> the object's further ImageNet classes.

    Returns:
        int64, shape (1000,): of a label in ``classes`` the first of it and its alternatives that is among
        ``RELEASED_CLASSES``; of all others the label itself.

    Raises:
        UserError: A class has none among them.
    """
    known = frozenset(RELEASED_CLASSES)
    table = np.arange(1000, dtype=np.int64)
    for label in classes:
        right = [one for one in (label, *alternatives.get(label, ())) if one in known]
        if not right:
            raise UserError(
                f"data.objectnet=released knows no right answer for images of ImageNet's class {label}: "
                "it is not among the 105 of the paper's code"
            )
        table[label] = right[0]
    return table


def with_one_answer(images: StoredImages) -> tuple[StoredImages, NDArray[np.int64]]:
    """Return the set with one right class an image, and the table of :func:`one_answer`.

    The labels that come with batches of images are those of the shards: look them up in the table.
    """
    table = one_answer(images.classes, images.alternatives)
    labels = table[images.labels]
    classes = tuple(np.unique(table[list(images.classes)]).tolist())
    return replace(images, labels=labels, classes=classes, alternatives={}), table
