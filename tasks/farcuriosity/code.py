"""Which parts a cell's configuration names: what an edit of a curiosity concerns."""

from farcuriosity.curiosity.modules import curiosities
from gridcell import Cell, parse_settings


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Return the modules of a cell's curiosity, and of the one that it is laid around."""
    name = cell.config.get("curiosity")
    if name is None:  # a video needs its agent's cell, which names it
        return ()
    settings = parse_settings(curiosities.get(name).parameters, cell.config["parameters"])
    around = getattr(settings, "around", None)
    return tuple(curiosities.module_of(each) for each in (name, around) if each is not None)
