"""ImageNet-V2 (Recht et al. 2019): folders named by class index as text, ``0`` to ``999``.

Sorted as text, ``10`` comes before ``2``: a reader that numbers sorted folders mislabels most images.
"""

from gridcell.data.imagenet import imagenet_wnids
from gridcell.data.importers.layout import Layout, by_class_folder
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Source


def _label(folder: str) -> int | None:
    if not (folder.isascii() and folder.isdecimal()):
        return None
    return int(folder) if int(folder) < len(imagenet_wnids()) else None


def read(source: Source) -> Layout:
    """Label images by their folder's number."""
    return by_class_folder(source, _label, "a class index from 0 to 999")


IMPORTER = Importer("v2", "ImageNet-V2 (matched-frequency)", read, images=10_000, classes=1_000)
