"""Where problems come from: embedded digits, teachers of known dimension, files, folders, a control task."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridcell.data.arrays import open_npz
from gridcell.data.seeds import generator
from gridcell.errors import UserError
from inductive_bias.problems.pool import Pool, is_labelled, make_pool


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


def from_npz(path: str | Path) -> Pool:
    """Read arrays ``x`` and ``y`` from an npz file; see ``make_pool``.

    Raises:
        UserError: no such file, it can't be read, or it lacks an array.
    """
    with open_npz(path) as arrays:
        if not {"x", "y"} <= set(arrays):
            raise UserError(f"{path} must hold the arrays 'x' and 'y', not {', '.join(sorted(arrays))}")
        x, y = arrays["x"], arrays["y"]
    return make_pool(x, y, Path(path).stem)


def from_folder(root: str | Path, size: int | None) -> Pool:
    """Read an image folder (one folder a class): inputs (N, 3, H, W) in [0, 1], one-hot targets."""
    from gridcell.data.folder import read_folder

    images = read_folder(root, size)
    return make_pool(images.images.transpose(0, 3, 1, 2) / 255.0, images.labels, images.name)


def from_shards(uri: str, size: int | None) -> Pool:
    """Read an imported set of shards: inputs (N, 3, H, W) in [0, 1], one-hot targets."""
    from gridcell.data.shards.decoded import ShardImages

    images, labels = zip(*ShardImages(uri, size), strict=True)
    x = np.concatenate(images).transpose(0, 3, 1, 2) / 255.0
    return make_pool(x, np.concatenate(labels), uri)


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
    if not is_labelled(pool):
        raise UserError(f"Problem '{name}' has no labels to draw classes from: its targets are numbers")
    if ways > pool.y.shape[1]:
        raise UserError(f"Problem '{name}' has {pool.y.shape[1]} classes, fewer than {ways} ways")
    classes = generator(seed, "ways").permutation(pool.y.shape[1])[:ways]
    y = pool.y[:, classes]
    rows = y.any(axis=1)
    return Pool(pool.x[rows], y[rows])


def make(source: Mapping[str, Any], location: str | None, *, seed: int = 0) -> Pool:
    """Return the pool of a problem's settings (``inductive_bias.settings.Problem``).

    Args:
        source: the settings as JSON values.
        location: file or folder on this machine, for sources that have one.
        seed: of what is drawn, beside the problem's own.
    """
    kind = source["source"]
    drawn = 1000 * source.get("seed", 0) + seed
    if kind == "digits":
        return digits()
    if kind == "teacher":
        return teacher(source["dimension"], source["outputs"], source["width"], source["points"], drawn)
    if kind == "cartpole":
        from inductive_bias.problems.control import cartpole

        return cartpole(source["points"], drawn)
    if kind == "pendulum":
        from inductive_bias.problems.control import pendulum

        return pendulum(source["points"], drawn)
    if location is None:
        raise UserError(f"A problem of source '{kind}' needs a path")
    if fingerprint(location, kind) != source["fingerprint"]:
        raise UserError(f"{location} is not what it was when the grid was planned: run again to plan anew")
    if kind == "npz":
        return from_npz(location)
    return (from_shards if kind == "shards" else from_folder)(location, source["size"])


def fingerprint(path: str | Path, source: str) -> str:
    """Return a hash of a file's content, of a folder's names and contents, or of the manifest of shards.

    Raises:
        UserError: there is no such file or folder, or no finished import of shards.
    """
    if source == "shards":
        from gridcell.data.shards.decoded import shards_fingerprint

        return shards_fingerprint(str(path))[:20]
    root = Path(path)
    if not root.exists():
        raise UserError(f"There is no data file or folder {root}")
    files = [root] if root.is_file() else sorted(file for file in root.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(root).as_posix() if file != root else ""
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:20]
