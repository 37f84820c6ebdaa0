"""Which nodes a cell is kept off: those where it failed, and those where one cell after another fails."""

from collections import defaultdict
from collections.abc import Mapping

from gridcell.cell import Cell
from gridcell.execute.cluster import can_hold
from gridcell.execute.outcome import FailureClass, Outcome

IN_A_ROW = 3  # different cells that fail one after another on a node before it gets no more

# Failures that are a node's own, whatever happens on the others.
_OWN = {FailureClass.DEVICE, FailureClass.NODE, FailureClass.CRASHED}
# Failures that are a node's own only if cells succeed elsewhere meanwhile.
_PERHAPS = {
    *(FailureClass.UNKNOWN, FailureClass.TRANSIENT, FailureClass.DISK_FULL, FailureClass.STALLED),
    FailureClass.OUT_OF_MEMORY,
}
# A machine that fails so is of no use to any cell that asks for it.
_HOPELESS = {FailureClass.DEVICE, FailureClass.NODE}


class Nodes:
    """Remembers how cells ended on each node, by Ray's id of the node."""

    def __init__(self) -> None:
        self._row: dict[str, dict[str, FailureClass]] = defaultdict(dict)  # node -> cell -> how it failed
        self._succeeded: dict[str, int] = defaultdict(int)  # node -> how many cells
        self._others_at_start: dict[str, int] = {}  # node -> successes elsewhere when its row began
        self._failed_on: dict[str, set[str]] = defaultdict(set)  # cell -> nodes
        self.bad: set[str] = set()

    def note(self, node: str, outcome: Outcome) -> None:
        """Take note of how a cell ended on a node."""
        if outcome.failure is None:
            self._succeeded[node] += 1
            self._row.pop(node, None)
            return
        failure_class = outcome.failure.failure_class
        if failure_class in _OWN or failure_class is FailureClass.UNKNOWN:
            self._failed_on[outcome.cell].add(node)
        if failure_class not in _OWN | _PERHAPS:
            return
        row = self._row[node]
        if not row:
            self._others_at_start[node] = self._elsewhere(node)
        row[outcome.cell] = failure_class
        others_succeed = self._elsewhere(node) > self._others_at_start[node]
        if len(row) >= IN_A_ROW and (others_succeed or set(row.values()) <= _OWN):
            self.bad.add(node)

    @property
    def any_failed(self) -> bool:
        """Whether any cell is to be kept off any node."""
        return bool(self.bad or self._failed_on)

    def _elsewhere(self, node: str) -> int:
        return sum(count for other, count in self._succeeded.items() if other != node)

    def to_avoid(self, cell: Cell, living: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
        """Return the nodes that a cell is kept off, as long as another one could run it.

        Args:
            cell: to be placed.
            living: id -> resources of each node that lives.
        """
        able = {node for node, there in living.items() if can_hold(there, cell.resources)}
        for avoided in (self.bad | self._failed_on.get(cell.id, set()), self.bad):
            if able - avoided:
                return tuple(sorted(avoided & living.keys()))
        return ()

    def hopeless(self, living: Mapping[str, object]) -> str:
        """Say why no node is of use any more; empty while one is."""
        rows = [self._row[node] for node in living if node in self.bad]
        if len(rows) < len(living) or not rows:
            return ""
        if not all(set(row.values()) <= _HOPELESS for row in rows):
            return ""
        return f"{IN_A_ROW} different cells failed one after another on each node ({rows[0].popitem()[1]})"
