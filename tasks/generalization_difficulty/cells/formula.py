"""Cells whose ingredients are given, or read off an environment."""

import math
from typing import Any

from generalization_difficulty.formula.bits import Difficulty
from generalization_difficulty.formula.curves import curves_of
from generalization_difficulty.formula.tasks import (
    Classification,
    Reinforcement,
    parse_task,
    union_difficulty,
)
from gridcell import Cell, Context


def run_formula(cell: Cell, context: Context) -> dict[str, Any]:
    """Compute the difficulty of a task and its curves."""
    task = parse_task(cell.config["kind"], cell.config["ingredients"])
    answer = record(task.difficulty())
    return answer | {"ingredients": dict(cell.config["ingredients"]), "curves": curves_of(task)}


def run_union(cell: Cell, context: Context) -> dict[str, Any]:
    """Compute the difficulty of a union, as published and with one output less, as a classification alone."""
    first, second = Classification(**cell.config["first"]), Classification(**cell.config["second"])
    fewer = union_difficulty(first, second, outputs="classes-1")
    return record(union_difficulty(first, second)) | {"log2_bits_classes_minus_1": fewer.log2_bits}


def run_environment(cell: Cell, context: Context) -> dict[str, Any]:
    """Read an environment's dimensions off its spaces and compute its difficulty.

    Raises:
        UserError: Gymnasium or the environment is not installed, or its spaces have no dimension.
    """
    from generalization_difficulty.formula.spaces import environment_dimensions

    config = cell.config
    observations, actions = environment_dimensions(config["id"])
    task = Reinforcement(
        n=config["n"],
        m=observations * config["history"],
        actions=actions,
        delta=config["delta"],
        eps=config["eps"],
    )
    ingredients = {name: getattr(task, name) for name in ("n", "m", "actions", "delta", "eps")}
    return record(task.difficulty()) | {"ingredients": ingredients, "curves": curves_of(task)}


def record(difficulty: Difficulty) -> dict[str, Any]:
    """Return a difficulty as JSON values; ``bits`` is null where no float holds it."""
    return {
        "bits": difficulty.bits if math.isfinite(difficulty.bits) else None,
        "log2_bits": difficulty.log2_bits,
        "log2_dimension": difficulty.log2_dimension,
        "bits_per_dimension": difficulty.bits_per_dimension,
    }
