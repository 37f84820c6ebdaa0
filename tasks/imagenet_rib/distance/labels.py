"""Squared 2-Wasserstein distances between classes, as Gaussians or sample by sample.

Source: Alvarez-Melis and Fusi, "Geometric Dataset Distances via Optimal Transport" (NeurIPS 2020), sections
4 and 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagenet_rib.distance.sets import LabelledFeatures, sample
from imagenet_rib.distance.transport import exact_transport, squared_distances

_PRODUCTS_AT_ONCE = 32_000_000  # entries of a batch of root products: 256 MB in float64


@dataclass(frozen=True)
class ClassGaussian:
    """The Gaussian with a class's own mean and covariance (divided by n, not n - 1).

    Attributes:
        mean: float64, shape (d,).
        root: float64, shape (d, r) with covariance = root root^T and r = min(n, d) or less: a class of few
            samples costs little, and a singular covariance is no special case.
    """

    mean: Tensor
    root: Tensor


def class_gaussians(labelled: LabelledFeatures, device: str | torch.device = "cpu") -> list[ClassGaussian]:
    """Return each class's Gaussian, in ascending order of the labels.

    Args:
        labelled: N samples of d features in K classes.
        device: where the Gaussians lie.
    """
    features = torch.from_numpy(np.asarray(labelled.features, dtype=np.float64)).to(device)
    labels = torch.from_numpy(labelled.labels.astype(np.int64)).to(device)
    return [_gaussian(features[labels == label]) for label in labels.unique(sorted=True)]


def _gaussian(members: Tensor) -> ClassGaussian:
    """Return the Gaussian of samples of shape (n, d)."""
    n, d = members.shape
    mean = members.mean(0)
    centred = (members - mean) / n**0.5
    if n <= d:
        return ClassGaussian(mean, centred.T)
    values, vectors = torch.linalg.eigh(centred.T @ centred)
    kept = values > values[-1] * d * torch.finfo(values.dtype).eps  # what rounding alone puts there adds rank
    return ClassGaussian(mean, vectors[:, kept] * values[kept].sqrt())


def gaussian_label_distances(a: Sequence[ClassGaussian], b: Sequence[ClassGaussian]) -> Tensor:
    """Return the squared Bures-Wasserstein distance of every class of ``a`` to every class of ``b``.

    ``|m - m'|^2 + tr S + tr S' - 2 tr (S^1/2 S' S^1/2)^1/2`` (paper, equation 8). With S = R R^T the last
    trace is the sum of the singular values of R^T R', a matrix of at most the classes' ranks: one
    decomposition of each class and one product per pair, with no matrix square root in between.

    Returns:
        float64, shape (len(a), len(b)); what lies below the rounding error of the difference is 0, so that a
        class is at distance 0 from itself.
    """
    ranks = max(one.root.shape[1] for one in b)
    means, roots = torch.stack([one.mean for one in b]), torch.stack([_padded(one.root, ranks) for one in b])
    traces = roots.square().sum((1, 2))
    rows = []
    for one in a:
        step = max(1, _PRODUCTS_AT_ONCE // max(1, one.root.shape[1] * ranks))
        overlaps = [
            torch.linalg.svdvals(one.root.T @ roots[first : first + step]).sum(1)
            for first in range(0, len(b), step)
        ]
        total = one.root.square().sum() + traces
        spread = total - 2 * torch.cat(overlaps)
        rounding = 8 * len(one.mean) * torch.finfo(total.dtype).eps * total
        rows.append((means - one.mean).square().sum(1) + torch.where(spread > rounding, spread, 0.0))
    return torch.stack(rows)


def _padded(root: Tensor, rank: int) -> Tensor:
    """Append columns of zeros, which change neither the covariance nor any distance."""
    return torch.nn.functional.pad(root, (0, rank - root.shape[1]))


def exact_label_distances(
    a: LabelledFeatures, b: LabelledFeatures, *, max_per_class: int = 500, seed: int = 0
) -> Tensor:
    """Return the squared 2-Wasserstein distance of every class of ``a`` to every class of ``b``.

    Args:
        a: samples in K classes.
        b: samples of as many features in K' classes.
        max_per_class: a class's samples beyond it are left out, by ``sets.sample``.
        seed: of that draw.

    Returns:
        float64, shape (K, K'), on the CPU, where the solver runs.
    """
    ours, theirs = _members(a, max_per_class, seed), _members(b, max_per_class, seed)
    distances = torch.zeros(len(ours), len(theirs), dtype=torch.float64)
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            distances[i, j] = exact_transport(squared_distances(one, other))
    return distances


def _members(labelled: LabelledFeatures, size: int, seed: int) -> list[Tensor]:
    classes = (labelled.take(np.flatnonzero(labelled.labels == label)) for label in labelled.classes)
    drawn = (sample(members, size, seed=seed) for members in classes)
    return [torch.from_numpy(np.asarray(members.features, dtype=np.float64)) for members in drawn]
