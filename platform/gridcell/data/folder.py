"""Plain image folders: one folder per class."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gridcell.data.images import LabelledImages
from gridcell.data.pixels import Bytes
from gridcell.errors import UserError, unknown

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def read_folder(
    root: str | Path,
    size: int | None = None,
    class_names: Sequence[str] | None = None,
    *,
    partial: bool = False,
) -> LabelledImages:
    """Read ``root/<class name>/*.png|jpg``, classes and files in the order of their names.

    Args:
        root: The folder; its name becomes the set's.
        size: Side in px to which images are brought: shorter side resized bicubically, then the centre cut
            out. None: leave them; they must be of one size then.
        class_names: The label space, in the order of the labels. None: the names of the sub-folders, sorted.
        partial: Whether folders of ``class_names`` may be missing; the set then covers the classes it has.

    Raises:
        UserError: No such folder; a class missing, empty or unknown; images of different sizes; or an image
            that can't be read (named in the message).
    """
    folder = Path(root)
    if not folder.is_dir():
        raise UserError(f"There is no image folder {folder}")
    found = sorted(
        entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise UserError(
            f"{folder} has no class folders; images are expected as {folder}/<class name>/<any>.png"
        )
    names = tuple(found if class_names is None else class_names)
    stray = [name for name in found if name not in names]
    if stray:
        raise unknown(f"class folder in {folder}", stray[0], names)
    missing = [name for name in names if name not in found]
    if missing and not partial:
        raise UserError(f"{folder} has no folder for class '{missing[0]}'")
    images: list[Bytes] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        if name not in found:
            continue
        files = sorted(file for file in (folder / name).iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise UserError(f"{folder} has no image of class '{name}'")
        for file in files:
            image = read_image(file, size)
            if images and image.shape != images[0].shape:
                raise UserError(
                    f"{file} is {image.shape[:2]} px, others are {images[0].shape[:2]}; give a size"
                )
            images.append(image)
            labels.append(label)
    return LabelledImages(
        name=folder.name,
        images=np.stack(images),
        labels=np.array(labels, dtype=np.int64),
        classes=tuple(sorted(set(labels))),
        class_names=names,
    )


def read_image(file: Path | BinaryIO, size: int | None, *, name: str | None = None) -> Bytes:
    """Read one image as RGB, uint8 (H, W, 3); ``size`` as for :func:`read_folder`.

    Args:
        file: Its path, or a stream.
        size: See above.
        name: What to call it in messages; by default the path.

    Raises:
        UserError: It can't be read.
    """
    from PIL import Image

    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"Image {name or file} can't be read: {error}") from error
    if size is not None:
        scale = size / min(image.size)
        width, height = (max(size, round(length * scale)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image, dtype=np.uint8)


def write_folder(root: str | Path, labelled: LabelledImages) -> None:
    """Write ``root/<class name>/<position in the set>.png``, without loss.

    Raises:
        UserError: ``root`` exists and is not empty, or a class's name can't be a folder's.
    """
    from PIL import Image

    folder = Path(root)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is not empty; choose another folder")
    for label in labelled.classes:
        check_folder_name(labelled.class_names[label])
        (folder / labelled.class_names[label]).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(labelled.images, labelled.labels, strict=True)):
        Image.fromarray(image).save(folder / labelled.class_names[label] / f"{number:08d}.png")


def check_folder_name(name: str) -> None:
    """Raise UserError for names that would leave the suite's folder or hide in it."""
    if not name or name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise UserError(f"'{name}' can't be the name of a set or class: it must do as a folder's name")
