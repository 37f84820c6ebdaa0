"""How long a run will still take, from what its cells took so far and what the task says of the others."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gridcell.cell import Cell


@dataclass
class _Kind:
    """What is known of a kind of cell from those that are done."""

    seconds: float = 0.0
    estimated: float = 0.0  # of the same cells, by the task's estimate; 0 where it says nothing
    count: int = 0
    last_step: int = 0  # the highest that one of them reported


@dataclass
class _Running:
    cell: Cell
    since: float
    first: tuple[int, float] | None = None  # step and time of the first report
    last: tuple[int, float] | None = None


@dataclass
class TimeLeft:
    """Estimates the seconds left.

    A cell takes as long as the task estimates, at the pace at which cells of its kind, or else all cells,
    went so far; without an estimate as long as cells of its kind took on average. A kind of which neither is
    known makes the time unknown. A cell in its middle counts by its steps, once a cell of its kind is done.

    Attributes:
        estimates: id -> seconds by the task's estimate, on whatever machine.
    """

    estimates: Mapping[str, float] = field(default_factory=dict)
    _kinds: dict[str, _Kind] = field(default_factory=lambda: defaultdict(_Kind))
    _running: dict[str, _Running] = field(default_factory=dict)
    _most_running: int = 1

    @property
    def running(self) -> int:
        """How many cells run."""
        return len(self._running)

    def started(self, cell: Cell, now: float) -> None:
        """Count a cell as running."""
        self._running[cell.id] = _Running(cell, now)
        self._most_running = max(self._most_running, len(self._running))

    def reported(self, cell: Cell, step: int, now: float) -> None:
        """Note how far a cell is."""
        if running := self._running.get(cell.id):
            running.first = running.first or (step, now)
            running.last = (step, now)

    def finished(self, cell: Cell, seconds: float | None) -> None:
        """Count a cell as done, in so many seconds; None if it failed."""
        running = self._running.pop(cell.id, None)
        if seconds is None:
            return
        kind = self._kinds[cell.kind]
        kind.seconds += seconds
        kind.estimated += self.estimates.get(cell.id, 0.0)
        kind.count += 1
        if running is not None and running.last is not None:
            kind.last_step = max(kind.last_step, running.last[0])

    def done_before(self, cell: Cell, seconds: float, last_step: int) -> None:
        """Count a cell that another run, or one before, has done in so many seconds and steps."""
        self.finished(cell, seconds)
        kind = self._kinds[cell.kind]
        kind.last_step = max(kind.last_step, last_step)

    def left(self, queued: Iterable[Cell], now: float) -> float | None:
        """Return the seconds left; None while too little is known.

        Args:
            queued: the cells that have yet to start.
            now: by the clock of the other calls.
        """
        if not any(kind.count for kind in self._kinds.values()):
            return None
        waiting = list(queued)
        rests: list[float] = []
        for running in self._running.values():
            rest = self._rest(running, now)
            if rest is None:
                return None
            rests.append(rest)
        work = sum(rests)
        estimated: dict[str, float] = defaultdict(float)  # seconds by kind
        without: Counter[str] = Counter()  # cells by kind
        for cell in waiting:
            if cell.id in self.estimates:
                estimated[cell.kind] += self.estimates[cell.id]
            else:
                without[cell.kind] += 1
        work += sum(self._pace(kind) * seconds for kind, seconds in estimated.items())
        for kind, count in without.items():
            mean = self._mean(kind)
            if mean is None:
                return None
            work += count * mean
        at_once = min(self._most_running, max(1, len(waiting) + len(rests)))
        return max([work / at_once, *rests])

    def _mean(self, kind: str) -> float | None:
        known = self._kinds.get(kind)
        return known.seconds / known.count if known is not None and known.count else None

    def _pace(self, kind: str) -> float:
        """Return how many seconds a second of the estimate takes."""
        own = [known for name, known in self._kinds.items() if name == kind and known.estimated]
        of = own or [known for known in self._kinds.values() if known.estimated]
        estimated = sum(each.estimated for each in of)
        return sum(each.seconds for each in of) / estimated if estimated else 1.0

    def _rest(self, running: _Running, now: float) -> float | None:
        """Return the seconds that a running cell still takes."""
        cell = running.cell
        known = self._kinds.get(cell.kind)
        if known is not None and known.last_step and running.first and running.last:
            (first, began), (last, at) = running.first, running.last
            if last > first and at > began:
                pace = (at - began) / (last - first)
                return max(0.0, (known.last_step - last) * pace - (now - at))
        whole = self._mean(cell.kind)
        if cell.id in self.estimates:
            whole = self._pace(cell.kind) * self.estimates[cell.id]
        return None if whole is None else max(0.0, whole - (now - running.since))
