"""Plans: the grids that were run against this store, so that any cell can be found by its id alone."""

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridcell.cell import Cell, canonical_json
from gridcell.errors import UserError
from gridcell.grid import Grid
from gridcell.secrets import redact
from gridcell.store.filesystem import Folder
from gridcell.store.notes import parse_notes

_LOG = logging.getLogger(__name__)
_FIELDS = {"task": str, "suite": str, "locations": dict, "cells": list}


@dataclass(frozen=True)
class Plan:
    """A grid as it was run.

    Attributes:
        task: its task.
        suite: its suite.
        cells: id -> cell.
        locations: where the data was.
        plugins: the user's own files, as paths on the machine of the driver.
        search: id of the search whose trials these are; empty for the suite's own grid.
        arguments: what asks for the same cells on a command line, without secrets; empty where unknown.
    """

    task: str
    suite: str
    cells: dict[str, Cell]
    locations: dict[str, str]
    plugins: tuple[str, ...] = ()
    search: str = ""
    arguments: tuple[str, ...] = ()


def grid_id(grid: Grid) -> str:
    """Return a short hash of the grid's cells: the same grid is the same everywhere."""
    return grid_id_of(grid.cells)


def grid_id_of(ids: Iterable[str]) -> str:
    """Return ``grid_id`` from the ids of a grid's cells."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:12]


def not_one_cell(count: int, prefix: str, where: str) -> UserError:
    """Build the error for first digits of an id that are those of no cell, or of several.

    Example:
        >>> print(not_one_cell(0, "c0ffee", "in this storage"))
        No cell in this storage has an id that starts with 'c0ffee': 'gridcell cell list' shows the ids
    """
    if count:
        return UserError(f"{count} cells {where} have ids that start with '{prefix}': give more digits")
    return UserError(
        f"No cell {where} has an id that starts with '{prefix}': 'gridcell cell list' shows the ids"
    )


class Plans:
    """The stored plans."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def save(
        self,
        task: str,
        suite: str,
        grid: Grid,
        plugins: Sequence[str] = (),
        *,
        search: str = "",
        arguments: Sequence[str] = (),
    ) -> None:
        """Remember a grid; the same grid again replaces itself, with the data's present locations."""
        body = {
            "task": task,
            "suite": suite,
            "locations": dict(grid.locations),
            "plugins": list(plugins),
            "search": search,
            "arguments": [redact(each) for each in arguments],
            "written": time.time(),  # a copy of the store has other times of its files
            "cells": [cell.to_record() for cell in grid.cells.values()],
        }
        # Before its first trial a search has the suite's very grid.
        name = f"{grid_id(grid)}-{search}" if search else grid_id(grid)
        self._folder.write(f"plans/{name}.json", canonical_json(body).encode())

    def read_all(self) -> Iterator[Plan]:
        """Yield the stored plans, the one that was written last at the end, without damaged ones."""
        names = [f"plans/{name}" for name in self._folder.names("plans")]
        plans = parse_notes(self._folder.read_many(names), _FIELDS)
        for name, body in sorted(plans.items(), key=lambda each: (self._written(*each), each[0])):
            try:
                cells = {cell.id: cell for cell in map(Cell.from_record, body["cells"])}
            except UserError as error:
                _LOG.warning("The note %s of the storage can't be read (%s): left out", name, error)
                continue
            files, search = tuple(body.get("plugins", ())), str(body.get("search", ""))
            arguments = tuple(map(str, body.get("arguments", ())))
            yield Plan(body["task"], body["suite"], cells, body["locations"], files, search, arguments)

    def _written(self, name: str, body: Mapping[str, Any]) -> float:
        """Return when a plan was written, in seconds since 1970; one that doesn't say so by its file."""
        told = body.get("written")
        return float(told) if isinstance(told, int | float) else self._folder.modified(name)

    def find(self, prefix: str) -> tuple[Plan, Cell]:
        """Return the one planned cell whose id starts with ``prefix``, and the newest plan that has it.

        Raises:
            UserError: none or several do.
        """
        matches = {
            cell_id: (plan, cell)
            for plan in self.read_all()
            for cell_id, cell in plan.cells.items()
            if cell_id.startswith(prefix)
        }
        if prefix in matches:  # whole, also where pauses of the cell are planned, whose ids go on
            return matches[prefix]
        if len(matches) != 1:
            raise not_one_cell(len(matches), prefix, "in this storage")
        return next(iter(matches.values()))
