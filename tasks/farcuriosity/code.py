"""Which parts a cell's configuration names: what an edit of a curiosity or an environment concerns."""

from collections.abc import Iterator, Mapping
from typing import Any

from farcuriosity.curiosity.modules import curiosities
from gridcell import Cell, parse_settings, plugins, version_of


def modules_of(cell: Cell) -> tuple[str, ...]:
    """Return the modules of a cell's curiosity, of the one that it is laid around, and of its environment.

    Of an environment that is the module of the user's own which ``module:id`` names.
    """
    name = cell.config.get("curiosity")
    if name is None:  # a video needs its agent's cell, which names it
        return ()
    found = tuple(map(curiosities.module_of, named_by(name, cell.config["parameters"])))
    registering = cell.config.get("environment", "").rpartition(":")[0]
    return (*found, registering) if registering and plugins.is_own(registering) else found


def versions_of(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the versions of a curiosity, and of the one that it is laid around, add to a cell's id.

    That is nothing where they are 1.
    """
    found: dict[str, int] = {}
    for each in named_by(name, parameters):
        found |= version_of(curiosities.get(each), each)
    return {"versions": found} if found else {}


def named_by(name: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the name of a curiosity, and of the one that its settings lay it around."""
    yield name
    around = getattr(parse_settings(curiosities.get(name).parameters, parameters), "around", None)
    if around is not None:
        yield around
