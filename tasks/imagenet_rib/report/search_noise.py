"""How much of the difference of two trials' scores is due to which images were held out."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcell.report import GridResults, fetching
from imagenet_rib.cells.evaluate import CORRECT
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.grid.search import GAIN
from imagenet_rib.vocabulary import PRE, VAL

Answers = Mapping[str, NDArray[np.bool_]]
"""Set -> bool array, shape (images,): was the answer right."""

_SHOWN_OFTEN = "c"
"""Set whose photographs are shown under each corruption: its images are no independent sample."""


def error_own(first: GridResults, second: GridResults, metric: str) -> float | None:
    """Return the standard error of ``score_own``'s difference between two trials, over held-out images.

    Args:
        first: results of a trial under rule ``own``.
        second: those of another one, of the same models, sets and seeds.
        metric: ``mRI``, ``val`` or ``gain``.

    Returns:
        In percentage points; None where it is not known: see ``standard_error``.
    """
    return standard_error(_answers(first), _answers(second), metric)


def standard_error(
    first: Mapping[Hashable, tuple[str, Answers]], second: Mapping[Hashable, tuple[str, Answers]], metric: str
) -> float | None:
    """Return the standard error of the mean score of ``second`` less that of ``first``.

    Both are paired by image: an image's part of the difference is summed over all that is fine-tuned, since
    all are tested on the same images of ``val``. Of each set, the variance of these parts over its n images
    is divided by n; sets are independent. Fine-tuning again would add a variance that this does not know.
    Of a derived set that shows a photograph in two renditions (r, objectnet), each counts as an image.

    Args:
        first: what was fine-tuned -> the set that it was fine-tuned on, and its answers.
        second: likewise, of the same.
        metric: ``mRI`` is half the accuracy on ``val`` and half that on the held-out part of the set,
            ``val`` and ``gain`` are one of the two.

    Returns:
        In percentage points. None where the two have other models, sets or images; where a set shows a
        photograph several times, as c does; where a set has fewer than two images; or where the two
        answer alike on each image: then other images may tell them apart, and these don't say how far.
    """
    shares = {VAL: (1.0, 0.0), GAIN: (0.0, 1.0)}.get(metric, (0.5, 0.5))
    parts: dict[str, NDArray[np.float64]] = {}
    if not first or first.keys() != second.keys():
        return None
    for key, (downstream, before) in first.items():
        after = second[key][1]
        for name, share in zip((VAL, downstream), shares, strict=True):
            if not share:
                continue
            if name == _SHOWN_OFTEN or name not in before or name not in after:
                return None
            one, other = before[name], after[name]
            if len(one) != len(other) or len(one) < 2 or len(parts.get(name, one)) != len(one):
                return None
            change = (other.astype(np.float64) - one) * share / len(first)
            parts[name] = parts[name] + change if name in parts else change
    error = 100 * float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts.values())))
    return error or None


def _answers(results: GridResults) -> dict[Hashable, tuple[str, Answers]]:
    """Return labels of what was fine-tuned -> the set, and its answers."""
    found: dict[Hashable, tuple[str, PackedAnswers]] = {}
    with fetching(results) as fetch:
        for target in results.grid.targets:
            labels: Mapping[str, Any] = target.labels
            if labels["method"] != PRE:
                key = tuple(sorted((name, str(value)) for name, value in labels.items()))
                there = [found[key][1]] if key in found else []
                answers = PackedAnswers.read(fetch(results.results[target.cell], CORRECT))
                found[key] = labels["downstream"], PackedAnswers(*there, answers)
    return {key: (downstream, answers) for key, (downstream, answers) in found.items()}
