"""Which evaluations can go through the images together: those of one architecture on the same images."""

from collections.abc import Mapping

from gridcell import Cell, canonical_json
from imagenet_rib.grid.input_names import is_data

MODELS_A_PASS = 64
"""How many evaluations at most go through the images together."""


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
