"""The head cell: a pre-trained model is given a last layer for the data's own classes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell import Cell, Context, UserError
from imagenet_rib.cells.at_once import images_at_once
from imagenet_rib.cells.inputs import WEIGHTS, Inputs, ModelBuilder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gridcell.data import LabelledSet
    from imagenet_rib.learning.heads import Head

MOST_IMAGES = 50_000  # whose features are held; of larger sets as many are drawn


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Fit the layer to the ``pretrain`` set's features, or write it from the classes' names.

    Raises:
        UserError: the set lacks a class, or the model has no linear last layer.
    """
    from imagenet_rib.learning.models import load_weights

    inputs = Inputs.of(context)
    backbone_cell = context.need("backbone").cell
    before = ModelBuilder(cell.config["architecture"], {}, backbone_cell.config.get("head_classes"))
    backbone = load_weights(context.artifact("backbone", WEIGHTS), before.identity)
    if cell.config["head"] == "zero_shot":
        return _zero_shot(cell, inputs, before.build(backbone))
    return _fitted(context, inputs, before.build(backbone).to(context.device), backbone)


def _fitted(
    context: Context, inputs: Inputs, model: "nn.Module", backbone: "Mapping[str, Tensor]"
) -> Mapping[str, Any]:
    from imagenet_rib.distance.features import penultimate_features
    from imagenet_rib.learning.heads import fitted_head, with_head
    from imagenet_rib.learning.models import normalisation_of

    images = inputs.image_set("pretrain")
    lacking = sorted(set(range(len(images.class_names))) - set(images.classes))
    if lacking:
        raise UserError(
            f"Set 'pretrain' has no image of class '{images.class_names[lacking[0]]}' ({len(lacking)} such "
            "classes): a head for all classes can't be fitted to it"
        )
    drawn = _draw(images)
    normalise = normalisation_of(model)
    at_once = images_at_once(context.device, inputs.models.image_size)
    batches = drawn.evaluation_batches(at_once, normalise.prepare)
    features = penultimate_features(model, context.alive(batches), normalise).reshape(len(drawn), -1)
    head = fitted_head(features, drawn.labels, len(images.class_names))
    new = inputs.models.build()
    weights = with_head(new, backbone, head)
    new.load_state_dict(weights)
    _check(new.to(context.device), drawn, features, head)
    inputs.leave(weights)
    return {
        "images": len(drawn),
        "left_out": len(images) - len(drawn),
        "accuracy": head.accuracy,
        "strength": head.strength,
        "converged": head.converged,
    }


def _draw(images: "LabelledSet") -> "LabelledSet":
    if len(images) <= MOST_IMAGES:
        return images
    from imagenet_rib.learning.heads import balanced

    return images.select(balanced(images.labels, MOST_IMAGES))


def _check(
    model: "nn.Module", images: "LabelledSet", features: "np.ndarray[Any, np.dtype[np.float32]]", head: "Head"
) -> None:
    """Compare the new model's answers on a few images with those of features and head."""
    import torch

    from imagenet_rib.learning.heads import check_linear
    from imagenet_rib.learning.models import normalisation_of

    few = images.select(np.arange(min(8, len(images))))
    normalise = normalisation_of(model)
    device = next(model.parameters()).device
    with torch.inference_mode():
        pixels = next(iter(few.evaluation_batches(8, normalise.prepare)))[0]
        logits = model.eval()(normalise(pixels.to(device))).float().cpu()
    check_linear(logits, features[: len(few)], head)


def _zero_shot(cell: Cell, inputs: Inputs, model: "nn.Module") -> Mapping[str, Any]:
    """Write the head of CLIP's zero-shot classifier from the names of the classes (Radford et al. 2021)."""
    import torch

    from imagenet_rib.learning.contrastive import DualEncoder
    from imagenet_rib.learning.heads import Head, with_head
    from imagenet_rib.methods.flyp import tower_for

    names = tuple(cell.config["classes"])
    tower = tower_for("", inputs.models.name, names)
    weight = DualEncoder(model, tower).class_weights()
    head = Head(weight.detach(), torch.zeros(len(names)))
    inputs.leave(with_head(inputs.models.build(), model.state_dict(), head))
    return {"classes": len(names)}
