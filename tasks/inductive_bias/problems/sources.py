"""Where problems come from: embedded digits, teachers of known dimension, files, folders, a control task."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridcell import UserError
from gridcell.data import ClassFolders, Target, generator, open_class_folders, read_npz
from inductive_bias.problems.kind import ProblemKind
from inductive_bias.problems.kinds import registry as problems
from inductive_bias.problems.pool import Pool, is_one_hot, make_pool


def digits() -> Pool:
    """Return scikit-learn's 1,797 handwritten digits, inputs (N, 1, 8, 8) in [0, 1], ten one-hot targets."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    return make_pool(scans.images[:, None] / 16.0, scans.target, "digits")


def teacher(dimension: int, outputs: int, width: int, points: int, seed: int) -> Pool:
    """Return what a random network with one hidden layer of tanh units says about Gaussian inputs.

    Inputs are standard normal in ``dimension`` dimensions, targets (N, outputs) have mean 0 and variance 1.
    The hidden units' inputs have variance 4 in every dimension, so that tasks differ in dimension alone.
    """
    draw = generator(seed, "teacher", dimension)
    x = draw.standard_normal((points, dimension))
    hidden = np.tanh(
        2 * x @ draw.standard_normal((dimension, width)) / np.sqrt(dimension) + draw.standard_normal(width)
    )
    y = hidden @ draw.standard_normal((width, outputs))
    return make_pool(x, (y - y.mean(axis=0)) / y.std(axis=0), f"teacher of {dimension} dimensions")


def from_npz(path: str | Path, target: Target | None = None, setting: str = "target") -> Pool:
    """Read points and labels from an npz file; see :func:`gridcell.data.arrays.read_npz` and ``make_pool``.

    uint8 is scaled from 0..255 to [0, 1].

    Args:
        path: the file.
        target: what its labels are, where that can't be told.
        setting: what that setting is called, for messages.

    Raises:
        UserError: no such file, it can't be read, or its arrays aren't points and labels.
    """
    read = read_npz(path, name=f"Problem '{Path(path).stem}'", target=target, setting=setting)
    points = read.points / 255.0 if read.points.dtype == np.uint8 else read.points
    return make_pool(points, read.labels, Path(path).stem)


def from_folder(root: str | Path | ClassFolders, size: int | None, min_images: int = 1) -> Pool:
    """Read an image folder (one folder a class): inputs (N, channels, H, W) in [0, 1], one-hot targets.

    Grey images have one channel if all are grey, and their 16 bits if all have them. Classes with fewer than
    ``min_images`` are left out.
    """
    folders = root if isinstance(root, ClassFolders) else open_class_folders(root, min_images=min_images)
    if size is None:
        folders.check_sizes("give a size")
    form = folders.form
    scale = 255.0 if form.bits == 8 else 65535.0
    images = np.stack([folders.read(image, form, size) for image in folders.images])
    labels = np.array([image.label for image in folders.images])
    return make_pool(images.transpose(0, 3, 1, 2) / scale, labels, folders.root.name)


def from_shards(uri: str, size: int | None) -> Pool:
    """Read an imported set of shards: inputs (N, channels, H, W) in [0, 1], one-hot targets."""
    from gridcell.data import ShardImages

    shards = ShardImages(uri, size, keep_grey=True)
    images, labels = zip(*shards, strict=True)
    scale = 255.0 if shards.form.bits == 8 else 1.0
    return make_pool(np.concatenate(images).transpose(0, 3, 1, 2) / scale, np.concatenate(labels), uri)


def from_dataset(dataset: Any, name: str = "data set", limit: int | None = None) -> Pool:
    """Read any torchvision-style data set: something with a length whose items are (image, label).

    Args:
        dataset: images as arrays, tensors or PIL images; colours last are brought first.
        name: for messages.
        limit: read the first so many items only.

    Raises:
        UserError: see ``make_pool``.
    """
    count = len(dataset) if limit is None else min(limit, len(dataset))
    images, labels = [], []
    for index in range(count):
        image, label = dataset[index]
        array = np.asarray(image)
        scaled = array / 255.0 if array.dtype == np.uint8 else array.astype(np.float64)
        if scaled.ndim == 2:
            scaled = scaled[None]
        elif scaled.ndim == 3 and scaled.shape[-1] in (1, 3) and scaled.shape[0] not in (1, 3):
            scaled = scaled.transpose(2, 0, 1)
        images.append(scaled)
        labels.append(int(label))
    if len({image.shape for image in images}) > 1:
        raise UserError(
            f"The images of {name} differ in size: give the data set a transform that resizes them"
        )
    return make_pool(np.stack(images), np.array(labels), name)


def few_shot(pool: Pool, *, ways: int, seed: int, name: str) -> Pool:
    """Return the points of ``ways`` classes drawn at random, with one-hot targets (N, ways).

    Args:
        pool: labelled points: one-hot targets.
        ways: how many classes.
        seed: of the draw.
        name: of the problem, for messages.

    Raises:
        UserError: targets that are no labels, or too few classes.
    """
    if not is_one_hot(pool.y):
        raise UserError(f"Problem '{name}' has no labels to draw classes from: its targets are numbers")
    if ways > pool.y.shape[1]:
        raise UserError(f"Problem '{name}' has {pool.y.shape[1]} classes, fewer than {ways} ways")
    classes = generator(seed, "ways").permutation(pool.y.shape[1])[:ways]
    y = pool.y[:, classes]
    rows = y.any(axis=1)
    return Pool(pool.x[rows], y[rows])


def make(source: Mapping[str, Any], location: str | None, *, seed: int = 0) -> Pool:
    """Return the pool of a problem's settings; see ``problems.kind.ProblemKind``.

    Args:
        source: the settings as JSON values.
        location: file or folder on this machine, for sources that have one.
        seed: of what is drawn, beside the problem's own.
    """
    name = source["source"]
    kind = problems.get(name)
    own = {key: value for key, value in source.items() if key not in ("source", "fingerprint", "seed")}
    if "fingerprint" not in source:
        return checked(kind.make(seed=1000 * source.get("seed", 0) + seed, **own), kind)
    if location is None:
        raise UserError(f"A problem of source '{name}' needs a path")
    if fingerprint(location, name, source.get("min_images", 1)) != source["fingerprint"]:
        raise UserError(f"{location} is not what it was when the grid was planned: run again to plan anew")
    return checked(kind.make(location, **own), kind)


def checked(made: Any, kind: ProblemKind) -> Pool:
    """Return what a problem's kind made as a pool; it may be inputs and targets.

    Raises:
        UserError: see ``make_pool``; or targets that are labels where the kind says numbers, or numbers where
            it says labels.
    """
    if isinstance(made, Pool):
        return made
    x, y = made
    pool = make_pool(x, y, kind.name)
    reads = "path" in kind.parameters.model_fields  # a file's targets may be either
    whole = np.asarray(y).dtype.kind in "iub" and pool.y.shape[1] != np.prod(np.shape(y)[1:], dtype=int)
    if whole and not (kind.labelled or reads):
        raise UserError(
            f"Problem '{kind.name}' gives whole numbers, which are taken for labels, and says labelled=False"
            ": give targets to regress on as floats, or say labelled=True"
        )
    if kind.labelled and not (reads or is_one_hot(pool.y)):
        raise UserError(
            f"Problem '{kind.name}' says labelled=True, and its targets are numbers: give labels as whole "
            "numbers, or say labelled=False"
        )
    return pool


def notes(
    path: str | Path,
    source: str,
    size: int | None,
    target: Target | None,
    setting: str,
    min_images: int = 1,
) -> tuple[str, ...]:
    """Return sentences on what a reader leaves out, converts or takes for granted; reads no point.

    Raises:
        UserError: the file or folder can't be read.
    """
    if source == "npz":
        return read_npz(path, target=target, setting=setting, values=False).said
    if source == "folder":
        folders = open_class_folders(path, min_images=min_images)
        if size is None:
            folders.check_sizes("set a size")
        return folders.said(folders.form, size)
    from gridcell.data import ShardImages

    return ShardImages(str(path), size, keep_grey=True).said()


def fingerprint(path: str | Path, source: str, min_images: int = 1) -> str:
    """Return a hash of a file's content, of a folder's images, or of the manifest of shards.

    Raises:
        UserError: there is no such file or folder, it can't be read, or no finished import of shards.
    """
    if source == "shards":
        from gridcell.data import shards_fingerprint

        return shards_fingerprint(str(path))[:20]
    root = Path(path).expanduser()
    if source == "folder":
        return open_class_folders(root, min_images=min_images).fingerprint[:20]
    if not root.is_file():
        raise UserError(f"There is no data file {root}")
    digest = hashlib.sha256(f"\0{root.stat().st_size}\0".encode())
    with root.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:20]
