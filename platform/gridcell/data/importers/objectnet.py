"""ObjectNet (Barbu et al. 2019): own class names, mapped to ImageNet's by tables that come with the data.

``mappings/folder_to_objectnet_label.json`` names each folder's class; ``objectnet_to_imagenet_1k.json``
names, for 113 of the 313 classes, one or more ImageNet classes, separated by ``"; "``. The images carry a red
border of 2 px, which is cut off. Where a class maps to several ImageNet classes, the first is its label and
the rest are recorded as right too.
"""

import json
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from gridcell.data.imagenet import imagenet_names, imagenet_wnids
from gridcell.data.importers.layout import Entry, Layout, images_of
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Source
from gridcell.errors import UserError

FOLDERS = "folder_to_objectnet_label.json"
CLASSES = "objectnet_to_imagenet_1k.json"
BORDER_PX = 2


def read(source: Source) -> Layout:
    """Label the images of the overlap with ImageNet; leave out the others."""
    class_of_folder, imagenet_of_class = _table(source, FOLDERS), _table(source, CLASSES)
    labels_of = {
        folder: _labels(name, imagenet_of_class[name])
        for folder, name in class_of_folder.items()
        if name in imagenet_of_class
    }
    entries, left_out = [], 0
    for member in images_of(source):
        folder = PurePosixPath(member.name).parent.name
        if folder not in class_of_folder:
            raise UserError(f"{member.name} is in a folder that {FOLDERS} doesn't name")
        if folder in labels_of:
            entries.append(Entry(member, labels_of[folder][0]))
        else:
            left_out += 1
    alternatives = {first: rest for first, *others in labels_of.values() if (rest := tuple(others))}
    return Layout(entries, imagenet_wnids(), alternatives=alternatives, left_out=left_out, crop=BORDER_PX)


def _labels(name: str, imagenet: str) -> tuple[int, ...]:
    """Return the labels of ImageNet classes given by name, e.g. ``"analog clock; digital clock"``.

    Raises:
        UserError: A name is of no class, or of two.
    """
    counts = Counter(imagenet_names())
    wanted = imagenet.split("; ")
    for one in wanted:
        if counts[one] != 1:
            raise UserError(f"{CLASSES} maps '{name}' to '{one}', which names {counts[one]} ImageNet classes")
    return tuple(imagenet_names().index(one) for one in wanted)


def _table(source: Source, name: str) -> dict[str, str]:
    member = source.find(name)
    if member is None:
        raise UserError(f"ObjectNet's table {name} is missing; it comes with the data, in 'mappings'")
    try:
        table: Any = json.loads(source.read(member))
        return {str(key): str(value) for key, value in table.items()}
    except (ValueError, AttributeError) as error:
        raise UserError(f"{member.name} can't be read: {error}") from error


IMPORTER = Importer("objectnet", "ObjectNet (ImageNet overlap)", read, images=18_574, classes=113)
