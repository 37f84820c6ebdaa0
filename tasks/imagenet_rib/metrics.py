"""Accuracy, robustness improvement (RI) and mRI, with intervals over seeds or over images.

RI and mRI follow Hwang et al., "ImageNet-RIB Benchmark" (arXiv 2410.21582), section 3; the bootstrap is Efron
and Tibshirani's percentile interval ("An Introduction to the Bootstrap", 1993, chapter 13), stratified by
group. All accuracies are in percent, all differences in percentage points.
"""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RESAMPLES = 1000
LEVEL = 0.95
MANY_IMAGES = 500_000
"""Of a set, beyond which not single images are resampled."""

_BUNCHES = 20_000
_DRAWS_AT_ONCE = 4_000_000  # images drawn per chunk: bounds the bootstrap's memory to some 100 MB


def image_weights(images: int, groups: npt.NDArray[np.integer] | None = None) -> FloatArray:
    """Return how much each image counts in a set's accuracy, shape (images,), summing to one.

    Without groups all images count alike; with groups (shape (images,), int >= 0) all groups count alike, as
    for ImageNet-C, whose accuracy is the mean over corruptions and severities.
    """
    if groups is None:
        return np.full(images, 1 / images)
    sizes = np.bincount(groups)
    return 1 / (np.count_nonzero(sizes) * sizes[groups].astype(float))


def accuracy(correct: npt.NDArray[np.bool_], groups: npt.NDArray[np.integer] | None = None) -> float:
    """Return the top-1 accuracy in percent of ``correct``, shape (images,): the mean over groups, if any."""
    if groups is None:
        return 100 * float(np.count_nonzero(correct)) / len(correct)
    # Counting: a sort of the millions of images of ImageNet-C would take a second.
    return mean_of_groups(np.bincount(groups[correct], minlength=int(groups.max()) + 1), np.bincount(groups))


def mean_of_groups(right: IntArray, sizes: IntArray) -> float:
    """Return the mean over groups of their top-1 accuracies, in percent.

    Args:
        right: right answers of each group, shape (groups,).
        sizes: images of each group, shape (groups,); empty groups are none.
    """
    return 100 * float(np.mean(right[sizes > 0] / sizes[sizes > 0]))


def group_accuracies(right: IntArray, sizes: IntArray, count: int) -> FloatArray:
    """Return the top-1 accuracy in percent of each group 0 .. count - 1, shape (count,), NaN of an empty one.

    Args:
        right: right answers of the first groups, shape (groups,).
        sizes: images of these, shape (groups,).
        count: how many groups there are, of which those left out are empty.
    """
    found = np.full(count, np.nan)
    known = np.flatnonzero(sizes)
    found[known] = 100 * right[known] / sizes[known]
    return found


def mean_of_known(stack: FloatArray) -> FloatArray:
    """Return the mean along the first axis over what is not NaN; NaN where nothing is."""
    known = np.isfinite(stack)
    count = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.where(known, stack, 0.0).sum(axis=0) / count


def robustness_improvement(matrix: FloatArray, pre: FloatArray) -> FloatArray:
    """Return RI_i = 1/(n-1) sum over j != i of (A[i, j] - A_pre[j]), shape (n,), in percentage points.

    Args:
        matrix: accuracy of the model fine-tuned on set i, tested on set j, percent, shape (n, n), n >= 2.
        pre: accuracy before fine-tuning, percent, shape (n,).

    A NaN among the entries a RI_i is made of makes it NaN: an average over fewer sets is not the same
    quantity. The diagonal is never used.

    Raises:
        ValueError: the shapes disagree, or n < 2.
    """
    n = len(pre)
    if n < 2 or matrix.shape != (n, n):
        raise ValueError(f"RI needs an (n, n) matrix with n >= 2; got {matrix.shape} and {n}")
    change = np.where(np.eye(n, dtype=bool), 0.0, matrix - pre)
    return change.sum(axis=1) / (n - 1)


def mri_coefficients(n: int) -> FloatArray:
    """Return c, shape (n, n), with mRI = sum over i, j of c[i, j] (A[i, j] - A_pre[j])."""
    return (1 - np.eye(n)) / (n * (n - 1))


def student_interval(values: Sequence[float] | FloatArray, level: float = LEVEL) -> tuple[float, float]:
    """Return the two-sided Student t interval of the mean of ``values``, shape (seeds,).

    Raises:
        ValueError: fewer than two values.
    """
    from scipy.special import stdtrit  # scipy.stats would cost a second of import for this one quantile

    sample = np.asarray(values, dtype=float)
    if len(sample) < 2:
        raise ValueError("an interval over seeds needs at least two")
    half = stdtrit(len(sample) - 1, (1 + level) / 2) * sample.std(ddof=1) / np.sqrt(len(sample))
    return float(sample.mean() - half), float(sample.mean() + half)


def image_scores(
    answers: Mapping[tuple[int, int], npt.NDArray[np.bool_]],
    pre: Mapping[int, npt.NDArray[np.bool_]] | None,
    coefficients: FloatArray,
    weights: Sequence[FloatArray],
) -> list[FloatArray]:
    """Write a weighted sum of accuracies as a sum over images, so that it can be resampled by image.

    Args:
        answers: (i, j) -> right or wrong on set j after fine-tuning on set i, bool (images of j,); needed
            wherever the coefficient is not zero.
        pre: j -> the same before fine-tuning, subtracted; None subtracts nothing.
        coefficients: c, shape (n, n).
        weights: of each set's images, n arrays (images of j,), see ``image_weights``.

    Returns:
        For each set j the images' scores (images of j,) in percentage points: their total over all sets is
        ``sum over i, j of c[i, j] (A[i, j] - A_pre[j])``.
    """
    scores = []
    for j, weight in enumerate(weights):
        total = np.zeros(len(weight))
        for i in np.flatnonzero(coefficients[:, j]):
            total += coefficients[i, j] * answers[int(i), j]
        if pre is not None and coefficients[:, j].any():
            total -= coefficients[:, j].sum() * pre[j]
        scores.append(100 * weight * total)
    return scores


def bootstrap_totals(
    scores: Mapping[str, FloatArray],
    groups: Mapping[str, npt.NDArray[np.integer]] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> FloatArray:
    """Resample images and return the totals of the scores in each resample, shape (resamples, k).

    Args:
        scores: set name -> k statistics' scores of its images, shape (k, images).
        groups: set name -> group of each image, int (images,): drawn within groups, so that each keeps its
            size.
        resamples: how many.
        seed: of the draws. A set's draws depend on this and on its name alone.

    Every statistic sees the same draws, so differences between statistics are paired.

    Of a set with more than ``MANY_IMAGES``, bunches of images are drawn in place of single ones: some 20,000
    sums over images that were put together at random within their group. The totals have the same mean, and
    the same standard deviation but for a percent.
    """
    k = next(iter(scores.values())).shape[0] if scores else 0
    totals = np.zeros((resamples, k))
    for name in sorted(scores):
        group = (groups or {}).get(name)
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        if scores[name].shape[1] > MANY_IMAGES:
            totals += scores[name].sum(axis=1)
            by_image, group = _bunched(scores[name], group, rng)
        else:
            by_image = np.ascontiguousarray(scores[name].T)
        images = len(by_image)
        if group is not None:
            order = np.argsort(group, kind="stable")
            by_image = by_image[order]
            _, sizes = np.unique(group, return_counts=True)
            starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
            spans = np.repeat(sizes, sizes)
        chunk = max(1, _DRAWS_AT_ONCE // images)
        for first in range(0, resamples, chunk):
            count = min(chunk, resamples - first)
            if group is None:
                drawn = rng.integers(0, images, (count, images))
            else:
                drawn = starts + (rng.random((count, images)) * spans).astype(np.int64)
            drawn += np.arange(count)[:, None] * images
            times = np.bincount(drawn.ravel(), minlength=count * images).reshape(count, images)
            totals[first : first + count] += times.astype(float) @ by_image
    return totals


def _bunched(
    scores: FloatArray, groups: npt.NDArray[np.integer] | None, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Put images together at random within their groups; sum how their scores differ from the mean.

    Args:
        scores: of k statistics, shape (k, images).
        groups: of each image, int (images,); None for one group.
        rng: of the random order.

    Returns:
        Sums of shape (bunches, k), and the group of each bunch, int (bunches,).
    """
    images = scores.shape[1]
    known = np.zeros(images, dtype=np.int64) if groups is None else groups
    order = np.lexsort(np.stack([rng.random(images), known]))
    _, begins, sizes = np.unique(known[order], return_index=True, return_counts=True)
    length = -(-images // _BUNCHES)
    starts = [np.arange(begin, begin + size, length) for begin, size in zip(begins, sizes, strict=True)]
    at = np.concatenate(starts)
    sums = np.empty((len(at), len(scores)))
    for column, values in enumerate(scores):  # one at a time: all would not fit into memory
        ordered = values[order]
        ordered -= np.repeat(np.add.reduceat(ordered, begins) / sizes, sizes)
        sums[:, column] = np.add.reduceat(ordered, at)
    return sums, np.repeat(np.arange(len(starts)), [len(one) for one in starts])


def percentile_interval(totals: FloatArray, level: float = LEVEL) -> FloatArray:
    """Return the central interval of bootstrap totals, shape (resamples, k), as (k, 2)."""
    tail = (1 - level) / 2
    return np.quantile(totals, [tail, 1 - tail], axis=0).T
