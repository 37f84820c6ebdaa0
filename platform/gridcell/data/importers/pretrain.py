"""ImageNet's training set (ILSVRC 2012), or any part of it: what models were pre-trained on.

Images lie in folders named by WordNet id, or their own names begin with it, ``n01440764_10026.JPEG``, as in
the 1,000 archives that the published one holds (unpack that one; a folder of archives is read as it is).
"""

from pathlib import PurePosixPath

from gridcell.data.imagenet import imagenet_wnids, label_of_wnid
from gridcell.data.importers.layout import Entry, Layout, images_of
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Source
from gridcell.errors import UserError


def read(source: Source) -> Layout:
    """Label images by their folder's WordNet id, or by the one that their names begin with."""
    entries = []
    for member in images_of(source):
        path = PurePosixPath(member.name)
        names = (path.parent.name, path.name.partition("_")[0])
        label = next((label_of_wnid()[name] for name in names if name in label_of_wnid()), None)
        if label is None:
            raise UserError(f"{member.name} names no class: neither its folder nor its name has a WordNet id")
        entries.append(Entry(member, label))
    return Layout(entries, imagenet_wnids())


IMPORTER = Importer("pretrain", "ImageNet training set, or a part", read)
