"""Where problems come from: embedded digits, teachers of known dimension, files, folders, a control task."""

import contextlib
import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell import UserError
from gridcell.data import ClassFolders, Target, generator, open_class_folders, read_npz
from inductive_bias.problems.kind import ProblemKind
from inductive_bias.problems.kinds import registry as problems
from inductive_bias.problems.pool import Pool, cut, is_one_hot, make_pool

EQUAL = "test points equal a training point"
"""By these words a report knows the note."""

_COMPARED = 1 << 30
"""Bytes of points up to which planning compares them, as it holds them for it."""


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


def said_of_copies(
    name: str, source: Mapping[str, Any], *, n_train: int, n_test: int, seeds: Sequence[int], ways: int | None
) -> tuple[str, ...]:
    """Say how many test points equal a training point, by the cuts that the cells make; nothing if none do.

    Files of images are compared by their bytes, points of an npz by their values.

    Args:
        name: of the problem.
        source: ``source`` and ``path``, and ``target`` or ``min_images`` where the source has it.
        n_train: the most training points of any cut.
        n_test: test points.
        seeds: of the cuts.
        ways: classes of a few-shot problem.

    Raises:
        UserError: the data can't be read.

    Example:
        >>> np.savez("mine.npz", x=[1.0, 2.0, 3.0, 1.0, 2.0, 3.0], y=[0, 1, 2, 0, 1, 2])
        >>> cuts = {"n_train": 4, "n_test": 2, "seeds": [2, 3], "ways": None}
        >>> said_of_copies("mine", {"source": "npz", "path": "mine.npz"}, **cuts)[0][:58]
        "Problem 'mine': 2 of 2 test points equal a training point "
    """
    content, labels = _contents(source)
    if content is None:
        return (
            f"Problem '{name}': {source['path']} has more than {_COMPARED >> 30} GiB of points: whether "
            f"{EQUAL} was not looked at",
        )
    counts = []
    for seed in seeds:
        with contextlib.suppress(UserError):  # of points that can't be cut: their cells say why
            pool = make_pool(np.arange(len(labels)), labels, name)  # the cells' cut, of numbers of points
            pool = pool if ways is None else few_shot(pool, ways=ways, seed=seed, name=name)
            split = cut(
                pool,
                n_train=n_train,
                n_test=n_test,
                dimension=None,
                standardise=False,
                seed=seed,
                name=name,
                balanced=ways is not None,
            )
            train, test = (part[:, 0].astype(int).tolist() for part in (split.x_train, split.x_test))
            known = {content(place) for place in train}
            counts.append(sum(content(place) in known for place in test))
    most, fewest = max(counts, default=0), min(counts, default=0)
    if not most:
        return ()
    several = f"{most}" if most == fewest else f"{fewest} to {most}"
    of_seeds = "" if most == fewest else ", by the seed"
    return (
        f"Problem '{name}': {several} of {n_test} {EQUAL}{of_seeds} ({n_train} training points): what is "
        "learnt by heart is right there, and the information needed is found too small",
    )


def _contents(
    source: Mapping[str, Any],
) -> tuple[Callable[[int], Hashable] | None, Sequence[Any] | NDArray[Any]]:
    """Return what is equal for points that are equal, by their places in the pool, and their labels."""
    path, kind = source["path"], source["source"]
    if kind == "npz":
        options: dict[str, Any] = {"target": source.get("target")}
        read = read_npz(path, values=False, **options)
        if read.points.nbytes > _COMPARED:
            return None, read.labels
        points = read_npz(path, **options).points
        return lambda place: points[place].tobytes(), read.labels
    if kind == "folder":
        images = open_class_folders(path, min_images=source.get("min_images", 1)).images
        return lambda place: images[place].facts.sha256, np.array([image.label for image in images])
    from gridcell.data import ShardImages

    shards = ShardImages(str(path))
    checksums = [checksum for _, checksum in shards.checksums()]
    return checksums.__getitem__, shards.samples.index().labels


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
