"""Which parts a cell's configuration names: what an edit of an agent concerns."""

from farmap.agents.kinds import registry
from gridcell import Cell


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Return the module of a cell's agent."""
    return (registry.module_of(cell.config["agent"]["kind"]),)
