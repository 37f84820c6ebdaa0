"""What an importer says about a source: which files are samples, of which class and group."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from gridcell.data.folders.formats import has_image_ending
from gridcell.data.folders.left_out import LeftOut
from gridcell.data.imagenet import imagenet_wnids, label_of_wnid
from gridcell.data.importers.source import Member, Source
from gridcell.errors import UserError
from gridcell.printable import counted

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
        own: Whether these are photographs of one's own, to be turned upright and drawn on white.
        said: What else of the source is left out, a sentence each.
    """

    entries: list[Entry]
    class_names: tuple[str, ...]
    groups: tuple[str, ...] = ()
    alternatives: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    left_out: int = 0
    crop: int = 0
    own: bool = False
    said: tuple[str, ...] = ()


def without_small(layout: Layout, min_images: int, source: Source) -> Layout:
    """Return a layout without classes of fewer images; the label space of one's own set shrinks with them.

    Raises:
        UserError: No class is left.
    """
    counts = Counter(entry.label for entry in layout.entries)
    small = sorted(label for label, count in counts.items() if count < min_images)
    if not small:
        return layout
    if len(small) == len(counts):
        largest = max(counts.values())
        which = (
            "its only class, which has" if len(small) == 1 else f"all {len(small)} classes; the largest has"
        )
        raise UserError(
            f"{_named(source)}: --min-images {min_images} leaves out {which} {counted(largest, 'image')}"
        )
    names = layout.class_names
    left = LeftOut(small={names[label]: counts[label] for label in small}, least=min_images)
    entries = [entry for entry in layout.entries if entry.label not in set(small)]
    if layout.own:
        kept = [label for label in range(len(names)) if label not in set(small)]
        new = {label: place for place, label in enumerate(kept)}
        entries = [replace(entry, label=new[entry.label]) for entry in entries]
        names = tuple(names[label] for label in kept)
    return replace(layout, entries=entries, class_names=names, said=(*layout.said, left.sentence))


def images_of(source: Source) -> list[Member]:
    """Return the image files of a published set, by their names' endings: all of them are decoded later.

    Raises:
        UserError: There is none.
    """
    images = [m for m in source.members if has_image_ending(m.name)]
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
