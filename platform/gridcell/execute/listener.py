"""What an executor tells those who watch: progress on the terminal, the MLflow window, the heartbeat."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gridcell.cell import Cell
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule


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

    def ended(self, stopped: bool) -> None:
        """The run is over; ``stopped`` by Ctrl-C or an error, when whoever waits wants the prompt back."""


class Listeners:
    """Passes each call on to several listeners, in order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def begun(self, schedule: Schedule) -> None:
        """The run begins."""
        for listener in self._listeners:
            listener.begun(schedule)

    def started(self, cell: Cell) -> None:
        """A cell was handed out."""
        for listener in self._listeners:
            listener.started(cell)

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """A running cell said how it is going."""
        for listener in self._listeners:
            listener.reported(cell, step, metrics)

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """An attempt ended."""
        for listener in self._listeners:
            listener.finished(cell, outcome, again)

    def ended(self, stopped: bool) -> None:
        """The run is over."""
        for listener in self._listeners:
            listener.ended(stopped)
