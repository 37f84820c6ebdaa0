"""ImageNet-Sketch (Wang et al. 2019): folders named by WordNet id."""

from gridcell.data.importers.layout import by_wnid_folder
from gridcell.data.importers.registry import Importer

IMPORTER = Importer("sketch", "ImageNet-Sketch", by_wnid_folder, images=50_889, classes=1_000)
