"""Cells that measure data: every ingredient estimated with the cell's seed."""

from collections.abc import Mapping
from typing import Any

from generalization_difficulty.cells.formula import record
from generalization_difficulty.data.batches import ArrayBatches, Batches
from generalization_difficulty.data.files import fingerprint, open_data
from generalization_difficulty.estimate.measure import MEBIBYTE, measure
from generalization_difficulty.formula.curves import curves_of
from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.errors import UserError


def run(cell: Cell, context: Context) -> dict[str, Any]:
    """Measure the cell's data.

    Raises:
        UserError: the data are not those that were planned, or what ``measure`` finds.
    """
    estimation = dict(cell.config["estimation"])
    memory = estimation.pop("memory_mb") * MEBIBYTE
    batches = _open(cell.config["data"], context.locations, context.seed)
    found = measure(batches, eps=cell.config["eps"], seed=context.seed, memory=memory, **estimation)
    answer = record(found.difficulty) | {"curves": curves_of(found.task), "ingredients": found.to_record()}
    dimension = cell.config["data"].get("dimension")
    return answer | ({"true_dimension": dimension} if dimension is not None else {})


def _open(config: Mapping[str, Any], locations: Mapping[str, str], seed: int) -> Batches:
    if config["source"] == "digits":
        from sklearn.datasets import load_digits

        scans = load_digits()
        return ArrayBatches(scans.data / 16.0, scans.target)  # ink is counted from 0 to 16
    if config["source"] == "own":
        path, labels = locations["data"], locations.get("labels")
        if fingerprint(path, labels) != config["fingerprint"]:
            raise UserError(f"The data at '{path}' changed since the grid was planned: run again")
        return open_data(path, labels, config["image_size"])
    from generalization_difficulty.data.synthetic import linear, sphere

    draw = sphere if config["source"] == "sphere" else linear
    return ArrayBatches(*draw(config["dimension"], config["n"], config["ambient"], seed))
