"""Which parts a cell's configuration names: what an edit of a method or a shift concerns."""

from gridcell import Cell
from imagenet_rib.grid.slices import CORRUPTED
from imagenet_rib.methods import registry as methods


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Return the modules of a cell's method, or of its set's shift and corruptions."""
    if cell.kind == "train":
        return (methods.module_of(cell.config["method"]),)
    if cell.kind == "evaluate" and cell.config["merge"]:
        return (methods.module_of(cell.config["merge"]["method"]),)
    if cell.kind == "data" and "parameters" in cell.config:
        return _modules_of_set(cell.config["set"])
    return ()


def _modules_of_set(name: str) -> tuple[str, ...]:
    from gridcell.data import corruption_registry, shift_registry

    shown = corruption_registry.all if name == CORRUPTED else ()
    found = [shift_registry.module_of(name), *(corruption_registry.module_of(one) for one in shown)]
    return tuple(dict.fromkeys(found))
