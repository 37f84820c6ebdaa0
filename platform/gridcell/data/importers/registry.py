"""What an importer is, and how they are found: every module of this package that defines ``IMPORTER``."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from gridcell.data.importers.layout import Layout
from gridcell.data.importers.source import Source
from gridcell.errors import UserError, unknown


@dataclass(frozen=True)
class Importer:
    """How one published set lies on disk.

    Attributes:
        name: As typed on the command line, e.g. ``v2``.
        title: As published, e.g. ``ImageNet-V2 (matched-frequency)``.
        read: Finds the samples in a source; reads no image.
        images: Number of images published; None where it varies.
        classes: Number of classes published; None where it varies.
    """

    name: str
    title: str
    read: Callable[[Source], Layout]
    images: int | None = None
    classes: int | None = None


@cache
def importers() -> dict[str, Importer]:
    """Return all importers by name.

    Raises:
        UserError: Two modules define the same name.
    """
    found: dict[str, Importer] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])):
        entry = getattr(import_module(f"{__package__}.{module}"), "IMPORTER", None)
        if entry is not None and found.setdefault(entry.name, entry) is not entry:
            raise UserError(f"Two modules define an importer named '{entry.name}'")
    return found


def importer(name: str) -> Importer:
    """Return the importer called ``name``.

    Raises:
        UserError: There is none; the message names the nearest.
    """
    known = importers()
    if name not in known:
        raise unknown("data set", name, known)
    return known[name]
