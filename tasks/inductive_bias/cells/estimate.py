"""The estimate cell: pools the errors of one space on one problem and asks how much is needed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.data.seeds import generator
from inductive_bias.cells.kernel import ERRORS
from inductive_bias.distributions.information import estimate, fit_warning, rows, too_few, warnings_of
from inductive_bias.distributions.ncx2 import to_record
from inductive_bias.distributions.weighted import WeightedChi2

POOLED = "pooled.npz"


def run(cell: Cell, context: Context) -> Mapping[str, Any]:
    """Fit the pooled errors, bootstrap, and compare with the exact distribution where there is one.

    Leaves ``pooled.npz``: ``errors`` (n,) and ``replicates`` (resamples, E), in the suite's unit.

    Raises:
        UserError: too few hypotheses fit the data, or a target error is not possible.
    """
    from scipy.stats import kstest

    config = cell.config
    roles = sorted(cell.needs, key=lambda role: int(role.removeprefix("part")))
    parts = [context.need(role).metrics for role in roles]
    unit = parts[0]["variance"] if config["relative"] else 1.0
    arrays = [np.load(context.artifact(role, ERRORS), allow_pickle=False) for role in roles]
    errors = np.concatenate([array["errors"] for array in arrays]) / unit
    unfitted = sum(part["unfitted"] for part in parts)
    too_few(len(errors), unfitted)
    exact = None
    if "weights" in arrays[0]:
        first = arrays[0]
        exact = WeightedChi2(first["weights"] / unit, first["offsets"] / unit, int(first["multiplicity"]))
    draws = generator(context.seed, "bootstrap")
    found = estimate(
        errors,
        [*config["epsilons"], config["target"]],
        resamples=config["bootstrap"],
        generator=draws,
        exact=exact,
    )
    np.savez(context.outputs / POOLED, errors=errors, replicates=found.replicates)
    *curve, target = rows(found)
    warnings = warnings_of(found, errors, unfitted)
    if exact is not None:
        warnings += fit_warning(parts[0]["training_error"] / unit, parts[0]["jitter"])
    return {
        "information": target["nats"] if exact is None else target["exact"],
        "fitted_information": target["nats"],
        "unit": unit,
        "curve": curve,
        "target": target,
        "fit": to_record(found.fitted),
        "ks": found.ks,
        "p_value": found.p_value,
        "exact_p_value": None if exact is None else float(kstest(errors, exact.fast_cdf).pvalue),
        "samples": len(errors),
        "unfitted": unfitted,
        "smallest_error": float(errors.min()),
        "mean_error": float(errors.mean()),
        "error_deviation": float(errors.std()),
        "input_dimension": parts[0]["input_dimension"],
        "jitter": parts[0].get("jitter"),
        "residual": parts[0].get("residual"),
        "warnings": warnings,
    }
