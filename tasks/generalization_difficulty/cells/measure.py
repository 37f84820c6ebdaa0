"""Cells that measure data: every ingredient estimated with the cell's seed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from generalization_difficulty.cells.formula import record
from generalization_difficulty.data.batches import ArrayBatches, Batches
from generalization_difficulty.data.files import open_own
from generalization_difficulty.data.sets import VERSION_OF_SET, registry
from generalization_difficulty.estimate.measure import measure
from generalization_difficulty.estimate.options import MEBIBYTE
from generalization_difficulty.estimate.watch import Item
from generalization_difficulty.formula.curves import curves_of
from gridcell import Cell, Context, UserError


def run(cell: Cell, context: Context) -> dict[str, Any]:
    """Measure the cell's data.

    Raises:
        UserError: the data are not those that were planned, or what ``measure`` finds.
    """
    estimation = dict(cell.config["estimation"])
    memory = estimation.pop("memory_mb") * MEBIBYTE
    batches, said = _open(cell.config["data"], context.locations, context.seed)
    found = measure(
        batches,
        eps=cell.config["eps"],
        seed=context.seed,
        watch=Progress(context),
        memory=memory,
        **estimation,
    )
    answer = record(found.difficulty) | {"curves": curves_of(found.task), "ingredients": found.to_record()}
    answer |= {"notes": list(said)} if said else {}
    dimension = _true_dimension(cell.config["data"])
    return answer | ({"true_dimension": dimension} if dimension is not None else {})


def _true_dimension(config: Mapping[str, Any]) -> int | None:
    """Return the dimension that a data set is known to have, None where it isn't."""
    setting = "" if "fingerprint" in config else registry.get(config["source"]).true_dimension
    return int(config[setting]) if setting else None


class Progress:
    """Tells the run how far each stage of a measurement is, in percent, or in items where no end is known."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._step = 0

    def __call__(self, stage: str, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
        """Yield the items; see :class:`generalization_difficulty.estimate.watch.Watch`."""
        for done, item in enumerate(items, 1):
            yield item
            self._step += 1
            figures = {stage: float(done)} if total is None else {f"{stage}_percent": 100 * done / total}
            self._context.report(self._step, **figures)


def _open(
    config: Mapping[str, Any], locations: Mapping[str, str], seed: int
) -> tuple[Batches, tuple[str, ...]]:
    """Return the data, and what is to be said of how they were read."""
    if "fingerprint" in config:
        path, labels = locations["data"], locations.get("labels")
        least = config.get("min_images", 1)
        data = open_own(path, labels, config["image_size"], config.get("target"), min_images=least)
        if data.fingerprint != config["fingerprint"]:
            raise UserError(f"The data at '{path}' changed since the grid was planned: run again")
        return data.batches, data.said
    parameters = {key: value for key, value in config.items() if key not in ("source", VERSION_OF_SET)}
    made = registry.get(config["source"]).make(seed=seed, **parameters)
    return ArrayBatches(np.asarray(made[0]), np.asarray(made[1])), ()
