"""Which cell runs next: the order that every executor follows."""

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import astuple

from gridcell.cell import Cell
from gridcell.execute.outcome import RETRIES, Failure, FailureClass, Outcome
from gridcell.grid import Grid

# Elsewhere, kind seen, minus the longest path, resources, rank, id.
_Entry = tuple[bool, bool, int, tuple[float, ...], int, str]


def missing_cells(grid: Grid, done: Set[str]) -> set[str]:
    """Return the cells that must run: targets that aren't done, and what they need, back to done cells."""
    missing: set[str] = set()
    stack = [target.cell for target in grid.targets]
    while stack:
        cell_id = stack.pop()
        if cell_id not in done and cell_id not in missing:
            missing.add(cell_id)
            stack.extend(grid.cells[cell_id].needs.values())
    return missing


class Schedule:
    """Hands out a cell the moment all its needs are done; a failure stops only the cells that need it.

    Among ready cells, the first of its kind comes first, so that a kind that can't work, or takes long, is
    known early. Then one that more steps depend on (longest path to a target), so that the end of a grid
    isn't one long chain; equal resource requests stay together, since a Ray actor is reused only between
    equal requests. What another driver runs comes last: it may be done by then.
    """

    def __init__(
        self,
        grid: Grid,
        done: Set[str],
        final_failures: Iterable[str] = (),
        *,
        max_failures: int | None = None,
    ) -> None:
        """Start with what the store holds.

        Args:
            grid: all cells.
            done: ids of committed cells.
            final_failures: ids that aren't tried again (diverged), with the cells that need them.
            max_failures: hand out nothing more once so many cells have failed; no limit by default.
        """
        self._grid = grid
        self._done = set(done)
        self._to_run = missing_cells(grid, done)
        self._dependents: Mapping[str, list[str]] = self._find_dependents()
        self._height = self._longest_paths()
        self._rank = {cell_id: index for index, cell_id in enumerate(grid.cells)}
        self._ready: list[_Entry] = []  # heap
        self._kinds_seen: set[str] = set()
        self._in_ready: set[str] = set()
        self._attempts: Counter[tuple[str, FailureClass]] = Counter()
        self._max_failures = max_failures
        self.stopped = ""  # why nothing more is handed out
        self.elsewhere: Set[str] = frozenset()  # what other drivers run; replaced as a whole, by any thread
        self.running: set[str] = set()
        self.failed: dict[str, Outcome] = {}
        self.blocked: set[str] = set()
        self.finished: set[str] = set()
        self.total = len(self._to_run)
        self._diverged_before = self._to_run.intersection(final_failures)
        for cell_id in self._diverged_before:
            self.blocked.add(cell_id)
            self._block_dependents(cell_id)
        for cell_id in sorted(self._to_run, key=lambda item: (-self._height[item], self._rank[item])):
            self._queue_when_ready(cell_id)

    def shuffle(self, order: random.Random) -> None:
        """Take otherwise equal cells in a random order, in place of the grid's.

        Drivers that share a grid would otherwise come to each cell at the same time.
        """
        ranked = list(self._grid.cells)
        order.shuffle(ranked)
        self._rank = {cell_id: index for index, cell_id in enumerate(ranked)}
        self._ready = [(*entry[:-2], self._rank[entry[-1]], entry[-1]) for entry in self._ready]
        heapq.heapify(self._ready)

    def _find_dependents(self) -> Mapping[str, list[str]]:
        dependents = defaultdict(list)
        for cell_id in self._grid.cells:
            for need in set(self._grid.cells[cell_id].needs.values()):
                dependents[need].append(cell_id)
        return dependents

    def _longest_paths(self) -> dict[str, int]:
        height: dict[str, int] = {}
        for cell_id in reversed(list(self._grid.cells)):
            height[cell_id] = 1 + max((height[item] for item in self._dependents.get(cell_id, ())), default=0)
        return height

    def _is_over(self, cell_id: str) -> bool:
        return cell_id in self.finished or cell_id in self.failed or cell_id in self.blocked

    def _has_its_needs(self, cell_id: str) -> bool:
        return all(need in self._done for need in self._grid.cells[cell_id].needs.values())

    def _queue_when_ready(self, cell_id: str) -> None:
        waits = cell_id in self._to_run and cell_id not in self.running and cell_id not in self._in_ready
        if waits and not self._is_over(cell_id) and self._has_its_needs(cell_id):
            self._in_ready.add(cell_id)
            cell = self._grid.cells[cell_id]
            seen = cell.kind in self._kinds_seen
            self._kinds_seen.add(cell.kind)
            shape = astuple(cell.resources)
            entry = (False, seen, -self._height[cell_id], shape, self._rank[cell_id], cell_id)
            heapq.heappush(self._ready, entry)

    def is_done(self, cell_id: str) -> bool:
        """Whether the cell's result is committed and, as far as is known, whole."""
        return cell_id in self._done

    @property
    def exhausted(self) -> bool:
        """Whether nothing runs and nothing can run any more."""
        return not self.running and (bool(self.stopped) or not self._ready)

    @property
    def diverged(self) -> set[str]:
        """Ids of the cells whose training diverged: ``failed`` holds those of this run, ``blocked`` older."""
        now = {
            cell_id
            for cell_id, outcome in self.failed.items()
            if outcome.failure is not None and outcome.failure.failure_class is FailureClass.DIVERGED
        }
        return now | self._diverged_before

    def oom_halvings(self, cell_id: str) -> int:
        """Return how often a cell ran out of memory, and so how often its batch is to be halved."""
        return self._attempts[cell_id, FailureClass.OUT_OF_MEMORY]

    def queued(self) -> list[Cell]:
        """Return the cells that have yet to start, ready or not."""
        waiting = (item for item in self._to_run if item not in self.running and not self._is_over(item))
        return [self._grid.cells[cell_id] for cell_id in waiting]

    def take(
        self,
        may: Callable[[Cell], bool] = lambda cell: True,
        overtaken: Callable[[Cell], bool] = lambda cell: False,
    ) -> Cell | None:
        """Return the next ready cell and count it as running, or None while none is ready.

        Args:
            may: whether it may run now; if not, it stays the next one, and none overtakes it,
            overtaken: unless this says so, which depends on its resources alone.
        """
        if self.stopped:
            return None
        self._postpone_elsewhere()
        passed: set[tuple[float, ...]] = set()  # resources of what is overtaken
        while (entry := self._first_beside(passed)) is not None:
            cell = self._grid.cells[entry[-1]]
            whole = self._has_its_needs(cell.id)  # unless what it needs was found damaged meanwhile
            if whole and not may(cell):
                if not overtaken(cell):
                    return None
                passed.add(entry[3])
                continue
            self._remove(entry)
            if whole:
                self.running.add(cell.id)
                return cell
        return None

    def _first_beside(self, passed: Set[tuple[float, ...]]) -> _Entry | None:
        if not passed:
            return self._ready[0] if self._ready else None
        return min((entry for entry in self._ready if entry[3] not in passed), default=None)

    def _remove(self, entry: _Entry) -> None:
        if entry is self._ready[0]:
            heapq.heappop(self._ready)
        else:
            self._ready.remove(entry)
            heapq.heapify(self._ready)
        self._in_ready.discard(entry[-1])

    def _postpone_elsewhere(self) -> None:
        """Put what another driver runs behind all the rest, once, until none of it is first."""
        while self._ready and not self._ready[0][0] and self._ready[0][-1] in self.elsewhere:
            heapq.heapreplace(self._ready, (True, *self._ready[0][1:]))

    def finish(self, outcome: Outcome) -> bool:
        """Take note of how an attempt ended; return whether the cell will be tried again."""
        cell_id, failure = outcome.cell, outcome.failure
        self.running.discard(cell_id)
        if failure is None:
            self.finished.add(cell_id)
            self._done.add(cell_id)
            for dependent in self._dependents.get(cell_id, ()):
                self._queue_when_ready(dependent)
            return False
        attempt = (cell_id, failure.failure_class)
        self._attempts[attempt] += 1
        if self._attempts[attempt] <= RETRIES.get(failure.failure_class, 0):
            if failure.mend is not None:
                self._run_again(failure.mend)
            self._queue_or_block(cell_id)
            return cell_id not in self.blocked and not self.stopped
        self.failed[cell_id] = outcome
        self._block_dependents(cell_id)
        self._stop_if_hopeless(failure)
        return False

    def stop(self, why: str) -> None:
        """Hand out nothing more; what runs is let run."""
        self.stopped = self.stopped or why

    def _stop_if_hopeless(self, failure: Failure) -> None:
        if failure.failure_class is FailureClass.DISK_FULL:
            self.stopped = f"a disk is full ({failure.message})"
            return
        failed = len(self.failed.keys() - self.diverged)  # a divergence is an outcome
        if self._max_failures is not None and failed >= self._max_failures:
            self.stopped = f"{failed} cells failed, as many as --max-failures allows"

    def _run_again(self, cell_id: str) -> None:
        """Undo a done cell whose output turned out damaged, and whatever it needs that isn't done."""
        self._done.discard(cell_id)
        self.finished.discard(cell_id)
        again = (missing_cells(self._grid, self._done) | {cell_id}) - self._to_run
        self._to_run |= again
        self.total += len(again)
        for new in (*again, cell_id):
            self._queue_or_block(new)

    def _queue_or_block(self, cell_id: str) -> None:
        """Queue a cell that is to run again, unless something that it needs can't be made any more."""
        needs = self._grid.cells[cell_id].needs.values()
        if not self._is_over(cell_id) and any(need in self.failed or need in self.blocked for need in needs):
            self.blocked.add(cell_id)
            self._block_dependents(cell_id)
        self._queue_when_ready(cell_id)

    def _block_dependents(self, cell_id: str) -> None:
        """Count the cells that need a failed one, directly or not, as blocked.

        What the failed cell made before may have served some of them: those that ended stay as they ended,
        and those that run are let run, for they may have read it already.
        """
        stack = [cell_id]
        while stack:
            for dependent in self._dependents.get(stack.pop(), ()):
                waits = dependent in self._to_run and dependent not in self.running
                if waits and not self._is_over(dependent):
                    self.blocked.add(dependent)
                    stack.append(dependent)
