"""Labelled images in memory from a folder with one folder per class, and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gridcell.data.folders import ClassFolders, open_class_folders
from gridcell.data.folders.classes import ImageFile
from gridcell.data.folders.decode import COLOUR, Unreadable, decode
from gridcell.data.images import LabelledImages
from gridcell.data.pixels import Bytes
from gridcell.errors import UserError, unknown


def read_folder(
    root: str | Path,
    size: int | None = None,
    class_names: Sequence[str] | None = None,
    *,
    partial: bool = False,
    min_images: int = 1,
) -> LabelledImages:
    """Read ``root/<class name>/<image>`` in colour, classes and files in the order of their names.

    What is left out and what is converted: :func:`gridcell.data.folders.open_class_folders` and
    :mod:`gridcell.data.folders.decode`; ``open_class_folders(root).said()`` counts it.

    Args:
        root: The folder; its name becomes the set's.
        size: Side in px to which images are brought: shorter side resized bicubically, then the centre cut
            out. None: leave them; they must be of one size then.
        class_names: The label space, in the order of the labels. None: the names of the sub-folders, sorted.
        partial: Whether folders of ``class_names`` may be missing; the set then covers the classes it has.
        min_images: Classes with fewer images are left out.

    Raises:
        UserError: No such folder; a class missing or unknown; images of different sizes; or an image
            that can't be read (named in the message).
    """
    return read_class_folders(
        open_class_folders(root, min_images=min_images), size, class_names, partial=partial
    )


def read_class_folders(
    folders: ClassFolders,
    size: int | None = None,
    class_names: Sequence[str] | None = None,
    *,
    partial: bool = False,
    chosen: Sequence[int] | NDArray[np.int64] | None = None,
) -> LabelledImages:
    """Read the images of folders that were opened; see :func:`read_folder`.

    Args:
        folders: The folders.
        size: See :func:`read_folder`.
        class_names: See :func:`read_folder`.
        partial: See :func:`read_folder`.
        chosen: Positions among all images of those that are read, in the order of :func:`folder_labels`; all
            by default.

    Example:
        >>> folders = open_class_folders("photographs")  # doctest: +SKIP
        >>> read_class_folders(folders, size=224).images.shape  # doctest: +SKIP
        (400, 224, 224, 3)
    """
    reader = FolderReader(folders, size, class_names, partial=partial)
    return reader.read(np.arange(len(reader.labels)) if chosen is None else np.asarray(chosen))


class FolderReader:
    """Reads images of folders that were opened by their positions among all; see :func:`read_class_folders`.

    Args:
        folders: The folders.
        size: See :func:`read_folder`.
        class_names: See :func:`read_folder`.
        partial: See :func:`read_folder`.

    Attributes:
        labels: Of all images, in the order of :func:`folder_labels`, int64.
        checksums: SHA-256 of their files, in the same order.
    """

    def __init__(
        self,
        folders: ClassFolders,
        size: int | None = None,
        class_names: Sequence[str] | None = None,
        *,
        partial: bool = False,
    ) -> None:
        self._names = tuple(folders.class_names if class_names is None else class_names)
        self._files = _in_order(folders, self._names, partial=partial)
        self._folders, self._size = folders, size
        self.labels = np.array([label for _, label in self._files], dtype=np.int64)
        self.checksums = [image.facts.sha256 for image, _ in self._files]
        if size is None:
            folders.check_sizes("give a size")

    def check(self, positions: NDArray[np.int64]) -> None:
        """Make sure that the images at some positions can be read.

        Raises:
            UnreadableImages: One can't be.
        """
        for position in positions:
            self._folders.read(self._files[position][0], size=self._size)

    def read(self, positions: NDArray[np.int64]) -> LabelledImages:
        """Return the images at some positions, in that order."""
        look, size = self._folders.images[0].facts.look, self._size
        height, width = (look.height, look.width) if size is None else (size, size)
        images = np.empty((len(positions), height, width, COLOUR.channels), dtype=np.uint8)
        for number, position in enumerate(positions):
            images[number] = self._folders.read(self._files[position][0], size=size)
        labels = self.labels[positions]
        return LabelledImages(
            name=self._folders.root.name or self._folders.root.resolve().name,
            images=images,
            labels=labels,
            classes=tuple(np.unique(labels).tolist()),
            class_names=self._names,
        )


def folder_labels(
    folders: ClassFolders, class_names: Sequence[str] | None = None, *, partial: bool = False
) -> NDArray[np.int64]:
    """Return the labels of all images that :func:`read_class_folders` would read, int64; reads none.

    Example:
        >>> folders = open_class_folders("photographs")  # doctest: +SKIP
        >>> np.bincount(folder_labels(folders))  # doctest: +SKIP
        array([200, 200])
    """
    names = tuple(folders.class_names if class_names is None else class_names)
    return np.array([label for _, label in _in_order(folders, names, partial=partial)], dtype=np.int64)


def _in_order(folders: ClassFolders, names: tuple[str, ...], *, partial: bool) -> list[tuple[ImageFile, int]]:
    """Return the images by their labels in a label space, each with its label."""
    stray = [name for name in folders.class_names if name not in names]
    if stray:
        raise unknown(f"class folder in {folders.root}", stray[0], names)
    missing = [name for name in names if name not in folders.class_names]
    if missing and not partial:
        raise UserError(f"{folders.root} has no folder for class '{missing[0]}' that holds images")
    place = {name: label for label, name in enumerate(names)}
    label_of = [place[name] for name in folders.class_names]
    labelled = [(image, label_of[image.label]) for image in folders.images]
    return sorted(labelled, key=lambda one: one[1])


def read_image(file: Path | BinaryIO, size: int | None, *, name: str | None = None) -> Bytes:
    """Read one image of one's own as RGB, uint8 (H, W, 3); ``size`` as for :func:`read_folder`.

    Args:
        file: Its path, or a stream.
        size: See above.
        name: What to call it in messages; by default the path.

    Raises:
        Unreadable: It can't be read.
    """
    try:
        content = file.read_bytes() if isinstance(file, Path) else file.read()
    except OSError as error:
        raise Unreadable(name or str(file), error.strerror) from error
    return decode(content, name or str(file), size=size)


def write_folder(root: str | Path, labelled: LabelledImages) -> None:
    """Write ``root/<class name>/<position in the set>.png``, without loss.

    Raises:
        UserError: ``root`` exists and is not empty, or a class's name can't be a folder's.
    """
    folder = Path(root)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not empty; choose another folder")
    add_images(folder, labelled, first=0)


def add_images(folder: Path, labelled: LabelledImages, *, first: int) -> None:
    """Write images beside those before them: ``first`` is the position of the first one in the whole set.

    Raises:
        UserError: A class's name can't be a folder's.
    """
    from PIL import Image

    for label in labelled.classes:
        check_folder_name(labelled.class_names[label])
        (folder / labelled.class_names[label]).mkdir(parents=True, exist_ok=True)
    for number, (image, label) in enumerate(zip(labelled.images, labelled.labels, strict=True), first):
        Image.fromarray(image).save(folder / labelled.class_names[label] / f"{number:08d}.png")


def check_folder_name(name: str) -> None:
    """Raise UserError for names that would leave the suite's folder or hide in it."""
    if not name or name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise UserError(f"'{name}' can't be the name of a set or class: it must do as a folder's name")
