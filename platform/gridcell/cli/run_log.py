"""A run's events, a line each with its time: for a log file, and for those who want to see each."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gridcell.cell import Cell
from gridcell.errors import UserError
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid
from gridcell.printable import counted, printable
from gridcell.secrets import redact


class EventLines:
    """A listener that says what happens, a line an event.

    Args:
        say: is given each line.
        tracebacks: whether a failure's traceback follows its line.
        reports: whether what cells report while they run has lines, too.
    """

    def __init__(self, say: Callable[[str], None], *, tracebacks: bool = False, reports: bool = True) -> None:
        self._say = say
        self._tracebacks = tracebacks
        self._reports = reports

    def _line(self, text: str) -> None:
        self._say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")

    def begun(self, schedule: Schedule) -> None:
        """Say how much there is to do."""
        self._line(f"begun: {counted(len(schedule.queued()), 'cell')} to run")

    def started(self, cell: Cell) -> None:
        """Say which cell started."""
        self._line(f"started {cell.id} {cell.title}")

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """Say how a cell is going."""
        if self._reports:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            self._line(f"step {step} of {cell.id} {cell.title}: {shown}")

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """Say how an attempt ended."""
        if outcome.failure is None:
            self._line(f"done {cell.id} {cell.title} in {outcome.seconds:.1f} s")
            return
        failure, fate = outcome.failure, ", will be tried again" if again else ""
        self._line(f"failed {cell.id} {cell.title} ({failure.failure_class}{fate}): {failure.message}")
        if self._tracebacks and failure.traceback:
            self._say(failure.traceback)

    def grown(self, grid: Grid) -> None:
        """Say how much there is to do beside."""
        self._line(f"added: a grid of {counted(len(grid), 'cell')}")

    def ended(self, stopped: bool) -> None:
        """Say that it is over."""
        self._line("stopped" if stopped else "ended")


@contextlib.contextmanager
def log_file(path: Path | None) -> Iterator[EventLines | None]:
    """Yield a listener that appends a run's events to a file; None for no file.

    A disk that fills up later costs lines and no run.

    Raises:
        UserError: it can't be written.
    """
    if path is None:
        yield None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError as error:
        raise UserError(f"--log-file '{path}' can't be written: {error.strerror}") from error

    def say(line: str) -> None:
        with contextlib.suppress(OSError):
            file.write(f"{printable(redact(line))}\n")

    try:
        yield EventLines(say, tracebacks=True)
    finally:
        with contextlib.suppress(OSError):
            file.close()
