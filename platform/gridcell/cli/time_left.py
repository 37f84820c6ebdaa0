"""How long a run will still take, from what its cells took so far and what the task says of the others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gridcell.cell import Cell
from gridcell.execute.shared_time import Passes


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


@dataclass(frozen=True)
class _Piece:
    """Cells that run together, mostly one, and the seconds that belong to those of them that have ended."""

    cells: Sequence[_Running]
    spent: float = 0.0

    def elapsed(self, now: float) -> float:
        """Return the seconds that went into these cells."""
        return max(0.0, now - min(each.since for each in self.cells) - self.spent)


@dataclass
class TimeLeft:
    """Estimates the seconds left.

    A cell takes as long as the task estimates, at the pace at which cells of its kind, or else all cells,
    went so far; without an estimate as long as cells of its kind took on average. A kind of which neither is
    known makes the time unknown. A cell in its middle counts by its steps, once a cell of its kind is done.
    Before that, the estimates of cells on GPUs are taken as they are, or as much longer as what runs shows.
    Cells that are done in one pass are one piece of work, which takes as long as they do together.

    Attributes:
        estimates: id -> seconds on one GPU by the task's estimate; 0 where it says nothing.
        unknown: kinds of cell that made the time unknown when it was asked for last.
    """

    estimates: Mapping[str, float] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    _kinds: dict[str, _Kind] = field(default_factory=lambda: defaultdict(_Kind))
    _running: dict[str, _Running] = field(default_factory=dict)
    _passes: Passes = field(default_factory=Passes)
    _most_at_once: int = 1

    @property
    def running(self) -> int:
        """How many cells run."""
        return len(self._running)

    @property
    def at_once(self) -> int:
        """How many pieces of work run: passes, and cells that run alone."""
        return len(self._running) - self._passes.cells + len(self._passes)

    @property
    def is_measured(self) -> bool:
        """Whether a cell is done by which the estimates, where there are any, can be put right."""
        kinds = self._kinds.values()
        return any(kind.estimated if any(self.estimates.values()) else kind.count for kind in kinds)

    def joined(self, cells: Sequence[Cell], spent: float = 0.0) -> None:
        """Count cells, each of which starts next, as one piece of work.

        Args:
            cells: that are done in one pass.
            spent: seconds of it that belong to cells that have ended.
        """
        self._passes.join((cell.id for cell in cells), spent)

    def started(self, cell: Cell, now: float) -> None:
        """Count a cell as running."""
        self._running[cell.id] = _Running(cell, now)
        self._most_at_once = max(self._most_at_once, self.at_once)

    def reported(self, cell: Cell, step: int, now: float) -> None:
        """Note how far a cell is."""
        if running := self._running.get(cell.id):
            running.first = running.first or (step, now)
            running.last = (step, now)

    def finished(self, cell: Cell, seconds: float | None, spent: float | None = None) -> None:
        """Count a cell as done, in so many seconds; None if it failed.

        Args:
            cell: that ended.
            seconds: that a cell like it takes.
            spent: seconds of its pass that belong to it; ``seconds`` by default.
        """
        running = self._running.pop(cell.id, None)
        self._passes.end(cell.id, (seconds or 0.0) if spent is None else spent)
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
        waiting = list(queued)
        pieces = list(self._pieces())
        paces = self._shown_paces(pieces, now)
        rests = [(piece.cells[0].cell.kind, self._rest(piece, now, paces)) for piece in pieces]
        wholes = [(kind, self._whole_of(kind, cells, paces)) for kind, cells in _by_kind(waiting).items()]
        self.unknown = sorted({kind for kind, seconds in rests + wholes if seconds is None})
        if self.unknown or not rests + wholes:
            return None if self.unknown else 0.0
        known = [rest for _, rest in rests if rest is not None]
        work = sum(known) + sum(whole for _, whole in wholes if whole is not None)
        at_once = min(self._most_at_once, max(1, len(waiting) + len(known)))
        return max([work / at_once, *known])

    def _pieces(self) -> Iterable[_Piece]:
        """Return what runs, piece by piece."""
        for shared in self._passes:
            yield _Piece([self._running[each] for each in shared.open if each in self._running], shared.spent)
        for running in self._running.values():
            if self._passes.of(running.cell.id) is None:
                yield _Piece([running])

    def _shown_paces(self, pieces: Iterable[_Piece], now: float) -> dict[str, float]:
        """Return kind -> how many seconds a second of the estimate takes at least, by what runs."""
        shown: dict[str, float] = defaultdict(float)
        for piece in pieces:
            estimated = sum(self.estimates.get(each.cell.id, 0.0) for each in piece.cells)
            if estimated:
                kind = piece.cells[0].cell.kind
                shown[kind] = max(shown[kind], piece.elapsed(now) / estimated)
        return shown

    def _whole_of(self, kind: str, cells: Sequence[Cell], paces: Mapping[str, float]) -> float | None:
        """Return the seconds that cells of a kind take, all together; None where nothing is known of some."""
        estimates = {cell.id: self.estimates[cell.id] for cell in cells if self.estimates.get(cell.id)}
        known = self._kinds.get(kind)
        without = len(cells) - len(estimates)
        mean = known.seconds / known.count if known is not None and known.count else None
        if without and mean is None:
            return None
        if estimates and not self.is_measured and not all(cell.resources.gpus for cell in cells):
            return None  # nobody knows how much slower these processors are than a GPU
        return self._pace(kind, paces) * sum(estimates.values()) + without * (mean or 0.0)

    def _pace(self, kind: str, paces: Mapping[str, float]) -> float:
        """Return how many seconds a second of the estimate takes.

        Args:
            kind: of the cells; its own pace counts first.
            paces: see ``_shown_paces``; for a kind of which no cell is done.
        """
        own = [known for name, known in self._kinds.items() if name == kind and known.estimated]
        of = own or [known for known in self._kinds.values() if known.estimated]
        estimated = sum(each.estimated for each in of)
        measured = sum(each.seconds for each in of) / estimated if estimated else None
        if own and measured is not None:
            return measured
        others = measured if measured is not None else max([1.0, *paces.values()])
        return max(others, paces.get(kind, 0.0))

    def _rest(self, piece: _Piece, now: float, paces: Mapping[str, float]) -> float | None:
        """Return the seconds that a running piece of work still takes."""
        by_steps = [self._rest_by_steps(each, now) for each in piece.cells]
        known = [rest for rest in by_steps if rest is not None]
        if known and len(known) == len(by_steps):
            return max(known)
        cells = [each.cell for each in piece.cells]
        whole = self._whole_of(cells[0].kind, cells, paces)
        return None if whole is None else max(0.0, whole - piece.elapsed(now))

    def _rest_by_steps(self, running: _Running, now: float) -> float | None:
        known = self._kinds.get(running.cell.kind)
        if known is None or not known.last_step or not running.first or not running.last:
            return None
        (first, began), (last, at) = running.first, running.last
        if last <= first or at <= began:
            return None
        pace = (at - began) / (last - first)
        return max(0.0, (known.last_step - last) * pace - (now - at))


def _by_kind(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """Return kind -> its cells."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell.kind].append(cell)
    return found
