"""The hypotheses cell: a batch of networks trained from their own seeds until they fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridcell import Cell, Context
from inductive_bias.cells.data import read_split
from inductive_bias.cells.kernel import ERRORS


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Train the batch and leave the test errors of those that reached the training error.

    Raises:
        Diverged: a training error is not finite.
        UserError: the architecture doesn't suit the inputs, or the data don't suffice.
    """
    import torch

    from inductive_bias.network_space.architectures import Architecture
    from inductive_bias.network_space.module import train_hypotheses
    from inductive_bias.network_space.training import Recipe, stack_size

    config = cell.config
    split = read_split(context)
    shape = split.x_train.shape[1:]
    if not config["channels"]:
        shape = (int(np.prod(shape)),)
    architecture = Architecture(
        shape, tuple(config["channels"]), tuple(config["widths"]), split.y_train.shape[1]
    )
    settings = dict(config["training"])
    chosen = settings.pop("at_once")
    if config["relative"]:
        settings["fit_error"] *= split.variance
    recipe = Recipe(**settings)

    def tensors(x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(x.reshape(len(x), *shape)).float(), torch.from_numpy(y).float()

    at_once = stack_size(architecture, context.device, recipe.batch_size) if chosen == "auto" else chosen
    trained = train_hypotheses(
        architecture,
        recipe,
        tensors(split.x_train, split.y_train),
        tensors(split.x_test, split.y_test),
        suite_seed=context.seed,
        indices=range(config["first"], config["first"] + config["count"]),
        at_once=max(min(2, at_once), at_once >> context.oom_halvings),
        device=context.device,
        checkpoints=context.checkpoints,
        report=context.report,
    )
    errors = trained.test_error[trained.fitted].numpy()
    np.savez(context.outputs / ERRORS, errors=errors)
    return {
        "variance": split.variance,
        "samples": len(errors),
        "unfitted": int((~trained.fitted).sum()),
        "mean_error": float(errors.mean()) if len(errors) else None,
        "mean_epochs": float(trained.epochs.double().mean()),
        "worst_train_error": float(trained.train_error.max()),
        "parameters": architecture.size,
        "at_once": at_once,
        "input_dimension": int(np.prod(shape)),
    }
