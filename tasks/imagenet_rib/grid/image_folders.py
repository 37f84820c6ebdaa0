"""Folders of images of ImageNet's classes or of one's own: which sets are there, and what identifies each.

What is hashed here is what ``cells.image_sets`` reads: the same files, found by the same function.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError, unknown
from gridcell.data import (
    BUILT_IN,
    EXTRA_CORRUPTIONS,
    SEVERITY_FOLDERS,
    ClassFolders,
    all_corruptions,
    folder_labels,
    imagenet_names,
    imagenet_wnids,
    is_hidden,
    open_class_folders,
    shift,
    shifts_in_order,
    sizes_of,
)
from imagenet_rib.grid.slices import CORRUPTED
from imagenet_rib.vocabulary import PRETRAIN, VAL

Classes = Literal["auto", "imagenet", "own"]

_OWN = "If they are classes of your own: --set data.classes=own"

FEW = 10
"""Classes of one's own are often numbered: so many folders, named by numbers up to this one, are noted."""


def known_sets() -> tuple[str, ...]:
    """Return the names that a set can have, in order: the benchmark's, and those of shifts from outside."""
    return (PRETRAIN, VAL, *shifts_in_order())


@dataclass(frozen=True)
class Part:
    """Images of one set: all of it, or those of one ``corruption/severity`` of set ``c``.

    Attributes:
        group: ``corruption/severity``, or empty.
        folders: The class folders.
        label_of: Name of a class folder -> label.
        own: The label space where it is one's own; None for ImageNet's 1,000 classes.
    """

    group: str
    folders: ClassFolders
    label_of: Mapping[str, int]
    own: tuple[str, ...] | None = None

    @property
    def space(self) -> tuple[str, ...]:
        """The label space of the set that is read."""
        return imagenet_wnids() if self.own is None else self.own

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the class folders by label, of absent ones the label space's: those of the folder."""
        name_of = {label: name for name, label in self.label_of.items()}
        return tuple(name_of.get(label, name) for label, name in enumerate(self.space))

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of the images in the order in which they are read, int64."""
        return folder_labels(self.folders, self.class_names, partial=True)

    @cached_property
    def checksums(self) -> list[str]:
        """SHA-256 of the images' files, in the same order."""
        names = self.folders.class_names
        in_order = sorted(self.folders.images, key=lambda image: self.label_of[names[image.label]])
        return [image.facts.sha256 for image in in_order]

    @cached_property
    def sizes(self) -> dict[int, int]:
        """Label -> images; copies of an image are dealt with it, and don't count."""
        return sizes_of(self.labels, self.checksums)

    @property
    def copies(self) -> int:
        """How many images are copies of others."""
        return len(self.folders.images) - sum(self.sizes.values())

    @property
    def is_numbered(self) -> bool:
        """Whether a few folders are named by small numbers, which may be meant for classes of one's own."""
        names = self.folders.class_names
        return (
            self.own is None
            and len(names) <= FEW
            and all(name.isdecimal() and int(name) <= FEW for name in names)
        )

    def said_of_numbers(self) -> str:
        """Say what the folders' numbers are taken for."""
        names = self.folders.class_names
        first = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        return (
            f"{self.folders.root}: class folders named {first} are "
            f"read by ImageNet's class index: {names[0]} is {imagenet_names()[self.label_of[names[0]]]}. "
            f"{_OWN}"
        )


def fingerprint_of(parts: Sequence[Part]) -> str:
    """Return the SHA-256 of the names and bytes of all images of a set that are read."""
    named = [[part.group, part.folders.fingerprint] for part in parts]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


@dataclass(frozen=True)
class ImageSets:
    """What a folder of ImageNet-labelled images holds.

    Attributes:
        root: The folder.
        given: The sets that are there, by name; ``val`` always is.
        left_out: Names in the folder that are no set.
    """

    root: Path
    given: Mapping[str, tuple[Part, ...]]
    left_out: tuple[str, ...] = ()

    @property
    def base(self) -> Part:
        """What the missing sets are derived from."""
        return self.given[VAL][0]

    @property
    def own(self) -> tuple[str, ...] | None:
        """The label space where it is one's own; None for ImageNet's 1,000 classes."""
        return self.base.own

    @property
    def class_names(self) -> tuple[str, ...]:
        """The label space."""
        return self.base.space

    def covered(self, name: str, *, dealt: bool) -> tuple[str, ...]:
        """Return the classes that a set has images of; none where it can't be had.

        Args:
            name: Of the set.
            dealt: Whether the images of ``val`` are dealt out to it where it isn't there: some of each class.
        """
        if name in self.given:
            labels = {label for part in self.given[name] for label in part.labels.tolist()}
            return tuple(self.class_names[label] for label in sorted(labels))
        return tuple(self.class_names[label] for label in np.unique(self.base.labels)) if dealt else ()

    @property
    def val_is_whole(self) -> bool:
        """Whether all images of ``val`` are validated on.

        They are dealt out only where they must be: to be pre-trained on, or for those of the benchmark's sets
        that have images of their own, which would else be validated on as well.
        """
        fresh = {name for name in BUILT_IN if shift(name).source == "fresh"}
        return {PRETRAIN, *fresh} <= self.given.keys()

    def said(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Say what is left out, converted and derived of the sets that are wanted, a sentence each."""
        parts = [part for parts in self.given.values() for part in parts]
        said = [*what_is_said(parts), *[part.said_of_numbers() for part in parts if part.is_numbered][:1]]
        if self.own is not None:
            said.append(
                f"{self.root}: {_counted(self.own)} of your own: no folder is named by a class of ImageNet"
            )
        if self.left_out:
            advice = f"; call a folder 'train' '{PRETRAIN}' to use it" if "train" in self.left_out else ""
            names = ", ".join(self.left_out)
            said.append(f"{self.root}: {names} left out: no set of the benchmark{advice}")
        derived = [name for name in known_sets() if name in wanted and name not in self.given]
        if derived:
            said.append(f"{self.root}: {', '.join(derived)} derived from {VAL}, as they are not there")
        return tuple(said)


def what_is_said(parts: Sequence[Part]) -> Iterator[str]:
    """Say what of a set is left out and converted, a sentence each."""
    for part in parts:
        yield from part.folders.said()


def open_sets(root: str | Path, min_images: int = 1, classes: Classes = "auto") -> ImageSets:
    """Find ``root/<class>/*``, or ``root/<set>/<class>/*`` with the set ``val`` and any of the others.

    Args:
        root: the folder.
        min_images: classes of a set with fewer images are left out; of set ``c`` at each severity.
        classes: whose classes the folders of ``val`` name: ``imagenet``'s, one's ``own``, or ``auto``: one's
            own where no folder names a class of ImageNet. Those of the other sets are among them.

    Raises:
        UserError: There is no such folder or no ``val`` among sets, a link to a set is broken, a folder's
            name is no class, or what :func:`gridcell.data.folders.open_class_folders` finds.
    """
    folder, there = _sets_in(root)
    folders = open_class_folders(folder / VAL if there else folder, min_images=min_images)
    own = _own_space(folders, classes)
    given = {name: open_set(root, name, min_images, own) for name in there if name != VAL}
    given[VAL] = (Part("", folders, class_labels(folders, own), own),)
    in_order = {name: given[name] for name in known_sets() if name in given}
    strange = tuple(name for name in _visible(folder) if name not in known_sets()) if there else ()
    return ImageSets(folder, in_order, strange)


def open_set(
    root: str | Path, name: str, min_images: int = 1, own: Sequence[str] | None = None
) -> tuple[Part, ...]:
    """Find the images of one set in such a folder; see :func:`open_sets`.

    Args:
        root: the folder.
        name: of the set.
        min_images: see :func:`open_sets`.
        own: the label space where it is one's own; None for ImageNet's 1,000 classes.
    """
    folder, there = _sets_in(root)
    if name == VAL and not there:
        return (_part(folder, min_images, own),)
    if name == CORRUPTED:
        return _corrupted(folder / name, min_images, own)
    return (_part(folder / name, min_images, own),)


def _sets_in(root: str | Path) -> tuple[Path, list[str]]:
    """Return the folder, and the names of the sets in it; none where it holds classes itself."""
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"There is no image folder {folder}")
    for name in _visible(folder):
        if name in known_sets() and not (folder / name).is_dir():
            raise UserError(f"{folder / name} should be the folder of set '{name}', but is none")
    there = [name for name in known_sets() if (folder / name).is_dir()]
    if there and VAL not in there:
        raise UserError(
            f"{folder} has sets, but no '{VAL}' to derive the others from; if {', '.join(there)} are classes "
            "of your own and no sets, call them otherwise"
        )
    return folder, there


def _visible(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not is_hidden(entry.name))


def _part(folder: Path, min_images: int, own: Sequence[str] | None, group: str = "") -> Part:
    folders = open_class_folders(folder, min_images=min_images)
    return Part(group, folders, class_labels(folders, own), None if own is None else tuple(own))


def _own_space(folders: ClassFolders, classes: Classes) -> tuple[str, ...] | None:
    """Return the classes of one's own that folders name; None where they name ImageNet's.

    Raises:
        UserError: It is one class of one's own.
    """
    if classes == "imagenet":
        return None
    named = [name for name in folders.class_names if _imagenet_label(name) is not None]
    if classes != "own" and named:
        return None
    if len(folders.class_names) < 2:
        raise UserError(
            f"{folders.root} has images of one class of your own, {folders.class_names[0]}; at least two are "
            "needed, each in a folder of its name"
        )
    return folders.class_names


@cache
def _known_ids() -> Mapping[str, int]:
    return {name: label for label, name in enumerate(imagenet_wnids())}


def _imagenet_label(name: str) -> int | None:
    """Return the label that a WordNet id or a class index stands for; None for any other name."""
    label = _known_ids().get(name)
    if label is None and name.isascii() and name.isdecimal() and int(name) < len(_known_ids()):
        return int(name)
    return label


def class_labels(folders: ClassFolders, own: Sequence[str] | None = None) -> dict[str, int]:
    """Return the label of each class folder by its name.

    Args:
        folders: The class folders.
        own: The label space where it is one's own; None for ImageNet's, whose classes are named by WordNet id
            or class index.

    Raises:
        UserError: A name is no class, or two folders name one class.
    """
    if own is not None:
        place = {name: label for label, name in enumerate(own)}
        for name in folders.class_names:
            if name not in place:
                raise unknown(f"class in {folders.root}:", name, own)
        return {name: place[name] for name in folders.class_names}
    ids = imagenet_wnids()
    found: dict[int, str] = {}
    for name in folders.class_names:
        label = _imagenet_label(name)
        if label is None:
            raise UserError(
                f"{folders.root / name} names no ImageNet class: folders are named by WordNet id, e.g. "
                f"{ids[0]}, or by class index, 0 to {len(ids) - 1}. {_OWN}"
            )
        if label in found:
            raise UserError(f"{folders.root} has two folders of one class: {found[label]} and {name}")
        found[label] = name
    return {name: label for label, name in found.items()}


def _counted(names: Sequence[str]) -> str:
    first = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
    return f"{len(names):,} classes ({first})"


def _corrupted(folder: Path, min_images: int, own: Sequence[str] | None) -> tuple[Part, ...]:
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
            parts.append(_part(severity, min_images, own, f"{corruption.name}/{severity.name}"))
    if not parts:
        raise UserError(f"{folder} has no <corruption>/<severity 1-5>/<class> of ImageNet-C")
    return tuple(parts)


def _folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted by name."""
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name))
