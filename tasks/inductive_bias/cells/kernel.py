"""The kernel cell: errors of functions from a posterior, and the exact distribution of these errors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridcell import Cell, Context, UserError
from gridcell.data import generator
from inductive_bias.cells.data import read_split
from inductive_bias.kernel_space.kernels import Floats, Kernel, arc_cosine, median_bandwidth, rbf

ERRORS = "errors.npz"


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Solve for the posterior, sample its errors, and leave them with the exact distribution's weights.

    Raises:
        UserError: the kernel matrix isn't positive definite, its functions don't fit the training data, or
            the data don't suffice.
    """
    from inductive_bias.kernel_space.posterior import error_distribution, posterior, sample_errors

    split = read_split(context)
    x_train, x_test = (
        split.x_train.reshape(len(split.x_train), -1),
        split.x_test.reshape(len(split.x_test), -1),
    )
    kernel, bandwidth = _kernel(cell.config, x_train)
    given = posterior(kernel, x_train, split.y_train, x_test)
    unit = split.variance if cell.config["relative"] else 1.0
    check_fit(
        given.training_error,
        limit=cell.config["fit_error"] * unit,
        unit=unit,
        jitter=given.solution.jitter,
    )
    exact = error_distribution(given, split.y_test)
    errors = sample_errors(given, split.y_test, cell.config["samples"], generator(context.seed, "functions"))
    np.savez(
        context.outputs / ERRORS,
        errors=errors,
        weights=exact.weights,
        offsets=exact.offsets,
        multiplicity=exact.multiplicity,
    )
    return {
        "variance": split.variance,
        "samples": len(errors),
        "unfitted": 0,
        "mean_error": float(errors.mean()),
        "bandwidth": bandwidth,
        "jitter": given.solution.jitter,
        "residual": given.solution.residual,
        "training_error": given.training_error,
        "solver": given.solution.how,
        "input_dimension": x_train.shape[1],
    }


def check_fit(training_error: float, *, limit: float, unit: float, jitter: float) -> None:
    """Raise UserError where a posterior's functions don't fit the training data.

    Args:
        training_error: mean squared, of the posterior's mean.
        limit: the largest that counts as a fit, likewise.
        unit: in which the suite gives errors.
        jitter: what was added to the kernel matrix's diagonal.
    """
    if training_error > limit:
        raise UserError(
            f"The functions of this kernel don't fit the training data: they keep an error of "
            f"{training_error / unit:.2g}, above training.fit_error = {limit / unit:.2g}, with {jitter:.2g} "
            "added to the kernel matrix's diagonal; are there equal inputs with different labels?"
        )


def _kernel(config: Mapping[str, Any], x_train: Floats) -> tuple[Kernel, float | None]:
    if config["kind"] == "arc_cosine":
        return arc_cosine(config["depth"], amplitude=config["amplitude"]), None
    bandwidth = median_bandwidth(x_train) if config["bandwidth"] == "median" else float(config["bandwidth"])
    return rbf(bandwidth, config["amplitude"]), bandwidth
