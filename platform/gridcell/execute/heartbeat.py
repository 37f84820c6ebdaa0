"""Heartbeats: what each living driver is running, for ``gridcell status`` in another terminal."""

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Mapping

from gridcell.cell import Cell
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.store.filesystem import Folder

INTERVAL_S = 5.0
STALE_S = 20.0  # a driver not heard of for this long is gone


class Heartbeat:
    """A listener that writes the ids of the running cells every ``INTERVAL_S`` while the driver lives."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._name = f"drivers/{uuid.uuid4().hex[:12]}.json"
        self._running: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")

    def begun(self, schedule: Schedule) -> None:
        """Start beating."""
        self._thread.start()

    def started(self, cell: Cell) -> None:
        """Add the cell."""
        self._running.add(cell.id)

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """Nothing to do."""

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """Remove the cell."""
        self._running.discard(cell.id)

    def ended(self) -> None:
        """Stop and remove the file."""
        self._stop.set()
        self._thread.join()
        self._folder.remove(self._name)

    def _beat(self) -> None:
        while True:
            self._folder.write(self._name, json.dumps(self._now()).encode())
            if self._stop.wait(INTERVAL_S):
                return

    def _now(self) -> dict[str, object]:
        where = {"host": platform.node(), "pid": os.getpid()}
        return {**where, "time": time.time(), "running": sorted(self._running.copy())}


def running_cells(folder: Folder) -> dict[str, str]:
    """Return id -> ``host:pid`` of the cells that living drivers are running."""
    names = [f"drivers/{name}" for name in folder.names("drivers")]
    beats = [json.loads(data) for data in folder.read_many(names).values()]
    alive = [beat for beat in beats if time.time() - beat["time"] < STALE_S]
    return {cell_id: f"{beat['host']}:{beat['pid']}" for beat in alive for cell_id in beat["running"]}
