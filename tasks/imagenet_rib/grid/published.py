"""What published weights and published data are, in cells' configurations: names and hashes, never paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell import CorruptData, Folder, UserError, sha256_of
from imagenet_rib.grid.input_names import set_uri
from imagenet_rib.grid.offline_models import OFFLINE, offline_tag
from imagenet_rib.settings import Architecture, Pretrained

if TYPE_CHECKING:
    from gridcell.data import Samples

MODEL_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights in a folder that a hub's tools, timm or ``gridcell export`` wrote."""

_TORCHVISION_TAGS = {"IMAGENET1K_V1": "tv_in1k", "IMAGENET1K_V2": "tv2_in1k"}
"""torchvision's name of weights -> timm's tag, which says how their images are prepared."""


@dataclass(frozen=True)
class Published:
    """A cell that brings weights into the store, yet to be added.

    Attributes:
        name: timm's name of the model, with the tag of its weights.
        config: of the cell.
        locations: what is where on this machine.
    """

    name: str
    config: Mapping[str, Any]
    locations: Mapping[str, str] = field(default_factory=dict)


def published(model: str, architecture: Architecture, how: Pretrained) -> Published:
    """Say which weights a cell is to bring.

    Args:
        model: its name in the suite, for messages.
        architecture: what the weights are for; may carry the tag in its name.
        how: where they come from.

    Raises:
        UserError: nothing says which weights, or a file of weights is not there.
    """
    base, _, tag = architecture.name.partition(".")
    weights: dict[str, Any] = {"source": how.source}
    locations = {}
    if how.source == "timm":
        tag = how.tag or tag
        if not tag:
            raise UserError(
                f"Model '{model}' names no weights: write their tag, as in "
                "'name: vit_base_patch16_224.augreg_in1k'"
            )
    elif how.source == "torchvision":
        weights["tag"] = how.tag or "IMAGENET1K_V1"
        tag = _TORCHVISION_TAGS.get(weights["tag"], tag)
    elif how.source == "file":
        path = _weights_file(Path(how.path or "").expanduser())
        if not path.is_file():
            raise UserError(f"Model '{model}': there is no file of weights '{path}'")
        weights["sha256"] = sha256_of(path)
        locations[f"weights {weights['sha256']}"] = str(path.resolve())
        tag = how.tag or tag
    else:
        tag = offline_tag(base, how) or tag or "in1k"
    name = f"{base}.{tag}" if tag else base
    described = {"name": name, "options": architecture.options, "input_size": how.input_size}
    if how.resize is not None:
        described["resize"] = how.resize
    if how.source == "offline" and base in OFFLINE and OFFLINE[base].interpolation:
        described["preparation"] = {"interpolation": OFFLINE[base].interpolation}
    return Published(name, {"architecture": described, "weights": weights}, locations)


def _weights_file(path: Path) -> Path:
    """Return the file of weights that a path names: itself, or the one in a folder as hubs have them."""
    inside = [path / name for name in MODEL_FILES if (path / name).is_file()]
    return inside[0] if path.is_dir() and inside else path


def published_set(name: str, root: str | None) -> "Samples | None":
    """Open one of the published sets below a folder, whose content identifies it: read off its manifest.

    Of a set that was not imported, the files' names and sizes count. Without a folder there is nothing to
    identify: such a grid can be planned and its cost estimated, but not run.

    Raises:
        UserError: the set isn't there, is another, its import isn't finished, or its manifest is damaged.
    """
    if root is None:
        return None
    from gridcell.data import open_samples

    try:
        return open_samples(name, set_uri(root, name))
    except CorruptData as error:
        raise UserError(str(error)) from error


def check_there(root: str, names: Iterable[str]) -> None:
    """Make sure that a folder has published sets, imported or not.

    Raises:
        UserError: some are missing; names them all, and how one is made.
    """
    missing = [name for name in names if not Folder.open(set_uri(root, name)).exists()]
    if missing:
        raise UserError(
            f"{root} lacks the set{'s' * (len(missing) > 1)} {', '.join(missing)}: "
            f"'gridcell data import {missing[0]} --from PATH --to {set_uri(root, missing[0])}' makes one"
        )
