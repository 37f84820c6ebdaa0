"""The evaluation cell: one model's right and wrong answers on the sets it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.errors import UserError
from imagenet_rib.method import Merging
from imagenet_rib.methods import get
from imagenet_rib.metrics import accuracy
from imagenet_rib.work.inputs import ModelBuilder, architecture_of, one_set, read_sets

if TYPE_CHECKING:
    from torch import Tensor

CORRECT = "correct.npz"


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Evaluate finished weights, or merge some and evaluate the merge, which is kept nowhere.

    Raises:
        UserError: the data lack a set, or the merge names a method that does not merge.
    """
    import torch

    from imagenet_rib.evaluate import predict
    from imagenet_rib.models import normalisation_of

    sets = read_sets(context)
    roles = [role for role in cell.needs if role != "data"]
    builder = ModelBuilder(architecture_of(context, roles[0]), sets)
    weights = {role: builder.read(context, role) for role in roles}
    model = builder.build(_merged(cell.config["merge"], weights)).to(context.device)
    normalise = normalisation_of(model)
    correct = {}
    for name in cell.config["sets"]:
        images = one_set(sets, name)
        predictions = predict(model, images.images, normalise, torch.tensor(images.classes))
        correct[name] = predictions.numpy() == images.labels
    write_correct(context.outputs / CORRECT, correct)
    accuracies = {name: accuracy(right, sets[name].group_of) for name, right in correct.items()}
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


def write_correct(path: Path, correct: Mapping[str, np.ndarray]) -> None:
    """Write bool arrays by name, eight answers a byte."""
    packed = {name: np.packbits(right) for name, right in correct.items()}
    sizes = {f"{name}.size": np.array(len(right)) for name, right in correct.items()}
    np.savez(path, **packed, **sizes)


def read_correct(path: Path) -> dict[str, np.ndarray]:
    """Read what ``write_correct`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        names = [name for name in file.files if not name.endswith(".size")]
        return {
            name: np.unpackbits(file[name], count=int(file[f"{name}.size"])).astype(bool) for name in names
        }
