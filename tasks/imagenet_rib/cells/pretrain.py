"""The pre-training cell: a model from scratch, on plain or richly augmented images."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from gridcell import Cell, Context
from imagenet_rib.cells.inputs import Inputs
from imagenet_rib.cells.reduced import reduced
from imagenet_rib.cells.training import train_classifier
from imagenet_rib.cells.validation import Judged, hold_out

if TYPE_CHECKING:
    from torch import Tensor, nn


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Train the architecture on the ``pretrain`` set and leave its weights."""
    import torch

    from imagenet_rib.learning.augmentation import augmentation_of
    from imagenet_rib.learning.models import normalisation_of
    from imagenet_rib.learning.objectives import cross_entropy_loss

    inputs = Inputs.of(context)
    whole = inputs.image_set("pretrain")
    training = cell.config["pretraining"]
    images, held_out = hold_out(reduced(whole, training.get("max_images")), training)
    torch.manual_seed(context.seed)  # of the initial weights
    model = inputs.models.build()
    normalise = normalisation_of(model)
    augment = augmentation_of(training)

    def transform(batch: "Tensor") -> "Tensor":
        return normalise(augment(batch))

    loss = cross_entropy_loss(torch.tensor(whole.classes))
    build, size = inputs.models.build, inputs.models.image_size
    answer = train_classifier(
        context,
        model,
        loss,
        images,
        partial(images.training_batches, prepare=normalise.prepare),
        training,
        inputs.models.identity,
        transform=transform,
        judged=(
            None
            if held_out is None
            else Judged(held_out, whole.classes, build, model.state_dict, normalise, size)
        ),
    )
    inputs.leave(model.state_dict())
    del answer["final_loss"]
    return {"images": len(images), "parameters": _size(model), **answer}


def _size(model: "nn.Module") -> int:
    return sum(parameter.numel() for parameter in model.parameters())
