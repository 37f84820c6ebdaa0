"""What an executor tells those who watch: progress on the terminal, the MLflow mirror, the heartbeat."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from gridcell.cell import Cell
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid

_LOG = logging.getLogger(__name__)


class Listener(Protocol):
    """Watches a run from the driver. Calls come from one thread and must return at once."""

    def begun(self, schedule: Schedule) -> None:
        """The run begins."""

    def started(self, cell: Cell) -> None:
        """A cell was handed out."""

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """A running cell said how it is going."""

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """An attempt ended; ``again`` where the cell will be tried again."""

    def grown(self, grid: Grid) -> None:
        """More cells are to be run: those of ``grid`` that were not there before."""

    def ended(self, stopped: bool) -> None:
        """The run is over; ``stopped`` by Ctrl-C or an error, when whoever waits wants the prompt back."""


@runtime_checkable
class HearsPlaces(Protocol):
    """A listener that also wants to know where cells run."""

    def placed(self, cell: Cell, host: str) -> None:
        """A running cell's process is on this host."""


@runtime_checkable
class HearsPasses(Protocol):
    """A listener that also wants to know which cells are done in one pass, and so share their time."""

    def joined(self, cells: Sequence[Cell]) -> None:
        """These cells, of which each starts next, are done in one pass."""


def tell_joined(listener: Listener, cells: Sequence[Cell]) -> None:
    """Tell a listener that wants to know it which cells are done in one pass, before they start."""
    if len(cells) > 1 and isinstance(listener, HearsPasses):
        listener.joined(cells)


class Listeners:
    """Passes each call on to several listeners, in order.

    None of them ends the run: what one raises is logged, with its traceback the first time.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)
        self._failed: set[int] = set()

    def _each(self, tell: Callable[[Listener], object]) -> None:
        for listener in self._listeners:
            try:
                tell(listener)
            except Exception as error:
                first = id(listener) not in self._failed
                self._failed.add(id(listener))
                name = type(listener).__name__
                _LOG.warning("The listener %s failed (%r); the run goes on", name, error, exc_info=first)

    def begun(self, schedule: Schedule) -> None:
        """The run begins."""
        self._each(lambda listener: listener.begun(schedule))

    def started(self, cell: Cell) -> None:
        """A cell was handed out."""
        self._each(lambda listener: listener.started(cell))

    def placed(self, cell: Cell, host: str) -> None:
        """A running cell's process is on this host."""
        self._each(lambda each: each.placed(cell, host) if isinstance(each, HearsPlaces) else None)

    def joined(self, cells: Sequence[Cell]) -> None:
        """These cells, of which each starts next, are done in one pass."""
        self._each(lambda each: tell_joined(each, cells))

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """A running cell said how it is going."""
        self._each(lambda listener: listener.reported(cell, step, metrics))

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """An attempt ended."""
        self._each(lambda listener: listener.finished(cell, outcome, again))

    def grown(self, grid: Grid) -> None:
        """More cells are to be run."""
        self._each(lambda listener: listener.grown(grid))

    def ended(self, stopped: bool) -> None:
        """The run is over."""
        self._each(lambda listener: listener.ended(stopped))
