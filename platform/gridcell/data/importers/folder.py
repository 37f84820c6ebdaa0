"""Any folder of images of one's own: one folder per class, whose names, sorted, are the label space.

By the rule of all readers of image folders (:mod:`gridcell.data.folders.classes`): an image is what its bytes
say, and one that lies deeper than ``<class>/<image>`` is refused. An archive may hold the class folders, or
the one folder that they lie in.
"""

from gridcell.data.folders.classes import class_counts, left_out, plain_name
from gridcell.data.folders.formats import HEAD, format_of, has_image_ending
from gridcell.data.folders.walk import Inventory
from gridcell.data.importers.layout import Entry, Layout
from gridcell.data.importers.registry import Importer
from gridcell.data.importers.source import Member, Source
from gridcell.printable import as_one_line


def read(source: Source) -> Layout:
    """Label images by their folder's place among the sorted names.

    Raises:
        UserError: There is no image in a class folder, or one whose class is unclear.
    """
    tops = [_top(source, part, there) for part, there in enumerate(source.inventories)]
    inside = [(member.name.removeprefix(tops[member.part]), member) for member in source.members]
    images = [(name, member) for name, member in inside if _is_image(source, member)]
    there = _joined(source.inventories, tops)
    root = ", ".join(map(str, source.paths))
    names = [name for name, _ in images]
    classes = class_counts(root, there, names)
    kept = sorted((name for name, count in classes.items() if count), key=plain_name)
    labels = {name: label for label, name in enumerate(kept)}
    left = left_out(there, names, classes, 1)
    entries = [Entry(member, labels[name.partition("/")[0]]) for name, member in images if "/" in name]
    said = (as_one_line(f"{root}: {left.sentence}"),) if left.sentence else ()
    return Layout(entries, tuple(map(plain_name, kept)), own=True, said=said)


def _is_image(source: Source, member: Member) -> bool:
    """Tell whether a member is an image by its bytes, or claims to be one by its name."""
    return has_image_ending(member.name) or format_of(source.head(member, HEAD)) not in (None, "BMP", "PPM")


def _top(source: Source, part: int, there: Inventory) -> str:
    """Return what the names of a part's members begin with before their class: the folder's own name."""
    if source.is_folder(part):
        return next(iter(there.files or there.folders), "").partition("/")[0] + "/"
    tops = {name.partition("/")[0] for name in (*there.files, *there.folders)}
    images = [name for name in there.files if has_image_ending(name)]
    if len(tops) == 1 and images and all(name.count("/") >= 2 for name in images):
        return f"{tops.pop()}/"
    return ""


def _joined(parts: list[Inventory], tops: list[str]) -> Inventory:
    both = list(zip(parts, tops, strict=True))
    return Inventory(
        files=tuple(name.removeprefix(top) for part, top in both for name in part.files),
        folders=tuple(
            name.removeprefix(top) for part, top in both for name in part.folders if f"{name}/" != top
        ),
        hidden=sum(part.hidden for part in parts),
        loops=sum(part.loops for part in parts),
        broken=sum(part.broken for part in parts),
    )


IMPORTER = Importer("folder", "A folder of images, one folder per class", read)
