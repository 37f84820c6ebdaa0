"""Cells that are added while a grid runs: what a search does, which learns from each trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gridcell.cell import Cell
from gridcell.execute.outcome import Failure
from gridcell.grid import Grid


@dataclass(frozen=True)
class Ended:
    """A cell that ended for good.

    Attributes:
        cell: the cell.
        done: whether its result is in the store, which holds its metrics.
        failure: why it has none; None, too, where it is blocked: it needs a cell that has none.
    """

    cell: Cell
    done: bool = False
    failure: Failure | None = None


@dataclass(frozen=True)
class Growth:
    """What is to be run beside what runs.

    Attributes:
        grid: targets, and all cells that they need. Cells that were planned before are the same cells.
        rerun: id -> stamp of the record of each stale result that is to be made again.
    """

    grid: Grid
    rerun: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Gives a run more cells while it goes on.

    The driver's thread asks it: once before anything runs, and again whenever cells have ended. The run ends
    once nothing runs and nothing more comes. Between the calls cells may be running: a source keeps count of
    what it has asked for, and may wait within a call only where all of that has ended.

    Example:
        A search that keeps four trials running, each a grid with one target::

            class Search:
                def more(self, ended):
                    for each in ended:
                        if each.done and each.cell.id in self.trials:
                            self.tell(each.cell.id, store.results.read(each.cell.id).metrics)
                        self.trials.pop(each.cell.id, None)  # done, failed or blocked
                    if len(self.trials) == 4 or self.asked == 100:
                        return None
                    return Growth(self.next_trial())  # asked again at once if that is done already
    """

    def more(self, ended: Sequence[Ended]) -> Growth | None:
        """Return more cells, or None while there are none.

        After an answer other than None it is asked again at once, with no news, or with targets of that
        answer that had ended already.

        Args:
            ended: since the last call: cells that were done, failed or became blocked, and targets of what
                was added that had ended before. So a cell may come more than once.
        """
