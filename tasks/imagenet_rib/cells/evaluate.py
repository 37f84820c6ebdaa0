"""The evaluation cell: one model's right and wrong answers on the sets it names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell import Cell, Context, UserError
from imagenet_rib.cells.inputs import Inputs
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.grid.input_names import is_data
from imagenet_rib.grid.slices import key_of, members
from imagenet_rib.method import Merging
from imagenet_rib.methods import get
from imagenet_rib.metrics import accuracy

if TYPE_CHECKING:
    from torch import Tensor

CORRECT = "correct.npz"
BATCH_SIZE = 128


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Evaluate finished weights, or merge some and evaluate the merge, which is kept nowhere.

    Raises:
        UserError: the data lack a set, or the merge names a method that does not merge.
    """
    import torch

    from gridcell.learn import gather, whole_batches
    from imagenet_rib.learning.masking import answers, right
    from imagenet_rib.learning.models import normalisation_of
    from imagenet_rib.learning.predictions import predict

    roles = [role for role in cell.needs if not is_data(role)]
    inputs = Inputs.of(context, roles[0])
    weights = {role: inputs.weights(role) for role in roles}
    bare = inputs.models.build()
    normalise = normalisation_of(bare)
    model = inputs.wrapped(bare, roles[0])
    model.load_state_dict(_merged(cell.config["merge"], weights))
    model.to(context.device)
    correct, accuracies = {}, {}
    corruption = cell.config.get("corruption")
    mixed = cell.config.get("precision") != "float32"
    for name in cell.config["sets"]:
        images, _ = inputs.asked_set(name)
        # Of the whole set, of which this may be a part.
        classes = answers(images.classes, images.alternatives)
        if corruption is not None:
            chosen = members(images, corruption)
            if not len(chosen):
                raise UserError(f"Set '{name}' has no images under corruption '{corruption}'")
            images = images.select(chosen)
        batch_size, _ = context.batch_and_accumulation(BATCH_SIZE)
        if context.fast:
            images = images.select(np.arange(min(len(images), batch_size)))
        own = whole_batches(len(images), batch_size, context.rank, context.workers)
        batches = images.evaluation_batches(batch_size, normalise.prepare, own)
        predicted = gather(
            predict(model, context.alive(batches), normalise, torch.tensor(classes), mixed=mixed),
            context.workers,
        )
        key = key_of(name, corruption)
        correct[key] = right(predicted, images.labels, images.alternatives)
        accuracies[key] = accuracy(correct[key], images.group_of)
    PackedAnswers(correct).write(context.outputs / CORRECT)
    return {"accuracy": accuracies, "mean_accuracy": float(np.mean(list(accuracies.values())))}


def _merged(
    merge: Mapping[str, Any] | None, weights: "Mapping[str, dict[str, Tensor]]"
) -> "Mapping[str, Tensor]":
    if merge is None:
        return weights["weights"]
    method = get(merge["method"])
    if not isinstance(method, Merging):
        raise UserError(f"'{method.name}' trains; it merges nothing")
    return method.merge(weights, **merge["variant"])
