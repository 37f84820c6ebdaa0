"""Which parts a cell's configuration names: what an edit of a data set concerns."""

from generalization_difficulty.data.sets import registry
from gridcell import Cell


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Return the module of the data set that a cell measures; none of the user's own files."""
    data = cell.config["data"] if cell.kind == "measure" else {}
    return () if not data or "fingerprint" in data else (registry.module_of(data["source"]),)
