"""The hypotheses cell: a batch of networks trained from their own seeds until they fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridcell import Cell, Context
from inductive_bias.cells.kernel import ERRORS
from inductive_bias.cells.networks import prepared


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Train the batch and leave the test errors of those that reached the training error.

    Leaves ``errors.npz``: ``errors`` (fitted,), and ``by_level`` (levels, count): test errors of all when
    their training error first was at most each of ``training.fit_levels``, NaN where it never was; and
    ``mistakes`` (fitted,): shares of test points whose largest output isn't their label's.

    Raises:
        Diverged: a training error is not finite.
        UserError: the architecture doesn't suit the inputs, or the data don't suffice.
    """
    from inductive_bias.network_space.module import train_hypotheses

    config = cell.config
    made = prepared(config, context)
    trained = train_hypotheses(
        made.architecture,
        made.recipe,
        made.train,
        made.test,
        suite_seed=context.seed,
        indices=range(config["first"], config["first"] + config["count"]),
        at_once=config["count"] if context.fast else made.at_once,  # one batch is one stack's
        device=context.device,
        checkpoints=context.checkpoints,
        report=context.report,
    )
    errors = trained.test_error[trained.fitted].numpy()
    mistakes = trained.mistakes[trained.fitted].numpy()
    np.savez(context.outputs / ERRORS, errors=errors, by_level=trained.by_level.numpy(), mistakes=mistakes)
    return {
        "variance": made.split.variance,
        "samples": len(errors),
        "unfitted": int((~trained.fitted).sum()),
        "mean_error": float(errors.mean()) if len(errors) else None,
        "mean_epochs": float(trained.epochs.double().mean()),
        "worst_train_error": float(trained.train_error.max()),
        "parameters": made.architecture.size,
        "at_once": made.at_once,
        "input_dimension": int(np.prod(made.split.x_train.shape[1:])),
    }
