"""Which cell runs next: the order that every executor follows."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import astuple
from types import MappingProxyType

from gridcell.cell import Cell
from gridcell.execute.dependencies import Dependencies, Pruned, missing, missing_cells
from gridcell.execute.outcome import RETRIES, Failure, FailureClass, Outcome
from gridcell.execute.ready import Entry, Groups, ReadyQueue, Shape
from gridcell.execute.source import Ended
from gridcell.grid import Grid
from gridcell.printable import counted
from gridcell.task import Group

__all__ = ["Schedule", "missing_cells"]


class Schedule:
    """Hands out a cell the moment all its needs are done; a failure stops only the cells that need it.

    Among ready cells, the first of its kind comes first, so that a kind that can't work, or takes long, is
    known early. Then one that more steps depend on (longest path to a target), so that the end of a grid
    isn't one long chain; equal resource requests stay together, since a Ray actor is reused only between
    equal requests. What another driver runs comes last: it may be done by then.

    It may be given more cells at any time (``add``), as by a search.
    """

    def __init__(
        self,
        grid: Grid,
        done: Set[str],
        final_failures: Iterable[str] = (),
        *,
        pruned: Pruned = MappingProxyType({}),
        max_failures: int | None = None,
        group_of: Callable[[Cell, Mapping[str, Cell]], Group | None] = lambda cell, cells: None,
    ) -> None:
        """Start with what the store holds.

        Args:
            grid: all cells.
            done: ids of committed cells.
            final_failures: ids that aren't tried again (diverged), with the cells that need them.
            pruned: committed cells that lack files: they run again if one that is to run reads these.
            max_failures: hand out nothing more once so many cells have failed; no limit by default.
            group_of: says which cells one pass may take; see ``Task.group_of``.
        """
        self._graph = Dependencies()
        self._wanted: dict[str, None] = {}  # ids of the targets' cells
        self._done: set[str] = set()
        self._pruned: dict[str, set[str]] = {}  # of the done ones, those that lack files -> who reads these
        self.final_failures = set(final_failures)
        self._to_run: set[str] = set()
        self._rank: dict[str, int] = {}
        self._ready = ReadyQueue()
        self._group_of = group_of
        self._groups = Groups()  # of what is ready
        self._alone: set[str] = set()  # ids of cells that no pass takes any more
        self._kinds_seen: set[str] = set()
        self._attempts: Counter[tuple[str, FailureClass]] = Counter()
        self._max_failures = max_failures
        self._ended: list[Ended] = []
        self._diverged: set[str] = set()
        self.stopped = ""  # why nothing more is handed out
        self.elsewhere: Set[str] = frozenset()  # what other drivers run; replaced as a whole, by any thread
        self.running: set[str] = set()
        self.failed: dict[str, Outcome] = {}
        self.blocked: set[str] = set()
        self.finished: set[str] = set()
        self.total = 0
        self.add(grid, done, pruned)

    def add(
        self, grid: Grid, done: Set[str] = frozenset(), pruned: Pruned = MappingProxyType({})
    ) -> list[Cell]:
        """Take on the cells of another grid, too, which may share cells with those that are here.

        Args:
            grid: its targets and what they need; cells that are here already stay as they are.
            done: ids of those of its cells that are committed.
            pruned: committed cells that lack files which cells of this grid read.

        Returns:
            The cells that were not here.
        """
        new = self._graph.add(grid.cells)
        self._done.update(done & set(new))
        for cell_id in pruned.keys() & self._done:
            self._pruned.setdefault(cell_id, set()).update(pruned[cell_id])
        targets = dict.fromkeys(target.cell for target in grid.targets)
        self._ended += [self._how_it_ended(cell_id) for cell_id in targets if self._has_ended(cell_id)]
        self._wanted |= targets
        self._rank.update((cell_id, len(self._rank) + place) for place, cell_id in enumerate(new))
        waits = self._to_run - self.finished
        more = missing(self._graph.cells, targets, self._done, self._pruned) - waits
        self.total += len(more - self._to_run)
        self._to_run |= more
        self._done -= more  # what was pruned, and is needed again
        self.finished -= more
        for cell_id in sorted(more & self.final_failures, key=self._rank.__getitem__):
            self._diverged.add(cell_id)
            if cell_id not in self.blocked:  # by another one that diverged
                self._block(cell_id)
        for cell_id in sorted(more, key=lambda item: (-self._graph.height[item], self._rank[item])):
            self._queue_or_block(cell_id)
        return [grid.cells[cell_id] for cell_id in new]

    def take_ended(self) -> list[Ended]:
        """Return the cells that ended for good since the last call, and targets that had when added."""
        ended, self._ended = self._ended, []
        return ended

    def _has_ended(self, cell_id: str) -> bool:
        return cell_id in self._done or cell_id in self.failed or cell_id in self.blocked

    def _how_it_ended(self, cell_id: str) -> Ended:
        outcome = self.failed.get(cell_id)
        failure = outcome.failure if outcome is not None else None
        return Ended(self._graph.cells[cell_id], cell_id in self._done, failure)

    def shuffle(self, order: random.Random) -> None:
        """Take otherwise equal cells in a random order, in place of the grid's.

        Drivers that share a grid would otherwise come to each cell at the same time.
        """
        ranked = list(self._rank)
        order.shuffle(ranked)
        self._rank = {cell_id: index for index, cell_id in enumerate(ranked)}
        self._ready.rank_anew(self._rank)

    def _is_over(self, cell_id: str) -> bool:
        return cell_id in self.finished or cell_id in self.failed or cell_id in self.blocked

    def _has_its_needs(self, cell_id: str) -> bool:
        return all(need in self._done for need in self._graph.cells[cell_id].needs.values())

    def _queue_when_ready(self, cell_id: str) -> None:
        waits = cell_id in self._to_run and cell_id not in self.running and cell_id not in self._ready
        if waits and not self._is_over(cell_id) and self._has_its_needs(cell_id):
            cell = self._graph.cells[cell_id]
            seen = cell.kind in self._kinds_seen
            self._kinds_seen.add(cell.kind)
            shape = astuple(cell.resources)
            depth, rank = -self._graph.height[cell_id], self._rank[cell_id]
            self._ready.add(Entry(False, seen, depth, shape, rank, cell_id))
            if group := self._group(cell):
                self._groups.add(group.key, cell_id)

    def _group(self, cell: Cell) -> Group | None:
        return None if cell.id in self._alone else self._group_of(cell, self._graph.cells)

    def _leave_queue(self, cell: Cell) -> None:
        self._ready.remove(cell.id)
        if group := self._group(cell):
            self._groups.discard(group.key, cell.id)

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
        return self._diverged

    @property
    def made_again(self) -> set[str]:
        """Ids of cells whose files were pruned, and which are to run because something reads them."""
        return self._pruned.keys() & self._to_run

    def oom_halvings(self, cell_id: str) -> int:
        """Return how often a cell ran out of memory, and so how often its batch is to be halved."""
        return self._attempts[cell_id, FailureClass.OUT_OF_MEMORY]

    def queued(self) -> list[Cell]:
        """Return the cells that have yet to start, ready or not."""
        waiting = (item for item in self._to_run if item not in self.running and not self._is_over(item))
        return [self._graph.cells[cell_id] for cell_id in waiting]

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
        passed: set[Shape] = set()  # of what is overtaken
        while (entry := self._ready.first(passed, self.elsewhere)) is not None:
            cell = self._graph.cells[entry.cell]
            whole = self._has_its_needs(cell.id)  # unless what it needs was found damaged meanwhile
            if whole and not may(cell):
                if not overtaken(cell):
                    return None
                passed.add(entry.shape)
                continue
            self._leave_queue(cell)
            if whole:
                self.running.add(cell.id)
                return cell
        return None

    def take_with(self, first: Cell, others_free: int = 0) -> list[Cell]:
        """Return the ready cells that one pass takes together with a cell that was taken; they run, too.

        Of cells for which memory ran out before, half as many go together each time.

        Args:
            first: the cell.
            others_free: how many more such cells there is room for at once. Where too few other cells are
                ready to use it, the pass leaves some for further passes.
        """
        taken: list[Cell] = []
        group = self._group(first)
        if group is None:
            return taken
        ready = 1 + self._groups.size(group.key)
        passes = 1 + max(0, others_free - (1 + len(self._ready) - ready))
        most = min(group.most >> self.oom_halvings(first.id), -(-ready // passes))
        for cell_id in self._groups.smallest(group.key, group.most, self._rank, self.elsewhere):
            cell = self._graph.cells[cell_id]
            most = min(most, group.most >> self.oom_halvings(cell_id))
            if len(taken) + 2 > most:
                break
            self._leave_queue(cell)
            if self._has_its_needs(cell_id):
                self.running.add(cell_id)
                taken.append(cell)
        return taken

    def finish(self, outcome: Outcome) -> bool:
        """Take note of how an attempt ended; return whether the cell will be tried again."""
        cell_id, failure = outcome.cell, outcome.failure
        self.running.discard(cell_id)
        if failure is None:
            self.finished.add(cell_id)
            self._pruned.pop(cell_id, None)
            self._done.add(cell_id)
            self._ended.append(self._how_it_ended(cell_id))
            for dependent in self._graph.above(cell_id):
                self._queue_when_ready(dependent)
            return False
        attempt = (cell_id, failure.failure_class)
        alone = outcome.runs_alone_next and cell_id not in self._alone
        if alone:
            self._alone.add(cell_id)
        else:
            self._attempts[attempt] += 1
        if alone or self._attempts[attempt] <= RETRIES.get(failure.failure_class, 0):
            if failure.mend is not None:
                self._run_again(failure.mend)
            self._queue_or_block(cell_id)
            return cell_id not in self.blocked and not self.stopped
        self.failed[cell_id] = outcome
        if failure.failure_class is FailureClass.DIVERGED:
            self._diverged.add(cell_id)
        self._ended.append(self._how_it_ended(cell_id))
        self._block_dependents(cell_id)
        self._stop_if_hopeless(failure)
        return False

    def give_back(self, cell_id: str) -> None:
        """Let a cell that was taken, and that nobody began, wait again: it is no attempt."""
        self.running.discard(cell_id)
        self._queue_or_block(cell_id)

    def stop(self, why: str) -> None:
        """Hand out nothing more; what runs is let run."""
        self.stopped = self.stopped or why

    def _stop_if_hopeless(self, failure: Failure) -> None:
        if failure.failure_class is FailureClass.DISK_FULL:
            self.stopped = f"a disk is full ({failure.message})"
            return
        failed = len(self.failed) - len(self._diverged & self.failed.keys())  # a divergence is an outcome
        if self._max_failures is not None and failed >= self._max_failures:
            self.stopped = f"{counted(failed, 'cell')} failed, as many as --max-failures allows"

    def _run_again(self, cell_id: str) -> None:
        """Undo a done cell whose output turned out damaged, and whatever it needs that isn't done."""
        self._done.discard(cell_id)
        self.finished.discard(cell_id)
        wanted = [*self._wanted, cell_id]
        again = missing(self._graph.cells, wanted, self._done, self._pruned) - self._to_run
        self._to_run |= again
        self._done -= again
        self.total += len(again)
        for new in (*again, cell_id):
            self._queue_or_block(new)

    def _queue_or_block(self, cell_id: str) -> None:
        """Queue a cell that is to run, unless something that it needs can't be made any more."""
        needs = self._graph.cells[cell_id].needs.values()
        if not self._is_over(cell_id) and any(need in self.failed or need in self.blocked for need in needs):
            self._block(cell_id)
        self._queue_when_ready(cell_id)

    def _block(self, cell_id: str) -> None:
        self.blocked.add(cell_id)
        self._ended.append(self._how_it_ended(cell_id))
        self._block_dependents(cell_id)

    def _block_dependents(self, cell_id: str) -> None:
        """Count the cells that need a failed one, directly or not, as blocked.

        What the failed cell made before may have served some of them: those that ended stay as they ended,
        and those that run are let run, for they may have read it already.
        """
        stack = [cell_id]
        while stack:
            for dependent in self._graph.above(stack.pop()):
                waits = dependent in self._to_run and dependent not in self.running
                if waits and not self._is_over(dependent):
                    self.blocked.add(dependent)
                    self._ended.append(self._how_it_ended(dependent))
                    stack.append(dependent)
