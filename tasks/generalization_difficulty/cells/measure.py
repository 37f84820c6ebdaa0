"""Cells that measure data: every ingredient estimated with the cell's seed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generalization_difficulty.cells.formula import record
from generalization_difficulty.data.batches import ArrayBatches, Batches
from generalization_difficulty.data.files import open_own
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
    dimension = cell.config["data"].get("dimension")
    return answer | ({"true_dimension": dimension} if dimension is not None else {})


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
    if config["source"] == "digits":
        from sklearn.datasets import load_digits

        scans = load_digits()
        return ArrayBatches(scans.data / 16.0, scans.target), ()  # ink is counted from 0 to 16
    if config["source"] == "own":
        path, labels = locations["data"], locations.get("labels")
        data = open_own(path, labels, config["image_size"], config.get("target"))
        if data.fingerprint != config["fingerprint"]:
            raise UserError(f"The data at '{path}' changed since the grid was planned: run again")
        return data.batches, data.said
    from generalization_difficulty.data.synthetic import linear, sphere

    draw = sphere if config["source"] == "sphere" else linear
    return ArrayBatches(*draw(config["dimension"], config["n"], config["ambient"], seed)), ()
