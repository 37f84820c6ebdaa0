"""A folder of class folders: which images it has, of which class, and what of it is not read."""

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gridcell.data.folders.decode import COLOUR, Form, Look, Unreadable, decode, unreadable
from gridcell.data.folders.facts import Facts, facts_of, read_again
from gridcell.data.folders.left_out import (
    LeftOut,
    converted,
    endings,
    odd_endings,
    said_of_case,
    said_of_copies,
)
from gridcell.data.folders.walk import File, Inventory, walk
from gridcell.errors import UserError
from gridcell.printable import as_one_line


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image of a class folder.

    Attributes:
        name: Path inside the folder, ``<class>/<file>``.
        place: Where it is.
        label: Index into the folder's classes.
        facts: Its checksum and what its header says.
    """

    name: str
    place: str
    label: int
    facts: Facts

    @property
    def path(self) -> Path:
        """Where it is, as a path."""
        return Path(self.place)


@dataclass(frozen=True)
class ClassFolders:
    """The images of ``root/<class>/<image>``, in the order in which they are hashed and read.

    Attributes:
        root: The folder.
        class_names: Names of the class folders that have images, sorted; position = label.
        images: By class, then by file's name.
        left_out: What else lies there.
    """

    root: Path
    class_names: tuple[str, ...]
    images: tuple[ImageFile, ...]
    left_out: LeftOut

    @property
    def looks(self) -> Iterator[Look]:
        """What the images' headers say."""
        return (image.facts.look for image in self.images)

    @cached_property
    def form(self) -> Form:
        """Channels and bits that keep all that the images hold."""
        return Form.of(self.looks)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names and bytes of the images, wherever the folder lies: 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for image in self.images:
            folder, _, file = image.name.partition("/")
            digest.update(json.dumps([plain_name(folder), plain_name(file), image.facts.sha256]).encode())
        return digest.hexdigest()

    def said(self, form: Form = COLOUR, size: int | None = None) -> tuple[str, ...]:
        """Say what is left out, what is converted if images are brought to ``form``, and what is alike.

        Args:
            form: See :class:`gridcell.data.folders.decode.Form`.
            size: Side in px that images are brought to; None: each keeps its own.
        """
        sentences = (
            self.left_out.sentence,
            converted(self.looks, form, square=size is not None),
            said_of_case(self.class_names),
            *said_of_copies((image.name, image.facts.sha256) for image in self.images),
        )
        return tuple(as_one_line(f"{self.root}: {sentence}") for sentence in sentences if sentence)

    def check_sizes(self, advice: str) -> None:
        """Make sure that all images are of one size.

        Raises:
            UserError: They are not; ends with ``advice``.
        """
        first = self.images[0].facts.look
        for image in self.images:
            look = image.facts.look
            if (look.width, look.height) != (first.width, first.height):
                raise UserError(
                    f"{image.path} is {look.width} x {look.height} px, {self.images[0].path} is "
                    f"{first.width} x {first.height} px: {advice}"
                )

    def read(self, image: ImageFile, form: Form = COLOUR, size: int | None = None) -> NDArray[Any]:
        """Return an image's pixels; see :func:`gridcell.data.folders.decode.decode`.

        Raises:
            UnreadableImages: It is damaged. All such images of the folder are named: they are looked for now
                that one is known, so that whoever has none does not wait for it.
            UserError: Its bytes changed since the folder was opened.
        """
        content = read_again(image.path, image.facts.sha256)
        try:
            return decode(content, str(image.path), form=form, size=size)
        except Unreadable as error:
            broken = broken_of(((one.name, one.path, one.facts.sha256) for one in self.images), size)
            raise unreadable(list(broken.values())) from error


def open_class_folders(root: str | Path, *, min_images: int = 1, skip_corrupt: bool = False) -> ClassFolders:
    """Find the images of ``root/<class>/<image>``; read each once for its checksum, or trust what is kept.

    Args:
        root: The folder, which may hold links; ``~`` is the user's home.
        min_images: Classes with fewer are left out.
        skip_corrupt: Whether images that can't be decoded are left out, and counted. Each is decoded for it.

    Raises:
        UserError: There is no such folder or no image in it; an image lies deeper, so its class is unclear;
            two names are one class; or images can't be read.

    Example:
        >>> folders = open_class_folders("photographs", min_images=5)  # doctest: +SKIP
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"There is no image folder {folder}")
    tree = walk(folder)
    corrupt: dict[str, str] = {}
    known = facts_of(folder, tree.files, corrupt if skip_corrupt else None)
    facts = dict(zip((file.name for file in tree.files), known, strict=True))
    if skip_corrupt:
        whole = [(file.name, file.path, one.sha256) for file in tree.files if (one := facts[file.name])]
        for name, error in broken_of(whole).items():
            corrupt[name], facts[name] = error.why, None
    images = [file for file in tree.files if facts[file.name] is not None]
    names_of_images = [file.name for file in images]
    there = tree.inventory
    classes = class_counts(folder, there, names_of_images)
    kept = {name for name, count in classes.items() if count >= min_images}
    if not kept:
        largest = max(classes.values())
        raise UserError(
            f"{folder} has no class of {min_images} or more images: the largest of {len(classes)} has "
            f"{largest}"
        )
    names = tuple(sorted(kept, key=plain_name))
    label_of = {name: label for label, name in enumerate(names)}
    left = left_out(there, names_of_images, classes, min_images, corrupt)
    found = [_image(file, label_of, facts[file.name]) for file in images if _class_of(file.name) in kept]
    return ClassFolders(folder, tuple(map(plain_name, names)), tuple(sorted(found, key=_order)), left)


def broken_of(images: Iterable[tuple[str, Path, str]], size: int | None = 1) -> dict[str, Unreadable]:
    """Decode images, and return name -> why, of those that can't be decoded or are too narrow to resize.

    Args:
        images: Name, place and SHA-256 of each.
        size: See :func:`gridcell.data.folders.decode.decode`.

    Raises:
        UserError: The bytes of one changed.
    """
    found = {}
    for name, path, sha256 in images:
        try:
            decode(read_again(path, sha256), str(path), size=size)
        except Unreadable as error:
            found[name] = error
    return found


def _image(file: File, label_of: dict[str, int], facts: Facts | None) -> ImageFile:
    assert facts is not None  # those of images alone are asked for
    return ImageFile(file.name, file.place, label_of[_class_of(file.name)], facts)


def _order(image: ImageFile) -> tuple[int, str, str]:
    return image.label, plain_name(image.name), image.name


def class_counts(root: object, there: Inventory, images: Iterable[str]) -> dict[str, int]:
    """Return the images of each class folder, of those without any too, by the rule of all readers.

    Args:
        root: The folder, for messages.
        there: What lies in it.
        images: Which of its files are images.

    Raises:
        UserError: There is no class folder or no image; an image lies deeper; two names are one class.
    """
    classes = {name: 0 for name in there.folders if "/" not in name}
    deeper: list[str] = []
    found = 0
    for name in images:
        found += 1
        depth = name.count("/")
        if depth == 1:
            classes[_class_of(name)] += 1
        elif depth > 1:
            deeper.append(name)
    if not classes:
        raise UserError(
            f"{root} has no images in class folders, and no class folders; images are expected as "
            f"{root}/<class name>/<any>.png"
        )
    if not found:
        raise UserError(f"{root} has no images; they are expected as {root}/<class name>/<any>.png")
    if deeper:
        raise _too_deep(root, deeper[0], flat=any(classes.values()))
    if not any(classes.values()):
        raise UserError(f"{root} has images, but none in a class folder: put them in {root}/<class name>/")
    same = Counter(plain_name(name) for name in classes)
    twice = [name for name, count in same.items() if count > 1]
    if twice:
        raise UserError(f"{root} has two folders whose names both read '{twice[0]}': rename one")
    return classes


def left_out(
    there: Inventory,
    images: Iterable[str],
    classes: dict[str, int],
    min_images: int,
    corrupt: Mapping[str, str] | None = None,
) -> LeftOut:
    """Return what of a folder is not read, or is in spite of its name.

    Arguments are as for :func:`class_counts`, its answer, and name -> why of images that can't be read.
    """
    known, corrupt = set(images), corrupt or {}
    return LeftOut(
        corrupt=corrupt,
        formats=endings(name for name in there.files if name not in known and name not in corrupt),
        outside=sum("/" not in name for name in known),
        empty=tuple(sorted(name for name, count in classes.items() if not count)),
        small={name: count for name, count in sorted(classes.items()) if 0 < count < min_images},
        least=min_images,
        hidden=there.hidden,
        loops=there.loops,
        broken=there.broken,
        odd=odd_endings(name for name in known if classes.get(_class_of(name), 0) >= min_images),
    )


def _too_deep(root: object, name: str, *, flat: bool) -> UserError:
    top, below, *_ = name.split("/")
    if not flat:
        return UserError(
            f"{root} has no images in its own class folders, but {name}: if the classes are the folders in "
            f"{root}/{top}, name that folder"
        )
    return UserError(
        f"{root}/{name} lies deeper than <class>/<image>, so its class may be '{top}' or '{below}': move it "
        f"to {root}/{top}, or hide its folder by a dot before the name"
    )


def _class_of(name: str) -> str:
    return name.partition("/")[0]


def plain_name(name: str) -> str:
    """Return a name as all systems write it: macOS stores accents as signs of their own.

    Signs that can't be printed, and bytes that are no text, are written as escapes.
    """
    return as_one_line(unicodedata.normalize("NFC", name))
