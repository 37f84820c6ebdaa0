"""The estimate cell: pools the errors of one space on one problem and asks how much is needed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gridcell import Cell, Context
from gridcell.data import generator
from inductive_bias.cells.kernel import ERRORS
from inductive_bias.distributions.exact import Exact
from inductive_bias.distributions.fit import MINIMUM_SAMPLES, fit
from inductive_bias.distributions.information import (
    Runs,
    estimate,
    plain,
    rows,
    share_interval,
    too_few,
)
from inductive_bias.distributions.ncx2 import to_record
from inductive_bias.distributions.warnings import fit_warning, mixing_warnings, warnings_of
from inductive_bias.distributions.weighted import WeightedChi2
from inductive_bias.kernel_space.rounding import Doubt

POOLED = "pooled.npz"


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Fit the pooled errors, and set the exact distribution or subset simulation beside the fit.

    Leaves ``pooled.npz``: ``errors`` (n,), in the suite's unit.

    Raises:
        UserError: too few hypotheses fit the data, or a target error is not possible.
    """
    from scipy.stats import kstest

    config = cell.config
    roles = sorted(
        (role for role in cell.needs if role.startswith("part")),
        key=lambda role: int(role.removeprefix("part")),
    )
    parts = [context.need(role).metrics for role in roles]
    unit = parts[0]["variance"] if config["relative"] else 1.0
    arrays = [np.load(context.artifact(role, ERRORS), allow_pickle=False) for role in roles]
    errors = np.concatenate([array["errors"] for array in arrays]) / unit
    unfitted = sum(part["unfitted"] for part in parts)
    too_few(len(errors), unfitted)
    exact = _exact(arrays[0], parts[0], unit) if "weights" in arrays[0] else None
    runs = [context.need(role).metrics for role in sorted(cell.needs) if role.startswith("run")]
    runs = [one for one in runs if one["needed"]]
    found = estimate(
        errors,
        [*config["epsilons"], config["target"]],
        resamples=config["resamples"],
        generator=generator(context.seed, "bootstrap"),
        exact=exact,
        runs=_runs(runs),
    )
    np.savez(context.outputs / POOLED, errors=errors)
    *curve, target = rows(found)
    warnings = warnings_of(found, errors, unfitted)
    mixing = _mixing(runs)
    if mixing is not None:
        warnings += mixing_warnings(
            **{key: mixing[key] for key in ("acceptance", "correlation", "founders", "missed")}
        )
    if exact is not None:
        warnings += fit_warning(parts[0]["training_error"] / unit, parts[0]["jitter"], parts[0]["noise"])
    if parts[0].get("at_end"):
        warnings.append(
            "the largest marginal likelihood lies at an end of the bandwidths tried "
            f"({parts[0]['bandwidth']:.3g}): the training points are too few, or too far apart, to tell one"
        )
    kept = ("bandwidth", "amplitude", "noise", "jitter", "condition", "bits", "residual")
    return {
        "information": target["best"],
        "fitted_information": target["nats"],
        "unit": unit,
        "curve": curve,
        "target": target,
        "fit": to_record(found.fitted),
        "ks": found.ks,
        "p_value": found.p_value,
        "exact_p_value": None if exact is None else float(kstest(errors, exact.distribution.fast_cdf).pvalue),
        "samples": len(errors),
        "unfitted": unfitted,
        "smallest_error": float(errors.min()),
        "mean_error": float(errors.mean()),
        "error_deviation": float(errors.std()),
        "input_dimension": parts[0]["input_dimension"],
        **{key: parts[0].get(key) for key in kept},
        "mixing": mixing,
        "mistakes": _mistakes(cell, context, parts, arrays),
        "by_fit_error": _by_fit_error(arrays, unit, config),
        "warnings": warnings,
    }


def _exact(arrays: Mapping[str, np.ndarray], part: Mapping[str, Any], unit: float) -> Exact:
    """Return a kernel's exact distribution and its doubt, in the suite's unit."""
    weights = arrays["weights"]
    doubt = Doubt(math.inf, math.inf)
    if part["doubt"] is not None:
        doubt = Doubt(part["doubt"]["covariance"] / unit, part["doubt"]["mean"] / math.sqrt(unit))
    distribution = WeightedChi2(weights / unit, arrays["offsets"] / unit, int(arrays["multiplicity"]))
    return Exact(distribution, doubt, len(weights))


def _runs(runs: Sequence[Mapping[str, Any]]) -> Runs | None:
    if not runs:
        return None
    return Runs(
        -np.array(
            [[math.nan if value is None else value for value in one["log_probabilities"]] for one in runs]
        )
    )


def _mistakes(
    cell: Cell,
    context: Context,
    parts: Sequence[Mapping[str, Any]],
    arrays: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, Any] | None:
    """Return I of the accuracy that the suite asks for, in nats with a 95 % interval; None: not asked for.

    It is counted among sampled networks where enough of them reach it, and is by subset simulation elsewhere.
    """
    if "accuracy" not in cell.config:
        return None
    target = 1 - cell.config["accuracy"] + 1e-9
    runs = parts[0].get("mistakes")
    if runs is None:
        metrics = [context.need(role).metrics for role in sorted(cell.needs) if role.startswith("mistakes")]
        if not all(one["needed"] for one in metrics):
            shares = np.concatenate([array["mistakes"] for array in arrays])
            right = int((shares <= target).sum())
            low, high = share_interval(right, len(shares))
            ends = [plain(-math.log(high)), plain(-math.log(low)) if low else None]
            return {"nats": plain(-math.log(right / len(shares))), "ci95": ends, "basis": "counted"}
        runs = [one["log_probabilities"][-1] for one in metrics]
    values = -np.array([[math.nan if value is None else value] for value in runs])
    found = Runs(values)
    ends = [plain(end[0]) for end in found.interval()]
    return {"nats": plain(found.mean()[0]), "ci95": ends, "basis": "splitting"}


def _mixing(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    if not runs:
        return None
    accepted = [one["smallest_acceptance"] for one in runs if one["smallest_acceptance"] is not None]
    alike = [one["mean_correlation"] for one in runs if one["mean_correlation"] is not None]
    sweeps = [one["mean_sweeps"] for one in runs if one["mean_sweeps"] is not None]
    return {
        "sweeps": float(np.mean(sweeps)) if sweeps else None,
        "acceptance": min(accepted, default=None),
        "correlation": max(alike, default=None),
        "founders": min(one["founders"] for one in runs),
        "missed": sum(not one["reached"] for one in runs),
    }


def _by_fit_error(
    arrays: Sequence[Mapping[str, np.ndarray]], unit: float, config: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return I at the target by the fitted model, at each fit level recorded on the way: a record a level."""
    out = []
    for index, level in enumerate(config.get("fit_levels", ())):
        errors = np.concatenate([array["by_level"][index] for array in arrays]) / unit
        errors = errors[np.isfinite(errors)]
        nats = None
        if len(errors) >= MINIMUM_SAMPLES:
            nats = plain(-float(fit(errors).log_cdf(config["target"])))
        out.append(
            {
                "fit_error": level,
                "nats": nats,
                "samples": len(errors),
                "mean_error": plain(float(errors.mean())) if len(errors) else None,
            }
        )
    return out
