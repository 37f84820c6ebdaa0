"""Which cells need which, and how much depends on each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType

from gridcell.cell import Cell
from gridcell.grid import Grid

Pruned = Mapping[str, Set[str]]
"""Id of a done cell some of whose files were pruned -> ids of the cells that read one of these files."""


def missing_cells(grid: Grid, done: Set[str], pruned: Pruned = MappingProxyType({})) -> set[str]:
    """Return the cells that must run: targets that aren't done, and what they need, back to done cells.

    Args:
        grid: all cells.
        done: ids of committed cells.
        pruned: those of them that run again if a cell that must run reads what they lack.
    """
    return missing(grid.cells, (target.cell for target in grid.targets), done, pruned)


def missing(
    cells: Mapping[str, Cell], wanted: Iterable[str], done: Set[str], pruned: Pruned = MappingProxyType({})
) -> set[str]:
    """Return the ids of wanted cells that aren't done, and of what they need, back to done cells."""
    found: set[str] = set()
    stack = [cell_id for cell_id in wanted if cell_id not in done]
    while stack:
        cell_id = stack.pop()
        if cell_id not in found:
            found.add(cell_id)
            needs = cells[cell_id].needs.values()
            stack.extend(need for need in needs if need not in done or cell_id in pruned.get(need, ()))
    return found


class Dependencies:
    """The cells of a grid that may grow, and what needs them.

    Attributes:
        cells: id -> cell.
        dependents: id -> ids of the cells that need it.
        height: id -> cells on the longest path that starts with it.
    """

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}
        self.dependents: defaultdict[str, list[str]] = defaultdict(list)
        self.height: dict[str, int] = {}

    def add(self, cells: Mapping[str, Cell]) -> list[str]:
        """Add the cells that aren't here yet, each after those it needs; return their ids."""
        new = [cell_id for cell_id in cells if cell_id not in self.cells]
        for cell_id in new:
            self.cells[cell_id] = cells[cell_id]
            self.height[cell_id] = 1
            for need in set(cells[cell_id].needs.values()):
                self.dependents[need].append(cell_id)
        self._raise_heights(new)
        return new

    def _raise_heights(self, new: list[str]) -> None:
        """Count the paths through new cells, from the last backwards, then through those that were here."""
        to_come, older = set(new), list[str]()
        stack = new.copy()
        while stack or older:
            cell_id = stack.pop() if stack else older.pop()
            for need in set(self.cells[cell_id].needs.values()):
                if self.height[need] <= self.height[cell_id]:
                    self.height[need] = self.height[cell_id] + 1
                    if need not in to_come:
                        older.append(need)

    def above(self, cell_id: str) -> Iterable[str]:
        """Return the ids of the cells that need one directly."""
        return self.dependents.get(cell_id, ())
