"""What a file of weights is, found while a grid is planned: names and shapes, no numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch

from gridcell import UserError
from imagenet_rib.learning.checkpoint_files import choose_part, parts_of, read_weights
from imagenet_rib.learning.models import INTERPOLATIONS, build_model, head_parameters

_PREPARATION = ("mean", "std", "interpolation", "crop_pct", "crop_mode", "test_input_size", "test_crop_pct")
"""What timm's record of weights says of how images are prepared."""

_OF_TESTS = ("test_input_size", "test_crop_pct")


@dataclass(frozen=True)
class FileHead:
    """A file's weights and the classes that they know.

    Attributes:
        classes: Rows of the last layer; 0 where there is none.
        class_names: Their names, where the file or the ``config.json`` beside it says them.
        part: Which weights of the file, where it holds more than one or an average of them; see
            :class:`imagenet_rib.learning.checkpoint_files.Part`.
        preparation: How images are prepared, where the ``config.json`` beside it says otherwise than timm's
            record of the model.
        said: What of the file is not read, and what was chosen, a sentence each.
        input_size: Side in pixels of the images that the weights are for, where the ``config.json`` says it.
    """

    classes: int
    class_names: tuple[str, ...] | None
    part: str | None
    preparation: Mapping[str, Any]
    said: tuple[str, ...]
    input_size: int | None = None


def look_at_file(
    path: Path, name: str, options: Mapping[str, Any], part: str | None, image_size: int | None = None
) -> FileHead:
    """Find a model's weights in a file, and how many classes they know.

    Args:
        path: The file.
        name: timm's name of the model, with or without a tag.
        options: What it is built with.
        part: Which weights of the file; None where it should leave no choice.
        image_size: Side of the model's images, in px; None where it does not matter.

    Raises:
        UserError: The file is damaged, holds no weights, more than one could be meant, or the ``config.json``
            beside it is of another model.
    """
    with torch.device("meta"):
        model = build_model(name, num_classes=7, image_size=224, **options)
    last = head_parameters(model)
    held = read_weights(path, shapes_only=True)
    chosen = choose_part(parts_of(held, body_names(model.state_dict(), last)), part, path, held.placeholders)
    rows = [len(chosen.tensors[key]) for key in last if key in chosen.tensors]
    record = _config_beside(path, name)
    names = (None if record is None else record.names) or held.class_names
    said = [_default_preparation(path, name)] if record is None and "." not in name else []
    if image_size is not None and (record is None or record.input_size is None):
        said += _resampled(path, name, options, chosen.tensors, image_size)
    if chosen.averaged and part is None:
        said.append(f"{path}: its moving average of the weights is taken ('{chosen.label}'), as timm does")
    if chosen.others:
        said.append(f"{path}: {chosen.others} tensors beside the model's are left out")
    if held.placeholders:
        kinds = ", ".join(held.placeholders[:3]) + (", ..." if len(held.placeholders) > 3 else "")
        said.append(f"{path}: objects beside the tensors are not read ({kinds})")
    return FileHead(
        classes=rows[0] if rows else 0,
        class_names=names if names is not None and rows and len(names) == rows[0] else None,
        part=chosen.label if part is not None or chosen.averaged else None,
        preparation={} if record is None else record.preparation,
        said=tuple(said),
        input_size=None if record is None else record.input_size,
    )


def _resampled(
    path: Path, name: str, options: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], image_size: int
) -> list[str]:
    """Say that timm resamples what a file holds for each place of an image, if that is for another size."""
    of_places = [key for key in tensors if "pos_embed" in key or "relative_position" in key]
    if not of_places:
        return []
    with torch.device("meta"):
        own = build_model(name, num_classes=7, image_size=image_size, **options).state_dict()
    for key in of_places:
        if key in own and own[key].shape != tensors[key].shape:
            shapes = f"{tuple(tensors[key].shape)} to {tuple(own[key].shape)}"
            return [
                f"{path}: its weights are for images of another size than {image_size} px: '{key}' is "
                f"resampled, {shapes}. Its pre-training's 'input_size' sets the size"
            ]
    return []


def body_names(names: Mapping[str, Any], head: tuple[str, ...]) -> frozenset[str]:
    """Return the names of a model's tensors without those of its head and BatchNorm's counters."""
    return frozenset(key for key in names if key not in head and not key.endswith("num_batches_tracked"))


@dataclass(frozen=True)
class _Record:
    """What a ``config.json`` of timm's form says of the weights beside it; see :class:`FileHead`."""

    names: tuple[str, ...] | None
    preparation: Mapping[str, Any]
    input_size: int | None


def _config_beside(path: Path, name: str) -> _Record | None:
    """Read the ``config.json`` beside weights; None where there is none, or it isn't timm's.

    Raises:
        UserError: It is of another model, or names an interpolation that there isn't here.
    """
    file = path.with_name("config.json")
    if not file.is_file():
        return None
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        base, record = config["architecture"], dict(config["pretrained_cfg"])
    except (ValueError, KeyError, TypeError):
        return None
    if base != name.partition(".")[0]:
        raise UserError(f"{file} says that the weights beside it are of '{base}', not of '{name}'")
    if record.get("interpolation") not in (None, *INTERPOLATIONS):
        raise UserError(
            f"{file} names the interpolation '{record['interpolation']}': images are resized here by "
            f"{' or '.join(INTERPOLATIONS)}"
        )
    labels = config.get("label_names")
    known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    own = {key: getattr(known, key, None) for key in _PREPARATION}
    # timm writes no key that is None: a whole record without a size for tests has none.
    whole = "input_size" in record
    told = {key: record.get(key) for key in _PREPARATION if key in record or (whole and key in _OF_TESTS)}
    changes = {k: v for k, v in told.items() if _plain(v) != _plain(own[k])}
    names = tuple(map(str, labels)) if isinstance(labels, list) else None
    size = record.get("input_size")
    return _Record(names, changes, size[-1] if isinstance(size, list) and size else None)


def _default_preparation(path: Path, name: str) -> str:
    """Say how images are prepared for weights of which nothing says it."""
    known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if known is None:
        return (
            f"{path}: nothing says how images are prepared for it: by ImageNet's mean and standard deviation"
        )
    means = ", ".join(f"{one:g}" for one in known.mean)
    return (
        f"{path}: nothing says how images are prepared for it: as for timm's {name}.{known.tag} "
        f"(mean {means}, {known.interpolation}). A 'tag' or timm's config.json beside the file sets it"
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
