"""The hypotheses cell: a batch of networks trained from their own seeds until they fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridcell.cell import Cell
from gridcell.context import Context
from inductive_bias.work.data import read_split
from inductive_bias.work.kernel import ERRORS


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Train the batch and leave the test errors of those that reached the training error.

    Raises:
        Diverged: a training error is not finite.
        UserError: the architecture doesn't suit the inputs, or the data don't suffice.
    """
    import torch

    from inductive_bias.network_space.architectures import Architecture
    from inductive_bias.network_space.strategy import fastest, train_hypotheses
    from inductive_bias.network_space.training import Recipe

    config = cell.config
    split = read_split(context)
    shape = split.x_train.shape[1:]
    if not config["channels"]:
        shape = (int(np.prod(shape)),)
    architecture = Architecture(
        shape, tuple(config["channels"]), tuple(config["widths"]), split.y_train.shape[1]
    )
    settings = dict(config["training"])
    if config["relative"]:
        settings["fit_error"] *= split.variance
    recipe = Recipe(**settings)

    def tensors(x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.from_numpy(x.reshape(len(x), *shape)).float()
        return inputs.to(context.device), torch.from_numpy(y).float().to(context.device)

    train, test = tensors(split.x_train, split.y_train), tensors(split.x_test, split.y_test)
    strategy = fastest(architecture, train[0], recipe, config["count"])
    # How many at once is a matter of speed: it goes into the curves, not into the cell's answer.
    context.report(0, stacked=strategy.chunk)
    trained = train_hypotheses(
        architecture,
        recipe,
        train,
        test,
        suite_seed=context.seed,
        indices=range(config["first"], config["first"] + config["count"]),
        strategy=strategy,
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
        "input_dimension": int(np.prod(shape)),
    }
