"""Of a list that grows without end, evenly spaced items and the last one."""

from collections.abc import Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Thinned(Generic[Item]):
    """Keeps the first of what is added, every so-many-th after it, and the last.

    The spacing is 1 as long as all fit in, and doubles whenever they no longer do. So the past is kept as
    finely as what came last, however long it goes on.

    Attributes:
        kept: what is.
        added: how many were added in all.

    Example:
        >>> thinned = Thinned(most=4)
        >>> for item in range(8):
        ...     thinned.add(item)
        >>> thinned.kept
        [0, 4, 7]
    """

    def __init__(self, most: int, kept: Iterable[Item] = (), added: int | None = None) -> None:
        """Start with nothing, or where another one stood.

        Args:
            most: how many are kept, at least 2.
            kept: what the other one kept.
            added: how many were added to it; all that it kept, by default.
        """
        self._most = most
        self.kept = list(kept)
        self.added = len(self.kept) if added is None else added
        self._spacing = 1  # indices of what is kept are its multiples, but for the last
        while len({*range(0, self.added, self._spacing), self.added - 1}) > most:
            self._spacing *= 2

    def add(self, item: Item) -> None:
        """Append an item; earlier ones may go."""
        if self.added and not self._is_spaced(self.added - 1):  # the last one was kept only as the last
            self.kept.pop()
        self.kept.append(item)
        self.added += 1
        if len(self.kept) > self._most:
            spaced = self.kept if self._is_spaced(self.added - 1) else self.kept[:-1]
            self._spacing *= 2
            self.kept = spaced[::2] + ([] if self._is_spaced(self.added - 1) else [item])

    def _is_spaced(self, index: int) -> bool:
        return index % self._spacing == 0
