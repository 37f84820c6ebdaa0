"""Images labelled with ImageNet's classes: folders of them, and the benchmark's sets derived from them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridcell import UserError
from gridcell.data import (
    LabelledImages,
    Sources,
    concatenate,
    derive,
    open_class_folders,
    read_class_folders,
    shifts_in_order as known_shifts,
)
from imagenet_rib.grid.image_folders import BASE, CORRUPTED, SETS, ImageSets, Part, class_labels, open_sets


def synsets() -> tuple[str, ...]:
    """Return the WordNet ids of ImageNet-1K's 1,000 classes in the order of their labels."""
    from timm.data import ImageNetInfo

    return tuple(ImageNetInfo().label_names())


def read_imagenet(
    root: str | ImageSets | None,
    size: int,
    *,
    seed: int = 0,
    shifts: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, LabelledImages]:
    """Read a folder of ImageNet-labelled images, and derive the sets that it lacks.

    Args:
        root: a folder, or what was found in it: either ``root/<class>/*``, or ``root/<set>/<class>/*`` with
            the set ``val`` and any of the benchmark's sets (``c`` as
            ``root/c/<corruption>/<severity>/<class>/*``). A class folder is named by WordNet id or by class
            index; a set may cover any of the classes.
        size: side of the images in pixels.
        seed: of the split into pools and of the derived sets.
        shifts: per derived set, what to set other than its defaults.

    Returns:
        ``pretrain``, ``val`` and the eight sets, with a label space of 1,000 classes. ``pretrain`` serves
        the Fisher information and is a part of the images where it isn't there as a set. ``val`` is all that
        is in its folder if ``pretrain`` and the sets of fresh images are there too; else the part of it that
        no other set was made of.

    Raises:
        UserError: no folder is named, a folder's name is no class, or there is too little to derive from.
    """
    if root is None:
        raise UserError("The setting 'data.root' must name the folder of the images: --set data.root=DIR")
    found = root if isinstance(root, ImageSets) else open_sets(root)
    base = _read(found.base, size)
    if len(base.classes) < 2:
        raise UserError(f"{found.root} has images of one class; at least two are needed")
    given = {name: _read_set(name, parts, size) for name, parts in found.given.items()}
    made = _derived(base, given, seed=seed, parameters=shifts or {})
    return {name: given[name] if name in given else made[name] for name in SETS}


def _derived(
    base: LabelledImages,
    given: Mapping[str, LabelledImages],
    *,
    seed: int,
    parameters: Mapping[str, Mapping[str, float]],
) -> dict[str, LabelledImages]:
    """Return ``val`` and at least the sets that are not given.

    ``base`` is split only where it must be: to be pre-trained on, or for shifts of images of their own, which
    would else be validated on as well. Shifts of the validation images share all of them.

    Raises:
        UserError: A parameter is out of range, or a class of ``base`` has too few images to be split.
    """
    missing = [recipe for name, recipe in known_shifts().items() if name not in given]
    if "pretrain" not in given or any(recipe.source == "fresh" for recipe in missing):
        return derive(base, seed=seed, parameters=parameters)
    val = replace(base, name=BASE)
    sources = Sources(pool=val, pretrain=given["pretrain"])
    made = {
        recipe.name: recipe(sources, seed=seed, parameters=parameters.get(recipe.name)) for recipe in missing
    }
    return {BASE: val, **made}


def read_labelled(folder: Path, size: int) -> LabelledImages:
    """Read ``folder/<class>/*``, where classes are named by WordNet id or by class index.

    Raises:
        UserError: there is no such folder, a name is no class, or two folders name one class.
    """
    folders = open_class_folders(folder)
    return _read(Part("", folders, class_labels(folders)), size)


def _read(part: Part, size: int) -> LabelledImages:
    name_of = {label: name for name, label in part.label_of.items()}
    names = tuple(name_of.get(label, name) for label, name in enumerate(synsets()))
    return replace(read_class_folders(part.folders, size, names, partial=True), class_names=synsets())


def _read_set(name: str, parts: Sequence[Part], size: int) -> LabelledImages:
    if name != CORRUPTED:
        return replace(_read(parts[0], size), name=name)
    return concatenate([_one_group(_read(part, size), part.group) for part in parts], name=name)


def _one_group(labelled: LabelledImages, group: str) -> LabelledImages:
    import numpy as np

    fields: dict[str, Any] = {"groups": (group,), "group_of": np.zeros(len(labelled), dtype=np.int64)}
    return replace(labelled, **fields)
