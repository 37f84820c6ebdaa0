"""ImageNet-Drawing (Salvador and Oberman 2022): folders named by WordNet id."""

from gridcell.data.importers.layout import by_wnid_folder
from gridcell.data.importers.registry import Importer

IMPORTER = Importer("drawing", "ImageNet-Drawing", by_wnid_folder, images=50_000, classes=1_000)
