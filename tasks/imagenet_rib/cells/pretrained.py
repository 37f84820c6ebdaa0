"""The cell that brings published weights into the store, where all others find them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcell import Cell, Context, UserError
from imagenet_rib.cells.inputs import Inputs, ModelBuilder

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = 1000


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Find the weights, make sure that they fit the architecture and the data, and leave them.

    Raises:
        UserError: the data label other classes than ImageNet's 1,000, or the weights can't be had or are of
            another architecture.
    """
    inputs = Inputs.of(context)
    for classes in {len(images.class_names) for images in inputs.sets.values()}:
        if classes != CLASSES:
            raise UserError(f"Published models know ImageNet's 1,000 classes, but the data name {classes}")
    builder = inputs.models
    source = cell.config["weights"]["source"]
    model = (
        _from_hub(builder) if source == "timm" else builder.build_pretrained(_found(cell, context, builder))
    )
    weights = model.state_dict()
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(
                f"The weights of '{builder.name}' are damaged: '{name}' holds numbers that aren't finite"
            )
    inputs.leave(weights)
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())}


def _found(cell: Cell, context: Context, builder: ModelBuilder) -> "Mapping[str, Tensor]":
    from imagenet_rib.learning import pretrained
    from imagenet_rib.learning.file_heads import body_names
    from imagenet_rib.learning.models import head_parameters

    weights = cell.config["weights"]
    if weights["source"] == "torchvision":
        return pretrained.torchvision_weights(builder.name, weights["tag"])
    own = builder.build()
    if weights["source"] == "file":
        location = context.locations[f"weights {weights['sha256']}"]
        head = head_parameters(own) if cell.config.get("head_classes") != 0 else ()
        expected = body_names(own.state_dict(), head)
        found = pretrained.file_weights(Path(location), weights["sha256"], expected, weights.get("part"))
        order = weights.get("order")  # of the file's classes, where the data have another
        return found if order is None else found | {name: found[name][order] for name in head}
    return pretrained.offline_weights(builder.name, own.state_dict())


def _from_hub(builder: ModelBuilder) -> Any:
    from imagenet_rib.learning.pretrained import cached_or_reachable, missing_from_hub

    cached = cached_or_reachable(builder.name)
    try:
        return builder.build_pretrained(cached)
    except (OSError, ValueError) as error:  # the hub's errors derive from these
        raise missing_from_hub(builder.name, error) from error
