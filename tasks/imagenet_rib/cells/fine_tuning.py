"""Training by a method's recipe. What it takes of an image and training doesn't change is computed once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gridcell import Context
from gridcell.data import LabelledSet
from imagenet_rib.cells.known_answers import answers_alike, known_answers
from imagenet_rib.cells.training import Batches, precision_of, train_classifier
from imagenet_rib.cells.validation import Judged
from imagenet_rib.method import Probe, Recipe, Teacher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from imagenet_rib.learning.predictions import Normalisation


@dataclass(frozen=True)
class TrainingSet:
    """The images that are trained on, and how the model is shown them.

    Attributes:
        images: the set.
        normalise: makes the model's inputs of them.
        side: of these, in px.
        table: from the labels in its batches to its labels, int64 of shape (C,); None where they are equal.
        judged: what is held out to judge each epoch by; None for nothing.
    """

    images: LabelledSet
    normalise: "Normalisation"
    side: int
    table: "NDArray[np.int64] | None" = None
    judged: Judged | None = None


@dataclass
class Remembered:
    """Features that one training computed, for the next ones of the same model on the same images."""

    features: "Tensor | None" = None


def fine_tune(
    context: Context, recipe: Recipe, shown: TrainingSet, architecture: str, remembered: Remembered
) -> dict[str, Any]:
    """Train a recipe's model in place; return what ``train_classifier`` answers.

    Where the recipe has a probe or a teacher, the frozen model is shown each image once and not at every
    epoch. That is the same training, up to rounding.

    Args:
        context: of a training cell.
        recipe: of a method.
        shown: the images.
        architecture: of the bare model; asserted when a checkpoint is loaded.
        remembered: receives the features of a probe, and gives them where it has them.

    Raises:
        Diverged: the loss is not finite.
        UserError: labels and classes don't fit, or the precision can't be had on this device.
    """
    training = _Training(context, recipe, shown, architecture, remembered)
    answer = None
    # In a single epoch each image is shown once anyway, and a trial run sees one batch.
    if context.cell.config["training"]["epochs"] > 1 and not context.fast:
        if recipe.teacher is not None:
            answer = training.with_answers(recipe.teacher)
        elif recipe.probe is not None and shown.judged is None and not recipe.callbacks:
            answer = training.of_head(recipe.probe)  # what judges or watches an epoch sees the whole model
    return training.of_model() if answer is None else answer


@dataclass(frozen=True)
class _Training:
    context: Context
    recipe: Recipe
    shown: TrainingSet
    architecture: str
    remembered: Remembered

    def of_model(self) -> dict[str, Any]:
        """Train on images, as any recipe can be."""
        batches = partial(self.shown.images.training_batches, prepare=self.shown.normalise.prepare)
        return self._of_model(_Loss(self.recipe.loss, self.shown.table), batches)

    def with_answers(self, teacher: Teacher) -> dict[str, Any] | None:
        """Train on images and a teacher's answers; None where there is no room for these."""
        answers = self._answers(teacher.model)
        if answers is None:
            return None
        normalise = self.shown.normalise
        batches = partial(self.shown.images.training_batches, prepare=normalise.prepare, beside=answers)
        return self._of_model(_Loss(teacher.loss, self.shown.table), batches)

    def of_head(self, probe: Probe) -> dict[str, Any] | None:
        """Train the last layer on features; None where there is no room, or the model answers otherwise."""
        if not answers_alike(self.recipe.model, probe, self.shown.images, self.shown.normalise):
            return None
        if self.remembered.features is None:
            self.remembered.features = self._answers(probe.body)
        if self.remembered.features is None:
            return None
        settings = self.context.cell.config["training"]
        return train_classifier(
            self.context,
            probe.head,
            self.recipe.loss,
            self.shown.images,
            partial(self.shown.images.training_values, self.remembered.features),
            {**settings, "gradient_checkpointing": False},  # a single layer keeps its inputs alone anyway
            f"last layer of {self.architecture}",
        )

    def _of_model(self, loss: "_Loss", batches: Batches) -> dict[str, Any]:
        return train_classifier(
            self.context,
            self.recipe.model,
            loss,
            self.shown.images,
            batches,
            self.context.cell.config["training"],
            self.architecture,
            transform=self.shown.normalise,
            trainable=self.recipe.trainable,
            frozen_statistics=self.recipe.frozen_statistics,
            moving_statistics=self.recipe.moving_statistics,
            judged=self.shown.judged,
            callbacks=self.recipe.callbacks,
        )

    def _answers(self, model: "nn.Module") -> "Tensor | None":
        precision = precision_of(self.context.cell.config["training"], self.context.device)
        shown = self.shown
        return known_answers(
            self.context, model, shown.images, shown.normalise, side=shown.side, precision=precision
        )


class _Loss:
    """A loss on what batches hold in place of labels: labels that a table translates, or these and answers.

    Args:
        loss: called with a model, images, labels, and answers where there are some.
        table: see ``TrainingSet``.
    """

    def __init__(self, loss: "Callable[..., Tensor]", table: "NDArray[np.int64] | None") -> None:
        import torch

        from gridcell.learn import Placed

        self._loss = loss
        self._table = None if table is None else Placed(torch.from_numpy(table))

    def __call__(self, model: "nn.Module", images: "Tensor", targets: Any) -> "Tensor":
        labels, *answers = targets if isinstance(targets, (tuple, list)) else (targets,)
        if self._table is not None:
            (table,) = self._table.on(labels.device)
            labels = table[labels]
        return self._loss(model, images, labels, *answers)
