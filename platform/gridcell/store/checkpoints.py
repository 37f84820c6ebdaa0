"""Checkpoints of cells that are running: the last good one, and the one before it."""

from pathlib import Path

from gridcell.store.filesystem import Folder, sha256_of


class Checkpoints:
    """The checkpoints of one cell.

    Each is a file named by its step and checksum, so a damaged one is recognised by reading it; the newest
    two are kept, so that damage to the last costs no more than one interval.
    """

    KEPT = 2

    def __init__(self, folder: Folder, cell_id: str) -> None:
        self._folder = folder
        self._where = f"checkpoints/{cell_id}"

    def save(self, local: Path, step: int) -> None:
        """Store a local file as the checkpoint at ``step`` and remove all but the newest two."""
        name = f"{step:012d}-{sha256_of(local)}"
        self._folder.put(local, f"{self._where}/{name}")
        for old in self._folder.names(self._where)[: -self.KEPT]:
            self._folder.remove(f"{self._where}/{old}")

    def latest(self, into: Path) -> Path | None:
        """Copy the newest undamaged checkpoint into a local folder and return its path, or None."""
        for name in reversed(self._folder.names(self._where)):
            local = into / name
            self._folder.get(f"{self._where}/{name}", local)
            if sha256_of(local) == name.partition("-")[2]:
                return local
            self._folder.remove(f"{self._where}/{name}")
        return None

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
