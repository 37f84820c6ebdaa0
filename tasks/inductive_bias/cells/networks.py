"""What the cells that train networks have in common: data as tensors, architecture, recipe, stack size."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell import Context, UserError
from inductive_bias.cells.data import read_split
from inductive_bias.problems.pool import Split
from inductive_bias.spaces import registry as spaces
from inductive_bias.spaces.kind import NetworkKind

if TYPE_CHECKING:
    from torch import Tensor

    from inductive_bias.network_space.gradients import Network
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
    architecture: "Network"
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

    from inductive_bias.network_space.training import Recipe, stack_size

    split = read_split(context)
    architecture = _architecture(config, context, split)
    shape = architecture.inputs
    settings = dict(config["training"])
    chosen = settings.pop("at_once")
    unit = split.variance if config["relative"] else 1.0
    settings["fit_error"] *= math.inf if context.fast else unit  # one batch fits nothing: all count as fitted
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


def _architecture(config: Mapping[str, Any], context: Context, split: Split) -> "Network":
    from inductive_bias.network_space.fingerprint import file_fingerprint
    from inductive_bias.network_space.modules import ModuleArchitecture, load_factory

    shape, outputs = split.x_train.shape[1:], split.y_train.shape[1]
    if "module" in config:
        path = context.locations[config["fingerprint"]]
        if file_fingerprint(path) != config["fingerprint"]:
            raise UserError(f"{path} is not what it was when the grid was planned: run again to plan anew")
        return ModuleArchitecture(shape, outputs, load_factory(path, config["module"]), config["module"])
    if "space" in config:
        name = config["space"]
        factory: Any = partial(spaces.get(name).make, **config["parameters"])
        return ModuleArchitecture(shape, outputs, factory, name)
    form = {name: config[name] for name in ("widths", "channels", "blocks") if name in config}
    network = spaces.get("network")
    assert isinstance(network, NetworkKind)
    made: Network = network.make(shape, outputs, **form)
    return made
