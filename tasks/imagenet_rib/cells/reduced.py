"""A part of a large set: the same images for every model, method and seed."""

import zlib

import numpy as np
from numpy.typing import NDArray

from gridcell.data import LabelledSet

Indices = NDArray[np.int64]


def reduced(images: LabelledSet, most: int | None) -> LabelledSet:
    """Return at most so many images of a set, in its order; the set itself where it has no more.

    Args:
        images: the set.
        most: images; None for all.

    Example:
        >>> len(reduced(images, 30_000))  # doctest: +SKIP
        30000
    """
    if most is None or len(images) <= most:
        return images
    labels, seed = np.asarray(images.labels), zlib.crc32(images.name.encode())
    return images.select(drawn(labels, images.group_of, most, seed=seed, photographs=images.photographs))


def drawn(
    labels: Indices,
    group_of: Indices | None,
    most: int,
    *,
    seed: int,
    photographs: Indices | None = None,
) -> Indices:
    """Draw positions of images, ascending: from every group as many, and of each class its share.

    A random draw, stratified by class: a group's images are put in the order of their classes, and in random
    order within each, and every k-th is taken. The accuracy on them estimates that on all without bias.
    Groups that show the same photographs, as those of set c do, give the same ones. No group is left
    without an image.

    Args:
        labels: int64, shape (N,).
        group_of: int64, shape (N,), or None where the set has no groups.
        most: images; no more are drawn, unless there are more groups.
        seed: of the draw.
        photographs: numbers that are equal for images of one photograph, int64, shape (N,); None: those that
            stand at the same place of groups with the same labels.
    """
    groups = np.zeros(len(labels), dtype=np.int64) if group_of is None else group_of
    order = np.lexsort((np.arange(len(labels)) if photographs is None else photographs, groups))
    sizes = np.unique(groups, return_counts=True)[1]
    parts = np.split(order, np.cumsum(sizes)[:-1])
    quotas = _even(sizes, most)
    chosen = [part[_stratified(labels[part], count, seed)] for part, count in zip(parts, quotas, strict=True)]
    return np.sort(np.concatenate(chosen))


def _even(sizes: Indices, most: int) -> Indices:
    """Share ``most`` out among groups, as evenly as their sizes let; at least one to each."""
    quotas = np.zeros(len(sizes), dtype=np.int64)
    left = most
    for place, group in enumerate(np.argsort(sizes, kind="stable")):  # the smallest first: they give back
        quotas[group] = min(sizes[group], max(1, left // (len(sizes) - place)))
        left -= quotas[group]
    return quotas


def _stratified(labels: Indices, count: int, seed: int) -> Indices:
    """Return ``count`` positions: every k-th of the images sorted by class, in random order within each."""
    draws = np.random.default_rng(seed)
    order = np.lexsort((draws.random(len(labels)), labels))
    first = draws.random()
    places = np.floor((np.arange(count) + first) * len(labels) / count).astype(np.int64)
    return order[np.minimum(places, len(labels) - 1)]
