"""What an importer says about a source: which files are samples, of which class and group."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gridcell.data.imagenet import imagenet_wnids, label_of_wnid
from gridcell.data.importers.source import Member, Source
from gridcell.errors import UserError

SUFFIXES = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png"}
NO_GROUP = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample of a published set.

    Attributes:
        member: The image file.
        label: Index into the label space.
        group: Index into the layout's groups, or -1 where it has none.
    """

    member: Member
    label: int
    group: int = NO_GROUP


@dataclass(frozen=True)
class Layout:
    """The samples of a published set, as found in a source.

    Attributes:
        entries: The samples, sorted by their files' names.
        class_names: The whole label space; position = label.
        groups: Names of the parts of the set, e.g. ``"fog/3"``; empty where it has none.
        alternatives: Label -> further labels that are right too (ObjectNet's coarser classes).
        left_out: Images that the set has beyond those of the benchmark.
        crop: Border to cut off each image, in px.
    """

    entries: list[Entry]
    class_names: tuple[str, ...]
    groups: tuple[str, ...] = ()
    alternatives: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    left_out: int = 0
    crop: int = 0


def images_of(source: Source) -> list[Member]:
    """Return the image files of a source, by their names' endings.

    Raises:
        UserError: There is none.
    """
    images = [m for m in source.members if PurePosixPath(m.name).suffix.lower() in SUFFIXES]
    if not images:
        raise UserError(f"There is no image in {_named(source)}")
    return images


def by_class_folder(source: Source, label_of: Callable[[str], int | None], expected: str) -> Layout:
    """Label each image by the name of the folder it lies in.

    Args:
        source: Where the images are.
        label_of: Folder's name -> label; None where it names no class.
        expected: For the error message: what the folders are named by.

    Raises:
        UserError: There is no image, or one lies in a folder that names no class.
    """
    entries = []
    for member in images_of(source):
        label = label_of(PurePosixPath(member.name).parent.name)
        if label is None:
            raise UserError(f"{member.name} in {_named(source)} is in no folder named by {expected}")
        entries.append(Entry(member, label))
    return Layout(entries, imagenet_wnids())


def by_wnid_folder(source: Source, allowed: tuple[int, ...] | None = None) -> Layout:
    """Label each image by the WordNet id that its folder is named by.

    Args:
        source: Where the images are.
        allowed: The labels that the set may have; None: all 1,000.

    Raises:
        UserError: There is no image, or a folder names no class, or one that the set doesn't have.
    """
    labels = {wnid: k for wnid, k in label_of_wnid().items() if allowed is None or k in allowed}
    count = "the 1,000" if allowed is None else f"this set's {len(allowed)}"
    return by_class_folder(source, labels.get, f"one of {count} WordNet ids")


def _named(source: Source) -> str:
    return ", ".join(str(path) for path in source.paths)
