"""The time of cells that are done in one pass: each second of it counts for one of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class SharedTime:
    """The time that cells share which one function does together.

    A cell that has ended was told its seconds. What else the pass took belongs in equal parts to the cells
    that have not ended. So the seconds of all its cells add up to those of the pass.

    Attributes:
        open: ids of the cells that have not ended.
        spent: seconds of the pass that belong to cells that have.

    Example:
        >>> SharedTime(("a", "b", "c")).without("a", 10.0).part(40.0)
        15.0
    """

    open: tuple[str, ...]
    spent: float = 0.0

    def without(self, cell_id: str, seconds: float) -> "SharedTime":
        """Return what is left once a cell has ended, to which so many seconds of the pass belong."""
        left = tuple(each for each in self.open if each != cell_id)
        return SharedTime(left, self.spent + seconds)

    def part(self, elapsed: float) -> float:
        """Return the seconds of each open cell, after so many seconds of the pass."""
        return max(0.0, elapsed - self.spent) / max(1, len(self.open))


class Passes:
    """The passes that are running; of cells that run alone it knows nothing."""

    def __init__(self) -> None:
        self._passes: dict[str, SharedTime] = {}  # by the id of their first cell
        self._of: dict[str, str] = {}  # id of an open cell -> name of its pass

    def join(self, ids: Iterable[str], spent: float = 0.0) -> None:
        """Begin a pass of these cells; so many of its seconds belong to others that have ended."""
        cells = tuple(ids)
        self._passes[cells[0]] = SharedTime(cells, spent)
        self._of |= dict.fromkeys(cells, cells[0])

    def end(self, cell_id: str, seconds: float) -> None:
        """Note that a cell ended, to which so many seconds of its pass belong, if it was in one."""
        name = self._of.pop(cell_id, None)
        if name is None:
            return
        left = self._passes[name].without(cell_id, seconds)
        if left.open:
            self._passes[name] = left
        else:
            del self._passes[name]

    def of(self, cell_id: str) -> SharedTime | None:
        """Return the pass in which a cell is done; None where it runs alone."""
        name = self._of.get(cell_id)
        return None if name is None else self._passes[name]

    def __len__(self) -> int:
        return len(self._passes)

    def __iter__(self) -> Iterator[SharedTime]:
        return iter(list(self._passes.values()))  # a copy: another thread may end one meanwhile

    @property
    def cells(self) -> int:
        """How many cells are open, over all passes."""
        return len(self._of)
