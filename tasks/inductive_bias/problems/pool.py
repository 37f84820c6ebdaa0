"""A pool of inputs and targets, and one experiment's training and test points cut from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridcell import UserError
from gridcell.data import generator
from inductive_bias.problems.vector_size import Extent

Floats = NDArray[np.float64]

_SQUARED = 1e-140, 1e140
"""Sizes of values between which float64 holds sums of their squares."""

COLOURS = (1, 3)
"""Channels of images, grey or coloured: an axis of another length is height or width."""


@dataclass(frozen=True, eq=False)
class Pool:
    """All points of a problem: ``x`` float64 (N, d) or (N, channels, height, width), ``y`` float64 (N, k)."""

    x: Floats
    y: Floats

    def save(self, path: Path) -> None:
        """Write as npz."""
        np.savez_compressed(path, x=self.x, y=self.y)

    @classmethod
    def load(cls, path: Path) -> "Pool":
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["x"], file["y"])


@dataclass(frozen=True, eq=False)
class Split:
    """One experiment: float64 inputs (n, ...) and targets (n, k), for training and for testing.

    Attributes:
        variance: mean squared error of the best constant prediction on the test points; the unit of
            relative errors.
    """

    x_train: Floats
    y_train: Floats
    x_test: Floats
    y_test: Floats
    variance: float


def make_pool(x: ArrayLike, y: ArrayLike, name: str) -> Pool:
    """Check arrays and bring labels to one-hot targets.

    Args:
        x: inputs (N, ...): vectors, or images (N, channels, height, width).
        y: integer labels (N,) or (N, 1), which become one-hot, or real targets (N,) or (N, k).
        name: of the problem, for messages.

    Raises:
        UserError: shapes other than these, not as many inputs as targets, images whose colours come last,
            values that are masked, aren't finite, or whose squares no float64 holds, or constant labels or
            inputs.
    """
    if np.ma.is_masked(x) or np.ma.is_masked(y):
        raise UserError(f"Problem '{name}' has masked inputs or labels: leave out the points they belong to")
    inputs, targets = np.asarray(x), np.asarray(y)
    _check_arrays(inputs, targets, name)
    if inputs.ndim == 1:
        inputs = inputs[:, None]
    if inputs.ndim not in (2, 4):
        inputs = inputs.reshape(len(inputs), -1)
    return Pool(inputs.astype(np.float64), _targets(targets))


def is_one_hot(y: Floats) -> bool:
    """Say whether targets (N, k) are one-hot labels."""
    binary = ((y == 0) | (y == 1)).all()
    return bool(y.shape[1] > 1 and binary and (y.sum(axis=1) == 1).all())


def check_labels(y: Floats) -> None:
    """Raise UserError where targets (N, k) are numbers, of which none is right or wrong."""
    if not is_one_hot(y):
        raise UserError(
            "The setting 'accuracy' asks for right labels, and this problem's targets are numbers"
        )


def _check_arrays(inputs: NDArray[Any], targets: NDArray[Any], name: str) -> None:
    """Raise UserError for arrays that nothing can be learned from, see ``make_pool``."""
    if inputs.ndim < 1 or targets.ndim not in (1, 2):
        raise UserError(
            f"Problem '{name}' has inputs of shape {inputs.shape} and labels of shape {targets.shape}: "
            "give inputs (N, ...) and labels (N,) or targets (N, k)"
        )
    if len(inputs) != len(targets) or len(inputs) < 2:
        raise UserError(
            f"Problem '{name}' has {len(inputs)} inputs and {len(targets)} labels: "
            "give at least 2 of each, equally many"
        )
    if inputs.ndim == 4 and inputs.shape[-1] in COLOURS and inputs.shape[1] not in COLOURS:
        raise UserError(
            f"Problem '{name}' has images of shape {inputs.shape}: colours must come first, "
            "(N, channels, height, width)"
        )
    if inputs.dtype.kind not in "fiub" or targets.dtype.kind not in "fiub":
        raise UserError(f"Problem '{name}' has inputs or labels that are not numbers")
    if not np.isfinite(inputs).all() or not np.isfinite(targets).all():
        raise UserError(f"Problem '{name}' has inputs or labels that are not finite (NaN or infinite)")
    for what, values in (("inputs", inputs), ("labels", targets)):
        largest = float(np.abs(values.astype(np.float64)).max(initial=0.0))
        if largest and not _SQUARED[0] < largest < _SQUARED[1]:
            raise UserError(
                f"Problem '{name}' has {what} up to {largest:.3g}, whose squares no 64-bit number holds: "
                "give them in another unit"
            )
    if (targets == targets[:1]).all():
        raise UserError(f"All labels of problem '{name}' are equal: there is nothing to learn")
    if (inputs == inputs[:1]).all():
        raise UserError(f"All inputs of problem '{name}' are equal: nothing tells its labels apart")


def _targets(targets: NDArray[Any]) -> Floats:
    """Return float64 targets (N, k): one-hot for integer labels (N,) or (N, 1), else as they are."""
    column = targets[:, None] if targets.ndim == 1 else targets
    if column.shape[1] == 1 and column.dtype.kind in "iub":
        column = column == np.unique(column)[None, :]
    return column.astype(np.float64)


def cut(
    pool: Pool,
    *,
    n_train: int,
    n_test: int,
    dimension: int | None,
    standardise: bool,
    seed: int,
    name: str,
    balanced: bool = False,
) -> Split:
    """Cut training and test points at random, and standardise and project the inputs.

    The test points depend on the seed alone and the training points are the first ``n_train`` of one random
    order, so that larger training sets hold the smaller ones and differences between sizes are paired.

    Args:
        pool: all points.
        n_train: training points.
        n_test: test points.
        dimension: project the inputs at random onto so many orthonormal directions; None leaves them.
        standardise: subtract the pool's mean input, and divide by one number: the root mean square over all
            coordinates.
        seed: of points and projection.
        name: of the problem, for messages.
        balanced: take equally many training points of each class, as few-shot problems do.

    Raises:
        UserError: too few points, a projection to more dimensions than there are, or constant test targets.
    """
    Extent.of(pool.x).check(name, n_train=n_train, n_test=n_test, dimension=dimension)
    order = generator(seed, "split").permutation(len(pool.x))
    test, train = order[:n_test], order[n_test:]
    if balanced:
        train = _by_turns(train, pool.y, name)
        if len(train) < n_train:
            raise UserError(
                f"Problem '{name}' has {len(train) // pool.y.shape[1]} points of its smallest class left for "
                f"training, fewer than {n_train // pool.y.shape[1]}"
            )
    train = train[:n_train]
    x = pool.x
    if standardise:
        x = x - x.mean(axis=0)
        x = x / np.sqrt((x**2).mean())
    if dimension is not None:
        flat = x.reshape(len(x), -1)
        noise = generator(seed, "projection").standard_normal((flat.shape[1], flat.shape[1]))
        directions, _ = np.linalg.qr(
            noise
        )  # the first columns serve lower dimensions: projections are nested
        x = flat @ directions[:, :dimension]
        if standardise:
            x = x / np.sqrt((x**2).mean())
    y_test = pool.y[test]
    variance = float(((y_test - y_test.mean(axis=0)) ** 2).mean())
    if variance <= 0:
        raise UserError(f"All test labels of problem '{name}' are equal: there is nothing to generalize to")
    return Split(x[train], pool.y[train], x[test], y_test, variance)


def _by_turns(order: NDArray[np.int64], y: Floats, name: str) -> NDArray[np.int64]:
    """Return an order in which classes take turns, those of one class in the order given."""
    labels = y[order].argmax(axis=1)
    groups = [order[labels == label] for label in range(y.shape[1])]
    fewest = min(map(len, groups))
    if fewest == 0:
        raise UserError(f"Problem '{name}' has a class with no point left for training")
    return np.stack([group[:fewest] for group in groups], axis=1).ravel()
