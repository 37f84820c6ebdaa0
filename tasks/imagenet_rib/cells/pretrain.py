"""The pre-training cell: a model from scratch, on plain or richly augmented images."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from gridcell import Cell, Context
from imagenet_rib.cells.inputs import Inputs
from imagenet_rib.cells.reduced import reduced
from imagenet_rib.cells.training import train_classifier

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
    images = reduced(whole, cell.config["pretraining"].get("max_images"))
    torch.manual_seed(context.seed)  # of the initial weights
    model = inputs.models.build()
    normalise = normalisation_of(model)
    augment = augmentation_of(cell.config["pretraining"])

    def transform(batch: "Tensor") -> "Tensor":
        return normalise(augment(batch))

    loss = cross_entropy_loss(torch.tensor(whole.classes))
    train_classifier(
        context,
        model,
        loss,
        images,
        partial(images.training_batches, prepare=normalise.prepare),
        cell.config["pretraining"],
        inputs.models.identity,
        transform=transform,
    )
    inputs.leave(model.state_dict())
    return {"images": len(images), "parameters": _size(model)}


def _size(model: "nn.Module") -> int:
    return sum(parameter.numel() for parameter in model.parameters())
