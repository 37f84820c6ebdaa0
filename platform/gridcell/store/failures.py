"""Failures: why a cell that isn't done is not."""

import json
from pathlib import Path

from gridcell.store.filesystem import Folder
from gridcell.store.notes import parse_notes

_FIELDS = {"failure_class": str, "title": str, "message": str, "traceback": str}


class Failures:
    """The last failure of each cell that has one. A failure is no result: the next run tries again."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def record(self, cell_id: str, failure: dict[str, object]) -> None:
        """Remember the failure, in place of an earlier one."""
        self._folder.write(f"failures/{cell_id}.json", json.dumps(failure, indent=1).encode())

    def forget(self, cell_id: str) -> None:
        """Remove a cell's failure, if it has one: it is done, or was until its result was damaged."""
        self._folder.remove(f"failures/{cell_id}.json")

    def ids(self) -> set[str]:
        """Return the ids of the cells that have one, damaged or not, without reading them."""
        return {Path(name).stem for name in self._folder.names("failures") if name.endswith(".json")}

    def read_all(self) -> dict[str, dict[str, object]]:
        """Return id -> failure, without damaged ones."""
        names = [f"failures/{name}" for name in self._folder.names("failures") if name.endswith(".json")]
        found = self._folder.read_many(names)
        return {Path(name).stem: failure for name, failure in parse_notes(found, _FIELDS).items()}
