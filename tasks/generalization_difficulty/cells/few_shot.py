"""Cells that measure few-shot learning from drawn characters."""

from collections.abc import Mapping
from typing import Any

from generalization_difficulty.cells.formula import record
from generalization_difficulty.cells.measure import Progress
from generalization_difficulty.data.alphabets import (
    Alphabet,
    alphabets_fingerprint,
    draw_alphabets,
    open_alphabets,
)
from generalization_difficulty.estimate.few_shot import measure_few_shot
from generalization_difficulty.formula.curves import curves_of
from gridcell import Cell, Context, UserError


def run(cell: Cell, context: Context) -> dict[str, Any]:
    """Measure the cell's alphabets.

    Raises:
        UserError: the images are not those that were planned, or what ``measure_few_shot`` finds.
    """
    config = cell.config
    found = measure_few_shot(
        _open(config["data"], context.locations, context.seed),
        eps=config["eps"],
        ways=config["ways"],
        neighbours=config["neighbours"],
        seed=context.seed,
        watch=Progress(context),
    )
    return record(found.difficulty) | {"curves": curves_of(found.task), "ingredients": found.to_record()}


def _open(config: Mapping[str, Any], locations: Mapping[str, str], seed: int) -> list[Alphabet]:
    if config["source"] == "strokes":
        shape = {key: config[key] for key in ("alphabets", "characters", "drawings", "side")}
        return draw_alphabets(**shape, seed=seed)
    path = locations[config["name"]]
    if alphabets_fingerprint(path) != config["fingerprint"]:
        raise UserError(f"The images at '{path}' changed since the grid was planned: run again")
    return open_alphabets(path, config["image_size"], config["ink"])
