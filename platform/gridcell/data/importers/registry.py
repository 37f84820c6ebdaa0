"""What an importer is, and how they are found: every module of this package that defines ``IMPORTER``."""

from collections.abc import Callable
from dataclasses import dataclass

from gridcell.data.importers.layout import Layout
from gridcell.data.importers.source import Source
from gridcell.registry import Registry


@dataclass(frozen=True)
class Importer:
    """How one published set lies on disk.

    Attributes:
        name: As typed on the command line, e.g. ``v2``.
        title: As published, e.g. ``ImageNet-V2 (matched-frequency)``.
        read: Finds the samples in a source; reads no image.
        images: Number of images published; None where it varies.
        classes: Number of classes published; None where it varies.
        version: Of what it reads. Raise it where that changes: an import by another version doesn't go on.
    """

    name: str
    title: str
    read: Callable[[Source], Layout]
    images: int | None = None
    classes: int | None = None
    version: int = 1


registry: Registry[Importer] = Registry(
    __package__ or "", "IMPORTER", "data set", kinds=Importer, group="gridcell.importers"
)


def importers() -> dict[str, Importer]:
    """Return all importers by name."""
    return registry.all


def importer(name: str) -> Importer:
    """Return the importer called ``name``.

    Raises:
        UserError: There is none; the message names the nearest.
    """
    return registry.get(name)
