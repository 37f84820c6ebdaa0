"""Folders of images labelled with ImageNet's classes: which sets are there, and what identifies them.

What is hashed here is what ``cells.image_sets`` reads: the same files, found once.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gridcell import UserError
from gridcell.data import (
    EXTRA_CORRUPTIONS,
    SEVERITY_FOLDERS,
    ClassFolders,
    all_corruptions,
    imagenet_wnids,
    is_hidden,
    open_class_folders,
    shifts_in_order,
)

BASE = "val"
"""Of a folder of sets, the one that the missing sets are derived from."""

CORRUPTED = "c"
SETS = ("pretrain", BASE, *shifts_in_order())


@dataclass(frozen=True)
class Part:
    """Images of one set: all of it, or those of one ``corruption/severity`` of set ``c``.

    Attributes:
        group: ``corruption/severity``, or empty.
        folders: The class folders.
        label_of: Name of a class folder -> label.
    """

    group: str
    folders: ClassFolders
    label_of: Mapping[str, int]


@dataclass(frozen=True)
class ImageSets:
    """What a folder of ImageNet-labelled images holds.

    Attributes:
        root: The folder.
        base: What the missing sets are derived from.
        given: The other sets that are there, by name.
        left_out: Names in the folder that are no set.
    """

    root: Path
    base: Part
    given: Mapping[str, tuple[Part, ...]]
    left_out: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the sets' names, and of the names and bytes of all images that are read."""
        parts = [[BASE, "", self.base.folders.fingerprint]]
        parts += [[name, p.group, p.folders.fingerprint] for name, some in self.given.items() for p in some]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def said(self) -> tuple[str, ...]:
        """What is left out, converted and derived, a sentence each."""
        parts = [self.base, *(part for some in self.given.values() for part in some)]
        said = [sentence for part in parts for sentence in part.folders.said()]
        if self.left_out:
            said.append(f"{self.root}: {', '.join(self.left_out)} left out: no set of the benchmark")
        derived = [name for name in SETS if name != BASE and name not in self.given]
        if derived:
            said.append(f"{self.root}: {', '.join(derived)} derived from {BASE}, as they are not there")
        return tuple(said)


def open_sets(root: str | Path) -> ImageSets:
    """Find ``root/<class>/*``, or ``root/<set>/<class>/*`` with the set ``val`` and any of the others.

    Raises:
        UserError: There is no such folder or no ``val`` among sets, a link to a set is broken, a folder's
            name is no class, or what :func:`gridcell.data.folders.open_class_folders` finds.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"There is no image folder {folder}")
    entries = sorted(entry for entry in folder.iterdir() if not is_hidden(entry.name))
    for entry in entries:
        if entry.name in SETS and not entry.is_dir():
            raise UserError(f"{entry} should be the folder of set '{entry.name}', but is none")
    there = [name for name in SETS if (folder / name).is_dir()]
    if not there:
        return ImageSets(folder, _part(folder), {})
    if BASE not in there:
        raise UserError(f"{folder} has sets, but no '{BASE}' to derive the others from")
    given = {
        name: _corrupted(folder / name) if name == CORRUPTED else (_part(folder / name),)
        for name in there
        if name != BASE
    }
    strange = tuple(entry.name for entry in entries if entry.name not in SETS)
    return ImageSets(folder, _part(folder / BASE), given, strange)


def _part(folder: Path, group: str = "") -> Part:
    folders = open_class_folders(folder)
    return Part(group, folders, class_labels(folders))


def class_labels(folders: ClassFolders) -> dict[str, int]:
    """Return the label of each class folder by its name, a WordNet id or a class index.

    Raises:
        UserError: A name is no class, or two folders name one class.
    """
    ids = imagenet_wnids()
    known = {name: label for label, name in enumerate(ids)}
    found: dict[int, str] = {}
    for name in folders.class_names:
        label = known.get(name)
        if label is None and name.isascii() and name.isdecimal() and int(name) < len(ids):
            label = int(name)
        if label is None:
            raise UserError(
                f"{folders.root / name} names no ImageNet class: folders are named by WordNet id, e.g. "
                f"{ids[0]}, or by class index, 0 to {len(ids) - 1}"
            )
        if label in found:
            raise UserError(f"{folders.root} has two folders of one class: {found[label]} and {name}")
        found[label] = name
    return {name: label for label, name in found.items()}


def _corrupted(folder: Path) -> tuple[Part, ...]:
    """Find ``folder/<corruption>/<severity>/<class>/*``.

    ImageNet-C's four extra corruptions are left out, as its importer leaves them out: they are no part of the
    benchmark's 15.

    Raises:
        UserError: A folder is something else, which would make the set another than ImageNet-C, or there is
            none.
    """
    parts = []
    for corruption in _folders(folder):
        if corruption.name in EXTRA_CORRUPTIONS:
            continue
        for severity in _folders(corruption):
            if corruption.name not in all_corruptions() or severity.name not in SEVERITY_FOLDERS:
                raise UserError(
                    f"{severity} is not <corruption>/<severity 1-5> of ImageNet-C's 15 corruptions"
                )
            parts.append(_part(severity, f"{corruption.name}/{severity.name}"))
    if not parts:
        raise UserError(f"{folder} has no <corruption>/<severity 1-5>/<class> of ImageNet-C")
    return tuple(parts)


def _folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted by name."""
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name))
