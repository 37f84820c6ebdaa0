"""The user's own data: .npz and .npy arrays, folders of images, one folder per class, and shards."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generalization_difficulty.data.batches import PIECE, ArrayBatches, Batch, Batches
from gridcell import UserError
from gridcell.data import (
    ClassFolders,
    LabelledArrays,
    ShardImages,
    Target,
    is_shards,
    labelled_arrays,
    map_npy,
    open_class_folders,
    read_npz,
    shards_fingerprint,
)

_DEEP = 65535.0  # full scale of 16 bits
_TARGET = "data.target"
_SIZES = "set data.image_size"


@dataclass(frozen=True)
class OwnData:
    """The user's data, opened.

    Attributes:
        batches: points, whose uint8 stands for [0, 1], and their classes.
        fingerprint: SHA-256 of what is read, so that a cell's id says which data it measured.
        said: sentences on what is left out, converted or taken for granted.
    """

    batches: Batches
    fingerprint: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FolderBatches:
    """Images of ``root/<class>/<image>`` in batches, read anew in each pass: only a batch is in memory.

    Grey images keep one channel if all are grey. If all are grey and of 16 bits, points are float32 in [0,
    1]; else they are uint8.

    Attributes:
        folders: where the images are.
        size: side in px that images are brought to; None: they must be of one size.
    """

    folders: ClassFolders
    size: int | None = None

    def __iter__(self) -> Iterator[Batch]:
        if self.size is None:
            self.folders.check_sizes(_SIZES)
        form, images = self.folders.form, self.folders.images
        look = images[0].facts.look
        pixels = look.width * look.height if self.size is None else self.size**2
        rows = max(1, PIECE // (pixels * form.channels))
        for start in range(0, len(images), rows):
            some = images[start : start + rows]
            points = np.stack([self.folders.read(image, form, self.size) for image in some])
            if form.bits == 16:
                points = (points / _DEEP).astype(np.float32)
            yield points, np.array([image.label for image in some], dtype=np.int64)


def open_own(
    path: str,
    labels: str | None = None,
    image_size: int | None = None,
    target: Target | None = None,
    *,
    min_images: int = 1,
    values: bool = True,
) -> OwnData:
    """Open the user's data as re-iterable batches, and say what identifies them.

    Args:
        path: an .npz of points and labels (:mod:`gridcell.data.arrays`), an .npy of points, which is mapped
            and not loaded, a folder of images with one sub-folder per class (:mod:`gridcell.data.folders`),
            or where ``gridcell data import`` left a set of shards.
        labels: the .npy of labels that goes with an .npy of points.
        image_size: side in px that images of a folder or of shards are brought to.
        target: what labels of an .npz or .npy are; whole numbers are taken for classes.
        min_images: classes of a folder with fewer images are left out.
        values: whether an .npz's points are read; see :func:`gridcell.data.arrays.read_npz`.

    Raises:
        UserError: there is nothing of that form at ``path``, or its labels are no classes.
    """
    file = Path(path).expanduser()
    if min_images > 1 and (is_shards(path) or not file.is_dir()):
        raise UserError(f"'data.min_images' goes with a folder of images, and '{path}' is none")
    if is_shards(path):
        shards = ShardImages(path, image_size, numbers=PIECE, keep_grey=True)
        return OwnData(shards, shards_fingerprint(path), shards.said())
    if file.is_dir():
        folders = open_class_folders(file, min_images=min_images)
        if image_size is None:
            folders.check_sizes(_SIZES)
        said = folders.said(folders.form, image_size)
        return OwnData(FolderBatches(folders, image_size), folders.fingerprint, said)
    if not file.is_file():
        raise UserError(f"There are no data at '{path}': an .npz, .npy or folder of images is expected")
    if file.suffix.lower() == ".npz":
        return _own_arrays(
            read_npz(file, target=target, setting=_TARGET, default="classes", values=values), file
        )
    if file.suffix.lower() == ".npy":
        own_labels = Path(labels).expanduser() if labels is not None else None
        if own_labels is None or not own_labels.is_file():
            raise UserError(f"'{path}' holds points alone: set data.labels to the .npy of their labels")
        points, classes = map_npy(file), np.asarray(map_npy(own_labels))
        read = labelled_arrays(
            points, classes, f"'{file}'", target=target, setting=_TARGET, default="classes"
        )
        return _own_arrays(read, file, own_labels)
    raise UserError(f"'{path}' is neither an .npz or .npy file nor a folder of images")


def _own_arrays(read: LabelledArrays, *files: Path) -> OwnData:
    if read.target != "classes":
        raise UserError(
            f"The labels of '{files[0]}' are numbers, but the difficulty of a classification is measured: "
            "give classes"
        )
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return OwnData(ArrayBatches(read.points, read.labels), digest.hexdigest(), read.said)


def open_data(path: str, labels: str | None = None, image_size: int | None = None) -> Batches:
    """Open the user's data as re-iterable batches; see :func:`open_own`."""
    return open_own(path, labels, image_size).batches


def fingerprint(path: str, labels: str | None = None) -> str:
    """Return a SHA-256 of all that is read of the data at ``path``; see :func:`open_own`.

    Files and images are hashed whole. Of shards, the manifest is, which has a checksum of each.
    """
    return open_own(path, labels, image_size=1, values=False).fingerprint
