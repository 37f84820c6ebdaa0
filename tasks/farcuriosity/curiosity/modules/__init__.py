"""The registry of curiosities: every file of this folder, and every entry point of a plug-in.

A plug-in adds one by an entry point of the group ``gridcell.farcuriosity.curiosities`` that leads to a
:class:`~farcuriosity.curiosity.interface.Kind`.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from farcuriosity.curiosity.interface import Kind
from gridcell.errors import UserError, unknown

ENTRY_POINTS = "gridcell.farcuriosity.curiosities"


@cache
def available() -> dict[str, Kind]:
    """Return all curiosities by name, in alphabetical order.

    Raises:
        UserError: two share a name, or a plug-in's entry point leads to something else.
    """
    found: dict[str, Kind] = {}
    shipped = [import_module(f"{__name__}.{module.name}").kind for module in iter_modules(__path__)]
    for kind in [*shipped, *(point.load() for point in entry_points(group=ENTRY_POINTS))]:
        if not isinstance(kind, Kind):
            raise UserError(f"A curiosity must be a Kind, but a plug-in gives {kind!r}")
        if kind.name in found:
            raise UserError(f"Two curiosities are called '{kind.name}'")
        found[kind.name] = kind
    return dict(sorted(found.items()))


def get(name: str) -> Kind:
    """Return the curiosity of that name.

    Raises:
        UserError: there is none; names the nearest.
    """
    if name not in available():
        raise unknown("curiosity", name, available())
    return available()[name]
