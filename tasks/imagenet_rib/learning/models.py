"""Classifiers by their timm names, and their weights as files. Nothing here downloads anything."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from timm.models.resnet import ResNet
from torch import Tensor, nn

from gridcell import UserError, unknown
from imagenet_rib.learning.predictions import Normalisation
from imagenet_rib.learning.pretrained import mismatch

INTERPOLATIONS = ("bicubic", "bilinear")
"""By which images are resized here; timm's published weights name no others."""

_SMALL_IMAGE = 64  # pixels: below, a stem that shrinks images eightfold would leave next to nothing


def build_model(
    name: str,
    *,
    num_classes: int,
    image_size: int,
    resize: int | None = None,
    preparation: Mapping[str, Any] | None = None,
    **settings: Any,
) -> nn.Module:
    """Build a timm classifier with random weights, from torch's global generator.

    Residual networks for images of up to 64 pixels get a stem fit for them: 3 x 3 convolutions, the first
    with stride 2, and no pooling. Convolutional networks are laid out in memory as
    ``torch.channels_last``.

    Args:
        name: A timm name, with or without the tag of pre-trained weights after a dot.
        num_classes: Width of the last layer.
        image_size: Height and width of the images, pixels.
        resize: Side, in pixels, to which the shorter side of an image is brought before the centre is cut
            out, instead of what timm names for the weights.
        preparation: What else of timm's record of the model says how images are prepared, where it is
            not timm's own: ``mean``, ``std``, ``interpolation``, ``crop_pct``, ``crop_mode``.
        settings: Passed on to timm, e.g. ``embed_dim=64, depth=4`` for a ViT or
            ``layers=(1, 1, 1, 1), channels=(16, 32, 64, 128)`` for a ResNet.

    Returns:
        A model that maps float images ``(N, 3, image_size, image_size)`` to logits ``(N, num_classes)``.

    Raises:
        UserError: If timm has no such model (names the nearest), or the model does not take a setting.
    """
    options = _options(name, num_classes, image_size, resize, preparation, settings)
    small_stem = image_size <= _SMALL_IMAGE and _is_resnet(name)
    if small_stem and "stem_type" not in options:
        options |= {"stem_type": "deep", "stem_width": options.get("channels", (64,))[0] // 2}
    try:
        model: nn.Module = timm.create_model(name, pretrained=False, **options)
    except TypeError as error:
        raise UserError(f"Model '{name}' can't be built with the settings {settings}: {error}.") from error
    if small_stem and isinstance(model, ResNet):
        model.maxpool = nn.Identity()
    if _is_convolutional(model):
        model = model.to(memory_format=torch.channels_last)
    return model


def build_pretrained(
    name: str,
    *,
    num_classes: int,
    image_size: int,
    weights: Mapping[str, Tensor] | Path | None,
    resize: int | None = None,
    preparation: Mapping[str, Any] | None = None,
    **settings: Any,
) -> nn.Module:
    """Build a timm classifier with published weights.

    Args:
        name: A timm name with the tag of its weights after a dot.
        num_classes: See :func:`build_model`; must be that of the weights.
        image_size: Height and width of the images, pixels; above 64. A ViT's position embeddings are
            resampled where the weights were made for another size.
        weights: The published weights by name, or the file that the hub's cache has of them; None takes
            those that timm knows by the tag from its hub.
        resize: As for :func:`build_model`.
        preparation: As for :func:`build_model`.
        settings: As for :func:`build_model`.

    Raises:
        UserError: If the weights are not of this architecture or number of classes, or timm has no such
            model.
    """
    options = _options(name, num_classes, image_size, resize, preparation, settings)
    # timm replaces the last layer, and checks names no more, where it takes the weights' classes for others.
    if isinstance(weights, Mapping):
        options["pretrained_cfg_overlay"] |= {"state_dict": dict(weights), "num_classes": num_classes}
    elif (known := timm.get_pretrained_cfg(name).num_classes) != num_classes:
        raise UserError(f"The weights of '{name}' know {known} classes, but {num_classes} are needed")
    elif weights is not None:
        options["pretrained_cfg_overlay"] |= {"file": str(weights)}
    try:
        model: nn.Module = timm.create_model(name, pretrained=True, **options)
    except (RuntimeError, KeyError, TypeError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(weights, Mapping):
            with torch.device("meta"):
                own = build_model(name, num_classes=num_classes, image_size=image_size, **settings)
            why = (
                mismatch(name, weights, own.state_dict(), head_parameters(own) if num_classes else ()) or why
            )
        raise UserError(f"The weights do not fit model '{name}': {why}") from error
    return model.to(memory_format=torch.channels_last) if _is_convolutional(model) else model


def check_known(name: str) -> None:
    """Make sure that timm has a model, and the weights that a tag after a dot names.

    Raises:
        UserError: it hasn't; names the nearest.
    """
    base, _, tag = name.partition(".")
    if not timm.is_model(base):
        raise _unknown_model(base)
    tags = {other.partition(".")[2] for other in timm.list_pretrained(f"{base}.*")}
    if tag and tag not in tags:
        raise unknown(f"weights of {base}", tag, tags)


def _options(
    name: str,
    num_classes: int,
    image_size: int,
    resize: int | None,
    preparation: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    check_known(name)
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    if timm.get_pretrained_cfg(name, allow_unregistered=True).fixed_input_size:
        options["img_size"] = image_size
    # timm's record of the model says what its inputs are; see normalisation_of.
    overlay: dict[str, Any] = {"input_size": (3, image_size, image_size), **(preparation or {})}
    if resize is not None:  # both timm and we round size / share down
        overlay |= {"crop_pct": image_size / (resize + 1e-6), "test_input_size": None, "test_crop_pct": None}
    return {**options, "num_classes": num_classes, "pretrained_cfg_overlay": overlay}


def architecture_name(name: str, *, num_classes: int, image_size: int, **settings: Any) -> str:
    """Return a name for what :func:`build_model` builds: equal exactly if all arguments are.

    A timm tag (which weights, not which architecture) is left out, lists count as tuples.
    """
    base = name.partition(".")[0]
    everything = {"num_classes": num_classes, "image_size": image_size, **settings}
    parts = [
        f"{key}={tuple(value) if isinstance(value, list) else value!r}"
        for key, value in sorted(everything.items())
    ]
    return f"{base}({', '.join(parts)})"


def head_parameters(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters of a timm model's last layer.

    Raises:
        UserError: If timm does not say which layer that is.
    """
    listed = getattr(model, "default_cfg", {}).get("classifier") or ()
    prefixes = (listed,) if isinstance(listed, str) else tuple(listed)
    starts = tuple(f"{prefix}." for prefix in prefixes)
    names = tuple(name for name, _ in model.named_parameters() if starts and name.startswith(starts))
    if not names:
        raise UserError(f"timm does not say which layer of {type(model).__name__} is the classifier.")
    return names


def normalisation_of(model: nn.Module) -> Normalisation:
    """Return how a timm model's images are prepared: size, crop, interpolation and normalisation.

    The ImageNet statistics, and images as they are, for a model that says nothing.

    Raises:
        UserError: If timm names an interpolation that there isn't here.
    """
    config = getattr(model, "default_cfg", {})
    interpolation = config.get("interpolation") or "bicubic"
    if interpolation not in INTERPOLATIONS:
        raise UserError(f"Images can't be resized by '{interpolation}': choose {' or '.join(INTERPOLATIONS)}")
    size = config["input_size"][-1] if "input_size" in config else None
    # Some weights are tested at another size, and with another crop, than they were trained at.
    tested_at = config.get("test_input_size")
    test_crop = config.get("test_crop_pct") if tested_at and tested_at[-1] == size else None
    return Normalisation(
        config.get("mean", (0.485, 0.456, 0.406)),
        config.get("std", (0.229, 0.224, 0.225)),
        size=size,
        crop_share=test_crop or config.get("crop_pct") or 1.0,
        interpolation=interpolation,
        crop_mode=config.get("crop_mode") or "center",
    )


def save_weights(path: Path, weights: Mapping[str, Tensor], architecture: str) -> None:
    """Write weights as a safetensors file that names their architecture.

    Args:
        path: The file.
        weights: Tensors by name, on any device, in any memory layout.
        architecture: See :func:`architecture_name`.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    path.touch()
    mode = path.stat().st_mode  # safetensors would leave a file that nobody else may read
    save_file(plain, str(path), metadata={"architecture": architecture})
    path.chmod(mode)


def load_weights(path: Path, architecture: str) -> dict[str, Tensor]:
    """Read the weights of an architecture.

    Args:
        path: A file of :func:`save_weights`.
        architecture: The architecture they must be of.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        UserError: If they are of another architecture.
    """
    with safe_open(str(path), framework="pt", device="cpu") as file:
        found = (file.metadata() or {}).get("architecture")
        if found != architecture:
            raise UserError(f"'{path.name}' holds weights of {found}, but {architecture} was asked for.")
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def _unknown_model(name: str) -> UserError:
    # The nearest few alone: timm knows more than a thousand.
    near = get_close_matches(name, timm.list_models(), n=5, cutoff=0.5)
    if near:
        return unknown("model", name, near)
    return UserError(f"Unknown model '{name}': no model of timm has a name like it.")


def _is_resnet(name: str) -> bool:
    return bool(timm.models.model_entrypoint(name).__module__ == ResNet.__module__)


def _is_convolutional(model: nn.Module) -> bool:
    # A ViT has a single convolution, its patch embedding.
    return sum(isinstance(module, nn.Conv2d) for module in model.modules()) > 1
