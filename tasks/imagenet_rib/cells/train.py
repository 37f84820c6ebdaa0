"""The training cell: one method fine-tunes one model on one downstream set."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridcell import Cell, Context, FailureClass, UserError, classify
from gridcell.data import imagenet_names, imagenet_wnids
from imagenet_rib.cells.fine_tuning import Remembered, TrainingSet, fine_tune
from imagenet_rib.cells.fisher import FISHER
from imagenet_rib.cells.held_out import split
from imagenet_rib.cells.inputs import Inputs
from imagenet_rib.cells.reduced import reduced
from imagenet_rib.cells.validation import Judged, hold_out
from imagenet_rib.grid.input_names import HELD_OUT
from imagenet_rib.method import FineTuning, Start
from imagenet_rib.methods import get

if TYPE_CHECKING:
    from torch import Tensor, nn

Answer = Mapping[str, Any] | Exception


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Fine-tune and leave the last epoch's weights; nothing is selected by looking at test sets.

    With ``training.validation_share`` a part of the set itself is held out, by which an epoch may be chosen.

    Raises:
        Diverged: the loss is not finite.
        UserError: the method doesn't train, or the data lack the set, or nothing of it would be held out.
    """
    return _trained(cell, context, Remembered())


def run_together(contexts: Sequence[Context]) -> Iterator[tuple[Context, Answer]]:
    """Train several last layers, one after another, on features that are computed once.

    ``same_features`` says which.

    Yields:
        Each cell's context, with its metrics or with why it has none.
    """
    remembered = Remembered()
    for context in contexts:
        try:
            answer: Answer = _trained(context.cell, context, remembered)
        except Exception as error:
            if classify(error) is FailureClass.OUT_OF_MEMORY:
                raise  # of the features, which all share
            answer = error
        yield context, answer


def _trained(cell: Cell, context: Context, remembered: Remembered) -> Mapping[str, Any]:
    import torch

    from imagenet_rib.learning.models import head_parameters, load_weights, normalisation_of
    from imagenet_rib.learning.modes import evaluating

    method = get(cell.config["method"])
    if not isinstance(method, FineTuning):
        raise UserError(f"'{method.name}' merges weights; it has nothing to train")
    inputs = Inputs.of(context, "pre")
    images, table = inputs.asked_set(cell.config["downstream"])
    if HELD_OUT in cell.config:
        images = images.select(split(images, cell.config[HELD_OUT])[0])
    classes = images.classes  # of the whole set, also where few of its images are trained on
    images = reduced(images, cell.config["training"].get("max_images"))
    images, held_out = hold_out(images, cell.config["training"])
    models = inputs.models
    reference = inputs.weights("pre")
    model = models.build(inputs.weights("start") if "start" in cell.needs else reference)

    def teacher() -> "nn.Module":
        return models.build(reference).to(context.device).eval().requires_grad_(False)

    start = Start(
        model=model,
        reference=reference,
        fisher=(
            load_weights(context.artifact("fisher", FISHER), models.identity)
            if "fisher" in cell.needs
            else None
        ),
        classes=torch.tensor(classes),
        head=head_parameters(model),
        teacher=teacher,
        architecture=models.name,
        image_size=models.image_size,
        class_names=_spoken(images.class_names),
    )
    torch.manual_seed(context.seed)  # of what a method adds to the model
    recipe = method.prepare(start, **cell.config["parameters"])
    normalise = normalisation_of(model)

    def exported() -> "Mapping[str, Tensor]":
        with evaluating(recipe.model), torch.no_grad():
            return recipe.export(recipe.model)

    def evaluated() -> "nn.Module":
        return inputs.wrapped_by(cell.config, models.build())

    judged = None
    if held_out is not None:
        judged = Judged(held_out, classes, evaluated, exported, normalise, models.image_size)
    shown = TrainingSet(images, normalise, models.image_size, table, judged)
    answer = fine_tune(context, recipe, shown, models.identity, remembered)
    inputs.leave(recipe.export(recipe.model))
    return {"images": len(images), **answer}


def _spoken(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return what people call the classes: prompts of ``n01440764`` would tell a text tower nothing."""
    names = tuple(class_names)
    return imagenet_names() if names == imagenet_wnids() else names
