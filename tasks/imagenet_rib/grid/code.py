"""Which parts a cell's configuration names: what an edit of a method or a shift concerns."""

from gridcell import Cell
from imagenet_rib.methods import registry as methods

DERIVED = ("digits", "imagenet")
"""Sources of data from which a cell derives sets itself."""


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Return the modules of a cell's method, or of the shifts and corruptions that make its sets."""
    if cell.kind == "train":
        return (methods.module_of(cell.config["method"]),)
    if cell.kind == "evaluate" and cell.config["merge"]:
        return (methods.module_of(cell.config["merge"]["method"]),)
    if cell.kind == "data" and cell.config["source"] in DERIVED:
        from gridcell.data import corruption_registry, shift_registry

        return tuple(
            dict.fromkeys(
                parts.module_of(name) for parts in (shift_registry, corruption_registry) for name in parts.all
            )
        )
    return ()
