"""Images in class folders: a set of a folder, or a part of its images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.data import LabelledImages, concatenate, read_class_folders
from imagenet_rib.grid.image_folders import Part
from imagenet_rib.grid.slices import CORRUPTED


def read_parts(name: str, parts: Sequence[Part], size: int) -> LabelledImages:
    """Read a set as it lies in its folder, with the label space of its parts.

    Args:
        name: of the set.
        parts: what was found of it; of set ``c`` one for each corruption and severity.
        size: side of the images in pixels.

    Raises:
        UserError: an image can't be read.
    """
    if name != CORRUPTED:
        return read_part(name, parts[0], size)
    return concatenate([_one_group(read_part(name, part, size), part.group) for part in parts], name=name)


def read_part(name: str, part: Part, size: int, chosen: NDArray[np.int64] | None = None) -> LabelledImages:
    """Read the images of a folder, or those at ``chosen`` positions alone, as a set called ``name``.

    Raises:
        UserError: an image can't be read.
    """
    read = read_class_folders(part.folders, size, part.class_names, partial=True, chosen=chosen)
    return replace(read, name=name, class_names=part.space)


def _one_group(labelled: LabelledImages, group: str) -> LabelledImages:
    fields: dict[str, Any] = {"groups": (group,), "group_of": np.zeros(len(labelled), dtype=np.int64)}
    return replace(labelled, **fields)
