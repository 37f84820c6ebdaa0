"""What the cells that train networks have in common: data as tensors, architecture, recipe, stack size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell.context import Context
from inductive_bias.cells.data import read_split
from inductive_bias.problems.pool import Split

if TYPE_CHECKING:
    from torch import Tensor

    from inductive_bias.network_space.architectures import Architecture
    from inductive_bias.network_space.training import Recipe


@dataclass(frozen=True, eq=False)
class Prepared:
    """One experiment, ready to train.

    Attributes:
        split: the points.
        unit: of errors, as a mean squared error.
        architecture: of all hypotheses.
        recipe: how to train; its errors are mean squared errors.
        train: float32 inputs (n, ...) and targets (n, k).
        test: likewise.
        at_once: hypotheses trained side by side.
    """

    split: Split
    unit: float
    architecture: "Architecture"
    recipe: "Recipe"
    train: "tuple[Tensor, Tensor]"
    test: "tuple[Tensor, Tensor]"
    at_once: int


def prepared(config: Mapping[str, Any], context: Context) -> Prepared:
    """Read the data and bring a cell's configuration into the form that training takes.

    Raises:
        UserError: the architecture doesn't suit the inputs, or the data don't suffice.
    """
    import torch

    from inductive_bias.network_space.architectures import Architecture
    from inductive_bias.network_space.training import Recipe, stack_size

    split = read_split(context)
    shape = split.x_train.shape[1:]
    if not config["channels"]:
        shape = (int(np.prod(shape)),)
    architecture = Architecture(
        shape, tuple(config["channels"]), tuple(config["widths"]), split.y_train.shape[1]
    )
    settings = dict(config["training"])
    chosen = settings.pop("at_once")
    unit = split.variance if config["relative"] else 1.0
    settings["fit_error"] *= unit
    settings["fit_levels"] = tuple(level * unit for level in settings.get("fit_levels", ()))
    recipe = Recipe(**settings)

    def tensors(x: np.ndarray, y: np.ndarray) -> "tuple[Tensor, Tensor]":
        return torch.from_numpy(x.reshape(len(x), *shape)).float(), torch.from_numpy(y).float()

    at_once = stack_size(architecture, context.device, recipe.batch_size) if chosen == "auto" else chosen
    return Prepared(
        split,
        unit,
        architecture,
        recipe,
        tensors(split.x_train, split.y_train),
        tensors(split.x_test, split.y_test),
        max(min(2, at_once), at_once >> context.oom_halvings),
    )
