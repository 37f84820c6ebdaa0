"""Epochs of a training judged on images of the set that are held out: ``training.validation_share``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell import Context, UserError
from gridcell.data import LabelledSet
from imagenet_rib.cells.at_once import MOST, images_at_once
from imagenet_rib.cells.held_out import split
from imagenet_rib.metrics import accuracy

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gridcell.learn import Validation
    from imagenet_rib.learning.predictions import Normalisation

SPLIT_SEED = 1
"""Not that of a search, which holds out its part first."""


@dataclass(frozen=True)
class Judged:
    """What is trained on, what is held out, and how a model answers.

    Attributes:
        images: that are held out.
        classes: from which the model chooses: those of the whole set, sorted.
        build: returns the module that an evaluation would build.
        weights: returns the weights, as they are now, that an evaluation would load into it.
        normalise: makes the module's inputs of images.
        image_size: side of these, in px.
    """

    images: LabelledSet
    classes: tuple[int, ...]
    build: "Callable[[], nn.Module]"
    weights: "Callable[[], Mapping[str, Tensor]]"
    normalise: "Normalisation"
    image_size: int


def hold_out(images: LabelledSet, training: Mapping[str, Any]) -> tuple[LabelledSet, LabelledSet | None]:
    """Return the images that are trained on, and those that are held out, the same for all methods and seeds.

    Args:
        images: of the set, after ``max_images``.
        training: settings, those with an effect.

    Returns:
        The set itself and None where no ``validation_share`` is asked for.

    Raises:
        UserError: the share is so small, or the classes, that no image would be held out.
    """
    share = training.get("validation_share")
    if share is None:
        return images, None
    trained, held = split(images, {"share": share, "seed": SPLIT_SEED})
    if not len(held):
        raise UserError(
            f"training.validation_share={share} holds out no image of set '{images.name}': of its "
            f"{len(images)} images of {len(images.classes)} classes, each class gives its share, rounded"
        )
    return images.select(trained), images.select(held)


def validation(context: Context, training: Mapping[str, Any], judged: Judged) -> "Validation":
    """Return how a fit is judged: by top-1 accuracy in percent, as an evaluation would find it.

    Args:
        context: of the cell, whose workers share the images.
        training: settings, those with an effect.
        judged: what is held out, and the model.
    """
    import torch

    from gridcell.learn import Validation, gather, whole_batches
    from imagenet_rib.learning.masking import answers, check_answers, right
    from imagenet_rib.learning.predictions import predict

    images, normalise = judged.images, judged.normalise
    if context.fast:
        images = images.select(np.arange(min(len(images), MOST)))
    module = judged.build().to(context.device)
    subset = torch.tensor(answers(judged.classes, images.alternatives))

    def score() -> float:
        module.load_state_dict(judged.weights())
        batch_size, _ = context.batch_and_accumulation(images_at_once(context.device, judged.image_size))
        own = whole_batches(len(images), batch_size, context.rank, context.workers)
        batches = context.alive(images.evaluation_batches(batch_size, normalise.prepare, own))
        predicted = gather(predict(module, batches, normalise, subset), context.workers)
        check_answers(predicted, images.name)
        return accuracy(right(predicted, images.labels, images.alternatives), images.group_of)

    return Validation(score, keep=training.get("checkpoint", "last"), patience=training.get("patience"))
