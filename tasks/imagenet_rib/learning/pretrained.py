"""Published weights: from torchvision, a local file, or a package that carries them."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from torch import Tensor

from gridcell import UserError
from imagenet_rib.learning.checkpoint_files import choose_part, parts_of, read_weights
from imagenet_rib.learning.hub import cached_or_reachable, missing_from_hub, torchvision_weights
from imagenet_rib.learning.offline_weights import offline_weights

__all__ = [
    "cached_or_reachable",
    "file_weights",
    "mismatch",
    "missing_from_hub",
    "offline_weights",
    "torchvision_weights",
]

_NAMED = 3  # tensors that a message names


def file_weights(
    path: Path, sha256: str, expected: Collection[str] = (), part: str | None = None
) -> dict[str, Tensor]:
    """Read weights from a local file: safetensors, or what ``torch.save`` wrote.

    Args:
        path: The file: weights, or the whole state of a training program, of which the weights are found.
        sha256: What the file must hold, hexadecimal.
        expected: Names of the model's tensors, its head's aside.
        part: Which weights of the file; see :func:`checkpoint_files.choose_part`.

    Raises:
        UserError: If the file is not there, holds no weights, or more than one could be meant.
    """
    if not path.is_file():
        raise UserError(f"There is no file of weights '{path}'")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise UserError(f"The weights in '{path}' changed since the run was planned: plan it again")
    held = read_weights(path)
    return dict(choose_part(parts_of(held, expected), part, path, held.placeholders).tensors)


def mismatch(
    name: str, given: Mapping[str, Tensor], model: Mapping[str, Tensor], head: Collection[str]
) -> str | None:
    """Say how weights differ from a model's, the first names and shapes; None where they don't.

    Args:
        name: Of the model.
        given: The weights by name.
        model: The model's own weights, of which names and shapes count.
        head: Names of the parameters of its last layer.
    """
    for key in head:
        if key in given and key in model and given[key].shape[:1] != model[key].shape[:1]:
            return f"the head has {len(given[key])} classes, {name} here {len(model[key])}"
    if head and not any(key in given for key in head):
        return f"there is no head ('{next(iter(head))}') among them"
    missing = [key for key in model if key not in given and not key.endswith("num_batches_tracked")]
    further = [key for key in given if key not in model]
    shapes = [
        f"{key} is {tuple(given[key].shape)}, not {tuple(model[key].shape)}"
        for key in model
        if key in given and given[key].shape != model[key].shape
    ]
    said = [
        _first(missing, f"{len(missing)} of {len(model)} tensors are missing"),
        _first(further, f"{len(further)} are not of this model"),
        _first(shapes, f"{len(shapes)} have other shapes"),
    ]
    return "; ".join(filter(None, said)) or None


def _first(items: list[str], what: str) -> str:
    more = ", ..." if len(items) > _NAMED else ""
    return f"{what}: {', '.join(items[:_NAMED])}{more}" if items else ""
