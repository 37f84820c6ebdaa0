"""Live progress of a run on the terminal: done, running, failed, time left, the latest metric."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from gridcell.cell import Cell
from gridcell.cli.time_left import TimeLeft
from gridcell.execute.outcome import FailureClass, Outcome
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid
from gridcell.notice import NOTICE
from gridcell.printable import counted
from gridcell.store.values import as_float

DRAW_EVERY_S = 0.2  # estimating the time left looks at every queued cell
_KINDS = 3  # of cells that are named where the time left is unknown
LINE_EVERY_S = 10.0  # where the output is no terminal, a line at most so often


class TerminalProgress:
    """A listener that draws a bar on a terminal and writes a line now and then elsewhere.

    Args:
        console: where to.
        metric: that is shown of a finished cell.
        now: the clock, in seconds.
        estimates: id -> seconds that a cell takes, by the task's estimate.
        quiet: show failures alone.
        unit: of the metric.
        to_come: says what will join the run later, of one that grows; empty once all of it is there.
    """

    def __init__(
        self,
        console: Console,
        metric: str,
        now: Callable[[], float] = time.monotonic,
        *,
        estimates: Mapping[str, float] | None = None,
        quiet: bool = False,
        unit: str = "",
        to_come: Callable[[], str] = str,
    ) -> None:
        self._console = console
        self._metric = metric
        self._unit = unit
        self._to_come = to_come
        self._now = now
        self._schedule: Schedule | None = None
        self._left = TimeLeft(estimates or {})
        self._quiet = quiet
        self._latest, self._named = "", ""  # what is told of a cell; its id
        self._is_told = False  # that a cell runs
        self._last_drawn = self._begun = now()
        self._bar: Progress | None = None
        self._row: TaskID | None = None

    def begun(self, schedule: Schedule) -> None:
        """Show the empty bar."""
        self._schedule = schedule
        self._begun = self._now()
        if self._quiet:
            return
        if self._console.is_terminal:
            columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._row = self._bar.add_task("starting", total=schedule.total)
            self._bar.start()
        else:
            self._console.print(f"{counted(len(schedule.queued()), 'cell')} to run", highlight=False)

    def joined(self, cells: Sequence[Cell]) -> None:
        """Count cells that share their time as one piece of work."""
        self._left.joined(cells)

    def started(self, cell: Cell) -> None:
        """Count it as running; the first is told at once."""
        self._left.started(cell, self._now())
        if not self._is_told:
            self._is_told, self._latest, self._named = True, f"starts with {cell.title}", cell.id
            self._last_drawn = -math.inf
        self._draw()

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """Show the latest metric of a running cell."""
        self._left.reported(cell, step, self._now())
        shown = ", ".join(f"{name} {value:.4g}" for name, value in list(metrics.items())[:2])
        self._latest = " ".join(filter(None, [cell.title, f"[{step}]" if step or shown else "", shown]))
        self._named = cell.id
        self._draw()

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """Count it, remember how long its kind takes, and say why it failed."""
        self._left.finished(cell, outcome.seconds if outcome.failure is None else None, outcome.spent)
        if outcome.failure is None:
            value = outcome.metrics.get(self._metric)
            shown = (
                [self._metric, f"{as_float(value):.4g}", self._unit] if isinstance(value, int | float) else []
            )
            self._latest, self._named = " ".join(filter(None, [cell.title, *shown])), cell.id
        else:
            kind = outcome.failure.failure_class
            if cell.id == self._named:  # it runs no more
                self._latest = ""
            ended = "diverged" if kind is FailureClass.DIVERGED else f"failed ({kind})"
            fate = "will be tried again" if again else ended
            if NOTICE.given and kind is FailureClass.PREEMPTED:
                fate = "stopped"
            line = f"{cell.id} {cell.title} {fate}: {outcome.failure.message}"
            self._console.print(line, soft_wrap=True)
        self._draw()

    def grown(self, grid: Grid) -> None:
        """Show the new total."""
        self._draw()

    def ended(self, stopped: bool) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def time_left(self) -> float | None:
        """Estimate the seconds left; None while too little is known."""
        return None if self._schedule is None else self._left.left(self._schedule.queued(), self._now())

    def _draw(self) -> None:
        schedule = self._schedule
        if schedule is None or self._quiet:
            return
        now = self._now()
        if now - self._last_drawn < (LINE_EVERY_S if self._bar is None else DRAW_EVERY_S):
            return
        self._last_drawn = now
        done = len(schedule.finished)
        if self._bar is not None and self._row is not None:
            self._bar.update(
                self._row, completed=done, total=schedule.total, description=self._text(schedule)
            )
        else:
            self._console.print(f"{done} of {schedule.total} done · {self._text(schedule)}", soft_wrap=True)

    def _text(self, schedule: Schedule) -> str:
        counts = f"running {self._left.running}"
        if schedule.failed or schedule.blocked:
            diverged = schedule.diverged
            failed, blocked = schedule.failed.keys() - diverged, schedule.blocked - diverged
            ended = {"failed": failed, "diverged": diverged, "blocked": blocked}
            told = [f"{len(which)} {how}" for how, which in ended.items() if which]
            counts = " · ".join([*told, counts])
        elapsed = clock(self._now() - self._begun)
        return " · ".join(filter(None, [counts, elapsed, self._told_left(), self._latest]))

    def _told_left(self) -> str:
        left = self.time_left()
        if left is None:
            kinds = list(self._left.unknown)
            more = f" or {len(kinds) - 2} other kinds" if len(kinds) > _KINDS else ""
            named = " or ".join(kinds if not more else kinds[:2])
            return f"left ? (no {named}{more} is done yet)"
        later = self._to_come()
        if not left:  # what runs takes longer than any before, or the next cells have yet to come
            why = "longer than cells like it" if self._left.running else ""
            return (
                f"left ? ({'; '.join(filter(None, [why, later and f'{later} to come']))})"
                if why or later
                else ""
            )
        then = f", then {later}" if later else ""
        return f"left {clock(left)}" + ("" if self._left.is_measured else " (estimate)") + then


def clock(seconds: float) -> str:
    """Write a duration as m:ss or h:mm:ss."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
