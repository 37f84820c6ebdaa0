"""Logs: the last part of what cells printed, attempt by attempt. No result depends on them."""

import time
import uuid
from dataclasses import dataclass

from gridcell.secrets import redact
from gridcell.store.filesystem import Folder

KEPT = 5  # attempts at a cell whose output is kept
LIMIT = 64_000  # characters that are kept of an attempt, the last ones


@dataclass(frozen=True)
class Log:
    """What an attempt printed, and when it ended, in seconds since 1970."""

    ended: float
    text: str


class Logs:
    """The outputs of the latest attempts at each cell."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def add(self, cell_id: str, text: str) -> None:
        """Keep what an attempt at a cell printed, without secrets; the oldest attempts are forgotten."""
        where = f"logs/{cell_id}"
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.txt"
        kept = redact(text)[-LIMIT:]
        self._folder.write(f"{where}/{name}", kept.encode(errors="backslashreplace"))
        for old in self._folder.names(where)[:-KEPT]:
            self._folder.remove(f"{where}/{old}")

    def read(self, cell_id: str) -> list[Log]:
        """Return the outputs of a cell's attempts, the latest last."""
        names = [name for name in self._folder.names(f"logs/{cell_id}") if name.partition("-")[0].isdigit()]
        found = self._folder.read_many(f"logs/{cell_id}/{name}" for name in names)
        return [
            Log(int(path.rpartition("/")[2].partition("-")[0]) / 1e9, data.decode(errors="replace"))
            for path, data in sorted(found.items())
        ]
