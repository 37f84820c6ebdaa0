"""Checkpoints of cells that are running: the last good one, and the one before it."""

import logging
from pathlib import Path

from gridcell.cell import id_of_whole
from gridcell.store.filesystem import Folder, sha256_of

_LOG = logging.getLogger(__name__)
_AT = "at"  # before the stop in a file's name; no digest has a 't'


class Checkpoints:
    """The checkpoints of one cell.

    Each is a file named by its step and checksum, so a damaged one is recognised by reading it; the newest
    two are kept, so that damage to the last costs no more than one interval.

    A cell that pauses goes on from the checkpoints of its earlier pauses, and never from one that was made
    beyond its stop: that would be another answer.

    Args:
        folder: of the store.
        cell_id: of the cell, or of a pause of it.
        made_of: a digest of the cell's code and inputs, which is a part of the name. Checkpoints with another
            one are set aside, so that edited code doesn't go on from what the old code left.
        stop: where the attempt that writes or reads pauses; None where it runs to its end.
    """

    KEPT = 2

    def __init__(self, folder: Folder, cell_id: str, made_of: str = "", stop: int | None = None) -> None:
        self._folder = folder
        self._cell_id = id_of_whole(cell_id)
        self._where = f"checkpoints/{self._cell_id}"
        self._made_of = made_of
        self._stop = stop

    def save(self, local: Path, step: int) -> None:
        """Store a local file as the checkpoint at ``step``; of those up to this stop, the newest two stay."""
        tags = [self._made_of] if self._made_of else []
        tags += [f"{_AT}{self._stop}"] if self._stop is not None else []
        self._folder.put(local, f"{self._where}/{'-'.join([f'{step:012d}', sha256_of(local), *tags])}")
        self._keep(self.KEPT)

    def paused(self) -> None:
        """Keep one checkpoint alone, the one to go on from: the answer of the pause is in the store."""
        self._keep(1)
        for name in self._folder.names(self._where):
            stop = _stop_of(name)
            if stop is not None and self._stop is not None and stop < self._stop:
                self._folder.remove(f"{self._where}/{name}")

    def has_paused(self) -> bool:
        """Whether there is a checkpoint that was written on the way to this stop, or at it."""
        return any(_stop_of(name) == self._stop for name in self._folder.names(self._where))

    def _keep(self, count: int) -> None:
        own = [name for name in self._folder.names(self._where) if _stop_of(name) == self._stop]
        for old in own[:-count]:
            self._folder.remove(f"{self._where}/{old}")

    def latest(self, into: Path) -> Path | None:
        """Copy the newest undamaged checkpoint into a local folder and return its path, or None."""
        for name in reversed(self._folder.names(self._where)):
            if self._is_beyond(name):
                continue
            if self._is_of_others(name):
                self._set_aside(name)
                continue
            local = into / name
            self._folder.get(f"{self._where}/{name}", local)
            if sha256_of(local) == name.split("-")[1]:
                return local
            self._folder.remove(f"{self._where}/{name}")
        return None

    def _is_beyond(self, name: str) -> bool:
        """Whether a checkpoint may have been made after this stop."""
        if self._stop is None:
            return False
        stop = _stop_of(name)
        return stop is None or stop > self._stop

    def _is_of_others(self, name: str) -> bool:
        """Whether a checkpoint says that other code or other inputs made it; older ones don't say."""
        made_of = next((tag for tag in name.split("-")[2:] if not tag.startswith(_AT)), "")
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


def is_of_pause(name: str) -> bool:
    """Whether a checkpoint's file was written on the way to a pause."""
    return _stop_of(name) is not None


def _stop_of(name: str) -> int | None:
    """Return at which stop the attempt that wrote a checkpoint was to pause; None: nowhere."""
    tags = (tag for tag in name.split("-")[2:] if tag.startswith(_AT))
    return next((int(tag.removeprefix(_AT)) for tag in tags), None)
