"""Any folder of images of one's own: one folder per class, whose names, sorted, are the label space."""

from pathlib import PurePosixPath

from gridcell.data.importers.layout import Entry, Layout, images_of
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Source


def read(source: Source) -> Layout:
    """Label images by their folder's place among the sorted names."""
    folders = [(member, PurePosixPath(member.name).parent.name) for member in images_of(source)]
    names = tuple(sorted({folder for _, folder in folders}))
    labels = {name: label for label, name in enumerate(names)}
    return Layout([Entry(member, labels[folder]) for member, folder in folders], names)


IMPORTER = Importer("folder", "A folder of images, one folder per class", read)
