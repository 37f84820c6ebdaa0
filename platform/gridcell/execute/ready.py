"""The cells that are ready to run, in the order in which they go: one heap for each request of resources."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

Shape = tuple[Any, ...]
"""What a cell asks for: the values of ``Resources``, in the order of its fields."""


class Entry(NamedTuple):
    """A ready cell's place in the order; the smallest goes first.

    Attributes:
        elsewhere: whether another driver runs it.
        seen: whether a cell of its kind was ready before.
        depth: minus the longest path from it to a target.
        shape: what it asks for.
        rank: its place in the grid.
        cell: id.
    """

    elsewhere: bool
    seen: bool
    depth: int
    shape: Shape
    rank: int
    cell: str


class ReadyQueue:
    """Ready cells, of which those of some shapes can be passed over.

    With s shapes and n cells it takes O(s + log n) to find, add or remove one.
    """

    def __init__(self) -> None:
        self._heaps: dict[Shape, list[Entry]] = {}
        self._entries: dict[str, Entry] = {}  # an entry that is not here, or not the same, was removed

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, cell_id: str) -> bool:
        return cell_id in self._entries

    def add(self, entry: Entry) -> None:
        """Add a cell that isn't there."""
        self._entries[entry.cell] = entry
        heapq.heappush(self._heaps.setdefault(entry.shape, []), entry)

    def remove(self, cell_id: str) -> None:
        """Take a cell out, wherever it stands; its heap drops it when it comes to the top."""
        del self._entries[cell_id]

    def first(self, passed: Set[Shape] = frozenset(), elsewhere: Set[str] = frozenset()) -> Entry | None:
        """Return the first entry, which stays.

        Args:
            passed: shapes that are passed over.
            elsewhere: ids of cells that another driver runs: these go behind all others, once.
        """
        heads = [self._head(shape, elsewhere) for shape in list(self._heaps) if shape not in passed]
        return min((head for head in heads if head is not None), default=None)

    def _head(self, shape: Shape, elsewhere: Set[str]) -> Entry | None:
        heap = self._heaps[shape]
        while heap:
            entry = heap[0]
            if self._entries.get(entry.cell) is not entry:
                heapq.heappop(heap)
            elif entry.cell in elsewhere and not entry.elsewhere:
                self._entries[entry.cell] = entry._replace(elsewhere=True)
                heapq.heapreplace(heap, self._entries[entry.cell])
            else:
                return entry
        del self._heaps[shape]
        return None

    def rank_anew(self, ranks: Mapping[str, int]) -> None:
        """Give every cell another rank."""
        entries = [entry._replace(rank=ranks[entry.cell]) for entry in self._entries.values()]
        self._heaps, self._entries = {}, {}
        for entry in entries:
            self.add(entry)


class Groups:
    """Names in groups, such as the ready cells that one pass can take."""

    def __init__(self) -> None:
        self._members: defaultdict[object, set[str]] = defaultdict(set)

    def add(self, group: object, name: str) -> None:
        """Add a name to a group."""
        self._members[group].add(name)

    def discard(self, group: object, name: str) -> None:
        """Remove a name from a group, if it is there."""
        if (members := self._members.get(group)) is not None:
            members.discard(name)
            if not members:
                del self._members[group]

    def size(self, group: object) -> int:
        """Return how many names a group has."""
        return len(self._members.get(group, ()))

    def smallest(self, group: object, count: int, rank: Mapping[str, int], without: Set[str]) -> list[str]:
        """Return at most ``count`` names of a group, the smallest by rank."""
        members: Iterable[str] = self._members.get(group, ())
        return heapq.nsmallest(count, (name for name in members if name not in without), key=rank.__getitem__)
