"""Class subsets: logits, labels and predictions restricted to the classes a data set covers.

Source: the ImageNet-RIB protocol (arXiv 2410.21582, section 3): where a data set has fewer classes than
the model, its fine-tuning loss and its evaluation see those classes' logits alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gridcell import Diverged, UserError

NO_ANSWER = -1
"""Stands for a class where a model's highest score is not finite: its weights are far too large."""


def restrict(logits: Tensor, classes: Tensor) -> Tensor:
    """Keep the logits of some classes.

    Args:
        logits: Scores of all classes, floating point of shape ``(N, C)``.
        classes: The classes kept, sorted, int64 of shape ``(K,)``, values in ``0 .. C - 1``.

    Returns:
        Scores of shape ``(N, K)``, in the order of ``classes``; ``logits`` itself where all are kept.
    """
    # Sorted distinct classes as many as there are logits can only be all of them.
    return logits if len(classes) == logits.shape[1] else logits.index_select(1, classes)


def positions(labels: Tensor, classes: Tensor) -> Tensor:
    """Map global labels to their positions within a class subset.

    The labels are taken to be of the subset (:func:`check_labels` makes sure, once per data set), so that
    a training step on a GPU need not wait for the answer.

    Args:
        labels: Global classes, int64 of any shape.
        classes: The subset, sorted, int64 of shape ``(K,)``.

    Returns:
        Positions in ``0 .. K - 1``, int64, shaped as the labels.
    """
    return torch.searchsorted(classes, labels)


def answers(classes: Sequence[int], alternatives: Mapping[int, Sequence[int]]) -> tuple[int, ...]:
    """Return the classes that images may be taken for: a set's own, and those that are right too.

    Args:
        classes: The labels of the images.
        alternatives: Label -> further classes that are right, of ObjectNet.

    Returns:
        Sorted and distinct.
    """
    return tuple(sorted({*classes, *(other for label in classes for other in alternatives.get(label, ()))}))


def right(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], alternatives: Mapping[int, Sequence[int]]
) -> NDArray[np.bool_]:
    """Tell which predictions are right: the label, or one of the classes that count as right too.

    With :func:`answers` as the classes to choose from, this is to take for each of the data set's own classes
    the highest score of its ImageNet classes, and to choose the highest of these.

    Args:
        predicted: Global classes, shape ``(N,)``.
        labels: Global classes, shape ``(N,)``.
        alternatives: Label -> further classes that are right.
    """
    found: NDArray[np.bool_] = predicted == labels
    for label, others in alternatives.items():
        found |= (labels == label) & np.isin(predicted, others)
    return found


def check_labels(labels: Tensor, classes: Tensor, num_classes: int) -> None:
    """Make sure that a data set's labels and its class subset fit each other and the model.

    Args:
        labels: Global classes, int64 of shape ``(N,)``.
        classes: The subset, int64 of shape ``(K,)``.
        num_classes: Number of the model's classes.

    Raises:
        UserError: If the subset is empty, unsorted, repeats a class or goes beyond the model's classes, or
            if a label is not in it.
    """
    if len(classes) == 0 or bool((classes[1:] <= classes[:-1]).any()):
        raise UserError("The classes of a data set must be at least one, sorted and distinct.")
    if int(classes[0]) < 0 or int(classes[-1]) >= num_classes:
        raise UserError(
            f"Classes {int(classes[0])} to {int(classes[-1])} do not fit a model of {num_classes} classes."
        )
    outside = labels[~torch.isin(labels, classes)]
    if len(outside):
        raise UserError(f"Label {int(outside[0])} is not among the classes of its data set.")


def predict_within(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the most likely class among a subset, as a global class.

    Args:
        logits: Scores of all classes, shape ``(N, C)``.
        classes: The subset, sorted, int64 of shape ``(K,)``.

    Returns:
        Global classes, int64 of shape ``(N,)``; the lowest class where scores are equal, and ``NO_ANSWER``
        where the highest is not finite.
    """
    scores = restrict(logits, classes)
    best = scores.argmax(1, keepdim=True)  # of scores with a NaN it is the place of the first of them
    found = classes[best.squeeze(1)]
    return found.masked_fill(~scores.gather(1, best).squeeze(1).isfinite(), NO_ANSWER)


def check_answers(predicted: NDArray[np.int64], name: str) -> None:
    """Make sure that there is an answer for each image.

    Args:
        predicted: Global classes, shape ``(N,)``.
        name: Of the set, for the message.

    Raises:
        Diverged: If the scores of some images were not finite.
    """
    if none := int((predicted == NO_ANSWER).sum()):
        raise Diverged(
            f"The model's scores of {none} of the {len(predicted)} images of set '{name}' are not finite: "
            "its weights are far too large. A smaller learning rate may help"
        )
