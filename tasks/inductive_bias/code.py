"""Which parts a cell's configuration names: what an edit of a problem or a space concerns."""

from gridcell import Cell
from inductive_bias.problems.kinds import registry as problems
from inductive_bias.spaces import registry as spaces


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Return the module of a cell's problem, or of its hypothesis space.

    A module of the user's own that a suite names by its file is known by that file's content instead.
    """
    if cell.kind == "data":
        return (problems.module_of(cell.config["source"]),)
    if cell.kind == "kernel":
        return (spaces.module_of(cell.config["kind"]),)
    if cell.kind in ("hypotheses", "splitting") and "module" not in cell.config:
        return (spaces.module_of(cell.config.get("space", "network")),)
    return ()
