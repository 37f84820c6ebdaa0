"""What a fault is, and where faults are found."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridcell.cluster.chaos.trial import Trial
from gridcell.registry import Registry


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong while a grid is run.

    Attributes:
        name: as typed after ``--fault``.
        summary: what happens, and what is expected of the platform.
        strike: runs the grid, makes the fault happen, and brings the grid to its end as the user would.
            Raises ``NotSurvived`` where the platform doesn't do what it should.
        storage: of the trial, with ``{folder}`` for its folder; by default a folder there.
        interrupted: at most so many cells may have been interrupted.
        intervals: at most so many checkpoint intervals of each may be done again.
        remade: titles of cells that are to be run twice.
    """

    name: str
    summary: str
    strike: Callable[[Trial], None]
    storage: str = ""
    interrupted: int = 0
    intervals: int = 1
    remade: tuple[str, ...] = ()

    def storage_in(self, folder: Path) -> str:
        """Return the URI of the store of a trial in ``folder``; empty for the trial's own."""
        return self.storage.format(folder=folder)


faults: Registry[Fault] = Registry("gridcell.cluster.chaos.faults", "FAULT", "fault")
