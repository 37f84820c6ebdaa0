"""Checkpoints of cells that are running: the last good one, and the one before it."""

import logging
from pathlib import Path

from gridcell.store.filesystem import Folder, sha256_of

_LOG = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one cell.

    Each is a file named by its step and checksum, so a damaged one is recognised by reading it; the newest
    two are kept, so that damage to the last costs no more than one interval.

    Args:
        folder: of the store.
        cell_id: of the cell.
        made_of: a digest of the cell's code and inputs, which is a part of the name. Checkpoints with another
            one are set aside, so that edited code doesn't go on from what the old code left.
    """

    KEPT = 2

    def __init__(self, folder: Folder, cell_id: str, made_of: str = "") -> None:
        self._folder = folder
        self._cell_id = cell_id
        self._where = f"checkpoints/{cell_id}"
        self._made_of = made_of

    def save(self, local: Path, step: int) -> None:
        """Store a local file as the checkpoint at ``step`` and remove all but the newest two."""
        name = f"{step:012d}-{sha256_of(local)}" + (f"-{self._made_of}" if self._made_of else "")
        self._folder.put(local, f"{self._where}/{name}")
        for old in self._folder.names(self._where)[: -self.KEPT]:
            self._folder.remove(f"{self._where}/{old}")

    def latest(self, into: Path) -> Path | None:
        """Copy the newest undamaged checkpoint into a local folder and return its path, or None."""
        for name in reversed(self._folder.names(self._where)):
            if self._is_of_others(name):
                self._set_aside(name)
                continue
            local = into / name
            self._folder.get(f"{self._where}/{name}", local)
            if sha256_of(local) == name.split("-")[1]:
                return local
            self._folder.remove(f"{self._where}/{name}")
        return None

    def _is_of_others(self, name: str) -> bool:
        """Whether a checkpoint says that other code or other inputs made it; older ones don't say."""
        _, _, made_of = name.partition("-")[2].partition("-")
        return bool(self._made_of and made_of and made_of != self._made_of)

    def _set_aside(self, name: str) -> None:
        self._folder.move(f"{self._where}/{name}", f"quarantine/checkpoint-{self._cell_id}-{name}")
        _LOG.warning("A checkpoint of cell %s is of other code or inputs: set aside", self._cell_id)

    def saved_step(self) -> int | None:
        """Return the step of the newest checkpoint."""
        names = self._folder.names(self._where)
        return int(names[-1].partition("-")[0]) if names else None

    def saved_at(self) -> float | None:
        """Return when the newest checkpoint was written, in seconds since 1970 by the storage's clock."""
        names = self._folder.names(self._where)
        return self._folder.modified(f"{self._where}/{names[-1]}") if names else None

    def clear(self) -> None:
        """Remove them all: the cell is done."""
        self._folder.remove(self._where)
