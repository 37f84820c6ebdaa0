"""ImageNet-R (Hendrycks et al. 2021): folders named by WordNet id, for 200 of the classes."""

from gridcell.data.imagenet import imagenet_subset
from gridcell.data.importers.layout import Layout, by_wnid_folder
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Source


def read(source: Source) -> Layout:
    """Label images by their folder's WordNet id, of the 200."""
    return by_wnid_folder(source, imagenet_subset("r"))


IMPORTER = Importer("r", "ImageNet-R", read, images=30_000, classes=200)
