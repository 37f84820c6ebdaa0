"""How long loops tell somebody how far they are."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Watch(Protocol):
    """Yields what a long loop goes through, and tells after each item how far the loop is."""

    def __call__(self, stage: str, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
        """Go through ``items``.

        Args:
            stage: what the loop does, one word or more joined by ``_``.
            items: what it goes through.
            total: how many there are; None: not known.
        """
        ...


def quiet(stage: str, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
    """Tell nobody."""
    return iter(items)
