"""The user's own data: .npz and .npy arrays, folders of images, one folder per class, and shards."""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generalization_difficulty.data.batches import ArrayBatches, Batch, Batches
from gridcell.data.arrays import open_npz
from gridcell.data.folder import SUFFIXES, read_image
from gridcell.data.shards.decoded import ShardImages, is_shards, shards_fingerprint
from gridcell.errors import UserError

POINTS = ("points", "x", "X", "data", "images", "x_train")
LABELS = ("labels", "y", "Y", "target", "targets", "y_train")
"""Names under which an .npz is searched for points and labels."""

_ROWS = 256  # images of a batch
_HEAD = 1 << 16  # bytes of each image that enter a folder's fingerprint


@dataclass(frozen=True, eq=False)
class FolderBatches:
    """Images of ``root/<class>/*.png|jpg`` in batches, read anew in each pass: only a batch is in memory.

    Attributes:
        files: the images, in order.
        labels: int64 (n,), their classes.
        size: side in px that images are brought to; None: they must be of one size.
    """

    files: Sequence[Path]
    labels: NDArray[np.int64]
    size: int | None = None

    def __iter__(self) -> Iterator[Batch]:
        first: tuple[int, ...] | None = None
        for start in range(0, len(self.files), _ROWS):
            images = []
            for file in self.files[start : start + _ROWS]:
                image = read_image(file, self.size)
                first = first or image.shape
                if image.shape != first:
                    raise UserError(
                        f"{file} is {image.shape[1]} x {image.shape[0]} px, others are {first[1]} x "
                        f"{first[0]}; set data.image_size"
                    )
                images.append(image)
            yield np.stack(images), self.labels[start : start + _ROWS]


def open_data(path: str, labels: str | None = None, image_size: int | None = None) -> Batches:
    """Open the user's data as re-iterable batches.

    Args:
        path: an .npz of points and labels (names: see ``POINTS``, ``LABELS``), an .npy of points, which is
            mapped and not loaded, a folder of images with one sub-folder per class, or where
            ``gridcell data import`` left a set of shards.
        labels: the .npy of labels that goes with an .npy of points.
        image_size: side in px that images of a folder or of shards are brought to.

    Raises:
        UserError: there is nothing of that form at ``path``.
    """
    if is_shards(path):
        return ShardImages(path, image_size, _ROWS)
    file = Path(path)
    if file.is_dir():
        return _open_folder(file, image_size)
    if not file.is_file():
        raise UserError(f"There are no data at '{path}': an .npz, .npy or folder of images is expected")
    if file.suffix == ".npz":
        with open_npz(file) as arrays:
            points, classes = (
                _find(arrays, POINTS, "points", path),
                _find(arrays, LABELS, "labels", path),
            )
        return ArrayBatches(points, classes)
    if file.suffix == ".npy":
        if labels is None or not Path(labels).is_file():
            raise UserError(f"'{path}' holds points alone: set data.labels to the .npy of their labels")
        return ArrayBatches(_map(file), _map(Path(labels)))
    raise UserError(f"'{path}' is neither an .npz or .npy file nor a folder of images")


def fingerprint(path: str, labels: str | None = None) -> str:
    """Return a SHA-256 of the data at ``path``, so that a cell's id says which data it measured.

    Files are hashed whole. Of a folder's images the name, size and first 64 KiB are, so that planning does
    not read a large folder through; of shards, the manifest's checksums.

    Raises:
        UserError: there is nothing at ``path``.
    """
    if is_shards(path):
        return shards_fingerprint(path)
    root = Path(path)
    digest = hashlib.sha256()
    if root.is_dir():
        for file in sorted(entry for entry in root.rglob("*") if entry.suffix.lower() in SUFFIXES):
            with file.open("rb") as opened:
                head = hashlib.sha256(opened.read(_HEAD)).hexdigest()
            digest.update(f"{file.relative_to(root).as_posix()} {file.stat().st_size} {head}\n".encode())
        return digest.hexdigest()
    for name in filter(None, (path, labels)):
        if not Path(name).is_file():
            raise UserError(f"There are no data at '{name}': an .npz, .npy or folder of images is expected")
        with Path(name).open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _open_folder(root: Path, size: int | None) -> FolderBatches:
    classes = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    files, labels = [], []
    for label, folder in enumerate(classes):
        found = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
        files += found
        labels += [label] * len(found)
    if not files:
        raise UserError(f"'{root}' has no images; they are expected as {root}/<class name>/<any>.png")
    return FolderBatches(files, np.array(labels, dtype=np.int64), size)


def _map(file: Path) -> NDArray[Any]:
    try:
        array = np.load(file, allow_pickle=False, mmap_mode="r")
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"'{file}' can't be read as arrays of numbers: {error}") from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"'{file}' is an .npz archive and no single array: name it .npz")
    return array


def _find(arrays: Mapping[str, Any], names: Sequence[str], what: str, path: str) -> NDArray[Any]:
    for name in names:
        if name in arrays:
            return np.asarray(arrays[name])
    raise UserError(
        f"'{path}' holds {', '.join(arrays) or 'nothing'}, but no array of {what}: "
        f"name it one of {', '.join(names)}"
    )
