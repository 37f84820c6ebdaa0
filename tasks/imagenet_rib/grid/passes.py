"""Which cells go through the images together: evaluations of one architecture, linear probes of one model."""

from collections.abc import Mapping

from gridcell import Cell, canonical_json
from imagenet_rib.grid.input_names import is_data
from imagenet_rib.method import FineTuning
from imagenet_rib.methods import get

MODELS_A_PASS = 64
"""How many evaluations at most go through the images together."""

PROBES_A_PASS = 16
"""How many linear probes at most share a model's features."""


def same_images(cell: Cell, cells: Mapping[str, Cell]) -> str:
    """Return what evaluations have in common whose models see the very same batches.

    Args:
        cell: an evaluation.
        cells: id -> cell, with all that it needs.
    """
    data = {role: need for role, need in cell.needs.items() if is_data(role)}
    weights = next(cells[need] for role, need in cell.needs.items() if not is_data(role))
    made = weights if "architecture" in weights.config else cells[weights.needs["pre"]]
    asked = {name: value for name, value in cell.config.items() if name != "merge"}
    return canonical_json([made.config["architecture"], data, asked])


def same_features(cell: Cell, cells: Mapping[str, Cell]) -> str | None:
    """Return what trainings have in common that differ in their seed alone and train on the same features.

    Args:
        cell: a training.
        cells: id -> cell, with all that it needs.

    Returns:
        None for a training on images.
    """
    method = get(cell.config["method"])
    training = cell.config["training"]  # what judges its epochs sees images
    if not isinstance(method, FineTuning) or training["epochs"] == 1 or "validation_share" in training:
        return None
    if not method.on_features(method.parameters(**cell.config["parameters"])):
        return None
    return canonical_json([cell.needs, cell.config])
