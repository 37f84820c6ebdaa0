"""The kernel cell: errors of functions from a posterior, and the exact distribution of these errors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gridcell import Cell, Context, UserError
from gridcell.data import generator
from inductive_bias.cells.data import read_split
from inductive_bias.kernel_space.evidence import made, most_likely
from inductive_bias.kernel_space.kernels import Floats, Kernel, median_bandwidth
from inductive_bias.problems.pool import check_labels

if TYPE_CHECKING:
    from inductive_bias.kernel_space.posterior import Posterior

ERRORS = "errors.npz"


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Solve for the posterior, sample its errors, and leave them with the exact distribution's weights.

    Where rounding may move I at one of the suite's target errors, the posterior is computed in high
    precision, up to ``precise.LARGEST_TRAINING`` points.

    Raises:
        UserError: the kernel matrix isn't positive definite, its functions don't fit the training data, or
            the data don't suffice.
    """
    from inductive_bias.kernel_space.posterior import sample_errors, solved

    config = cell.config
    split = read_split(context)
    x_train, x_test = (
        split.x_train.reshape(len(split.x_train), -1),
        split.x_test.reshape(len(split.x_test), -1),
    )
    kernel, chosen = _kernel(config, x_train, split.y_train)
    unit = split.variance if config["relative"] else 1.0
    answer = solved(
        kernel,
        (x_train, split.y_train),
        (x_test, split.y_test),
        noise=chosen["noise"],
        targets=[eps * unit for eps in config["targets"]],
    )
    given = answer.posterior
    check_fit(
        given.training_error,
        limit=config["fit_error"] * unit,
        unit=unit,
        jitter=given.solution.jitter,
        noise=chosen["noise"],
    )
    errors = sample_errors(given, split.y_test, config["samples"], generator(context.seed, "functions"))
    exact = answer.exact
    mistakes = _mistakes(config, given, split.y_test, context.seed)
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
        **chosen,
        "jitter": given.solution.jitter,
        "condition": answer.condition,
        "bits": answer.bits,
        "doubt": {"covariance": given.doubt.covariance, "mean": given.doubt.mean}
        if given.doubt.known
        else None,
        "residual": given.solution.residual,
        "training_error": given.training_error,
        "mistakes": mistakes,
        "solver": given.solution.how,
        "input_dimension": x_train.shape[1],
    }


def _mistakes(
    config: Mapping[str, Any], given: "Posterior", y_test: Floats, seed: int
) -> list[float | None] | None:
    """Return log P(share of mistakes <= 1 - accuracy) of each run of subset simulation, if asked for."""
    if "accuracy" not in config:
        return None
    check_labels(y_test)
    from inductive_bias.kernel_space.posterior import root_of
    from inductive_bias.splitting.gaussian import GaussianParticles
    from inductive_bias.splitting.levels import Plan, advance
    from inductive_bias.splitting.probability import log_probability

    chosen, target = config["splitting"], 1 - config["accuracy"] + 1e-9  # shares are multiples of 1 / n_test
    space = GaussianParticles(given.mean - y_test, root_of(given.covariance), y_test)
    found: list[float | None] = []
    for run in range(chosen["runs"]):
        plan = Plan(chosen["particles"], chosen["sweeps"], chosen["max_levels"], seed, run)
        *_, last = advance(space, plan, target, None)
        value = log_probability(target, target, last)
        found.append(None if value != value else value)
    return found


def check_fit(training_error: float, *, limit: float, unit: float, jitter: float, noise: float = 0.0) -> None:
    """Raise UserError where a posterior's functions don't fit the training data.

    Args:
        training_error: mean squared, expected over the posterior's functions.
        limit: the largest that counts as a fit, likewise.
        unit: in which the suite gives errors.
        jitter: what was added to the kernel matrix's diagonal.
        noise: what the suite asked for there.
    """
    if training_error <= limit:
        return
    said = (
        f"The functions of this kernel don't fit the training data: they keep an error of "
        f"{training_error / unit:.2g}, above training.fit_error = {limit / unit:.2g}, "
    )
    if noise:
        raise UserError(
            f"{said}with noise of variance {noise:.2g}: take less noise, or allow a larger training.fit_error"
        )
    raise UserError(
        f"{said}with {jitter:.2g} added to the kernel matrix's diagonal; are there equal inputs with "
        "different labels?"
    )


def _kernel(config: Mapping[str, Any], x: Floats, y: Floats) -> tuple[Kernel, dict[str, Any]]:
    """Return the kernel and what is reported of it: bandwidth (None: it has none), amplitude, noise."""
    bandwidth, amplitude, noise = config.get("bandwidth"), config["amplitude"], config.get("noise", 0.0)
    evidence = None
    if "evidence" in (bandwidth, amplitude):
        evidence = most_likely(config, x, y, noise)
        bandwidth, amplitude = evidence.bandwidth, evidence.amplitude
    if bandwidth == "median":
        bandwidth = median_bandwidth(x)
    chosen: dict[str, Any] = {
        "bandwidth": None if bandwidth is None else float(bandwidth),
        "amplitude": float(amplitude),
        "noise": float(noise),
        "evidence": None if evidence is None else evidence.nats,
        "at_end": evidence is not None and evidence.at_end,
    }
    return made(config, chosen["bandwidth"], chosen["amplitude"]), chosen
