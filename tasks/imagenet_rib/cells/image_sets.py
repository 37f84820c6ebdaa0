"""Images labelled with ImageNet's classes: folders of them, and the benchmark's sets derived from them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridcell.data.corruptions import corruptions
from gridcell.data.deriving import derive
from gridcell.data.folder import read_folder
from gridcell.data.images import LabelledImages, concatenate
from gridcell.data.importers.c import EXTRA, SEVERITIES
from gridcell.data.shifts import Sources, shifts as known_shifts
from gridcell.errors import UserError

BASE = "val"
"""Of a folder of sets, the one that the missing sets are derived from."""


def synsets() -> tuple[str, ...]:
    """Return the WordNet ids of ImageNet-1K's 1,000 classes in the order of their labels."""
    from timm.data import ImageNetInfo

    return tuple(ImageNetInfo().label_names())


def read_imagenet(
    root: str | None,
    size: int,
    *,
    seed: int = 0,
    shifts: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, LabelledImages]:
    """Read a folder of ImageNet-labelled images, and derive the sets that it lacks.

    Args:
        root: either ``root/<class>/*``, or ``root/<set>/<class>/*`` with the set ``val`` and any of the
            benchmark's sets (``c`` as ``root/c/<corruption>/<severity>/<class>/*``). A class folder is named
            by WordNet id or by class index; a set may cover any of the classes.
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
    folder = Path(root)
    wanted = ("pretrain", BASE, *known_shifts())
    there = [name for name in wanted if (folder / name).is_dir()]
    if there and BASE not in there:
        raise UserError(f"{folder} has sets, but no '{BASE}' to derive the others from")
    base = read_labelled(folder / BASE if there else folder, size)
    if len(base.classes) < 2:
        raise UserError(f"{folder} has images of one class; at least two are needed")
    given = {name: _read_set(folder / name, name, size) for name in there if name != BASE}
    made = _derived(base, given, seed=seed, parameters=shifts or {})
    return {name: given[name] if name in given else made[name] for name in wanted}


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
    ids = synsets()
    label_of = {name: label for label, name in enumerate(ids)}
    found: dict[int, str] = {}
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        label = label_of.get(entry.name)
        if label is None and entry.name.isdecimal() and int(entry.name) < len(ids):
            label = int(entry.name)
        if label is None:
            raise UserError(
                f"{entry} names no ImageNet class: folders are named by WordNet id, e.g. {ids[0]}, or by "
                f"class index, 0 to {len(ids) - 1}"
            )
        if label in found:
            raise UserError(f"{folder} has two folders of one class: {found[label]} and {entry.name}")
        found[label] = entry.name
    names = tuple(found.get(label, name) for label, name in enumerate(ids))
    return replace(read_folder(folder, size, names, partial=True), class_names=ids)


def _read_set(folder: Path, name: str, size: int) -> LabelledImages:
    return _read_corruptions(folder, size) if name == "c" else replace(read_labelled(folder, size), name=name)


def _read_corruptions(folder: Path, size: int) -> LabelledImages:
    """Read ``folder/<corruption>/<severity>/<class>/*``, grouped as ``corruption/severity``.

    ImageNet-C's four extra corruptions are left out, as its importer leaves them out: they are no part of the
    benchmark's 15.

    Raises:
        UserError: A folder is something else, which would make the set another than ImageNet-C, or there is
            none.
    """
    parts = []
    for corruption in _folders(folder):
        if corruption.name in EXTRA:
            continue
        for severity in _folders(corruption):
            if corruption.name not in corruptions() or severity.name not in SEVERITIES:
                raise UserError(
                    f"{severity} is not <corruption>/<severity 1-5> of ImageNet-C's 15 corruptions"
                )
            parts.append(_one_group(read_labelled(severity, size), f"{corruption.name}/{severity.name}"))
    if not parts:
        raise UserError(f"{folder} has no <corruption>/<severity 1-5>/<class> of ImageNet-C")
    return concatenate(parts, name="c")


def _folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted by name."""
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _one_group(labelled: LabelledImages, group: str) -> LabelledImages:
    import numpy as np

    fields: dict[str, Any] = {"groups": (group,), "group_of": np.zeros(len(labelled), dtype=np.int64)}
    return replace(labelled, **fields)
