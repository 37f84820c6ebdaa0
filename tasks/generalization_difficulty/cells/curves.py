"""Cells that follow a given task along one ingredient, or to the errors of models."""

from typing import Any

import numpy as np

from generalization_difficulty.formula.tasks import parse_task, varied
from gridcell import Cell, Context

_STEPS = 40  # of the curve, from an error of 1 to the least error of a model, or this one
_LEAST = 0.09


def run_sweep(cell: Cell, context: Context) -> dict[str, Any]:
    """Compute the difficulty at each value of one ingredient; null where there is none."""
    config = cell.config
    task = parse_task(config["kind"], config["ingredients"])
    return {"x": list(config["values"]), "log2_bits": varied(task, config["variable"], config["values"])}


def run_models(cell: Cell, context: Context) -> dict[str, Any]:
    """Compute the difficulty of a task at the error of each model, and the curve that they lie on.

    A model that reaches an error provides the bits that the task asks for at that error.
    """
    config = cell.config
    task = parse_task(config["kind"], config["ingredients"])
    scale = config["eps_per_error"]
    known = [model["error"] for model in config["models"] if model["error"] is not None]
    models = []
    for model in config["models"]:
        eps = None if model["error"] is None else scale * model["error"]
        bits = None if eps is None else varied(task, "eps", [eps])[0]
        models.append({**model, "eps": eps, "log2_bits": bits})
    errors = np.geomspace(1.0, min([_LEAST, *known]), _STEPS).tolist()
    curve = {"error": errors, "log2_bits": varied(task, "eps", [scale * error for error in errors])}
    return {"models": models, "curve": curve}
