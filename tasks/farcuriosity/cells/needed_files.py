"""Which files of an agent other cells read: an agent whose other files were pruned isn't trained again."""

from farcuriosity.cells.names import AGENT, BEST, STATE
from gridcell import Cell


def files_of(cell: Cell, role: str) -> tuple[str, ...] | None:
    """Return the names of the files that a cell reads of the agent that it needs; None where it isn't known.

    Args:
        cell: that needs it.
        role: in which it needs it.
    """
    if role == "start":
        return (STATE,)
    if role != "agent":
        return None
    return (BEST,) if cell.kind == "evaluation" and cell.config["policy"] == "best" else (AGENT,)
