"""The Fisher cell: how much each weight of a pre-trained model matters to its pre-training data."""

from collections.abc import Mapping
from typing import Any

from gridcell import Cell, Context
from imagenet_rib.cells.inputs import Inputs

FISHER = "fisher.safetensors"
CHUNK = 32  # images whose gradients are held in memory at once


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Estimate the diagonal Fisher information on the ``pretrain`` set and leave it."""
    import torch

    from imagenet_rib.learning.fisher import diagonal_fisher
    from imagenet_rib.learning.models import normalisation_of, save_weights

    inputs = Inputs.of(context, "pre")
    images = inputs.image_set("pretrain")
    model = inputs.models.build(inputs.weights("pre")).to(context.device)
    normalise = normalisation_of(model)
    fisher = diagonal_fisher(
        model,
        images.pixels(normalise.prepare),
        labels=torch.from_numpy(images.labels),
        empirical=cell.config["empirical"],
        samples=cell.config["samples"],
        seed=context.seed,
        chunk=context.batch_and_accumulation(CHUNK)[0],
        transform=normalise,
    )
    save_weights(context.outputs / FISHER, fisher, inputs.models.identity)
    total = sum(float(values.sum()) for values in fisher.values())
    return {"trace": total, "images": min(cell.config["samples"], len(images))}
