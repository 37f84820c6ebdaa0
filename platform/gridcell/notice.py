"""Notice that this process is to end soon: a running cell saves a checkpoint first, and leaves.

Batch systems send SIGTERM some time before they kill, clouds announce that they take a machine back, people
press Ctrl-C. Whoever learns of it gives notice; a cell that can go on from a checkpoint looks for it.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

LOOK_EVERY_S = 0.2  # at most so often a place outside the process is asked


class Notice:
    """Whether a process is to end soon, and whether what it runs heeds that.

    Example:
        >>> notice = Notice()
        >>> notice.give()
        >>> notice.given
        True
    """

    def __init__(self) -> None:
        self._given = False
        self._heeded = False
        self._outside: Callable[[], bool] | None = None
        self._looked = 0.0
        self._on_heed: Callable[[bool], object] | None = None
        self._subscribers: list[Callable[[], object]] = []

    def give(self) -> None:
        """Ask what runs in this process to end soon; may be called by a signal's handler."""
        self._given = True

    @property
    def given(self) -> bool:
        """Whether the process is to end soon. Cheap: it may be asked at every step."""
        if not self._given and self._outside is not None:
            now = time.monotonic()
            if now - self._looked >= LOOK_EVERY_S:
                self._looked = now
                self._given = self._outside()
        return self._given

    def withdraw(self) -> None:
        """Forget a notice that was given, and who heeds it."""
        self._given = False
        self.heed(False)

    def heed(self, heeded: bool = True) -> None:
        """Say whether what runs from now on looks for the notice, and so is worth some seconds of waiting."""
        if heeded != self._heeded:
            self._heeded = heeded
            if self._on_heed is not None:
                self._on_heed(heeded)

    @property
    def heeded(self) -> bool:
        """Whether what runs looks for the notice."""
        return self._heeded

    def come_from(self, outside: Callable[[], bool], on_heed: Callable[[bool], object]) -> None:
        """Let the notice come from outside the process.

        Args:
            outside: tells whether it was given; asked at most every ``LOOK_EVERY_S`` seconds.
            on_heed: is told whenever it begins or ends to be heeded.
        """
        self._outside, self._on_heed = outside, on_heed

    @property
    def subscribers(self) -> tuple[Callable[[], object], ...]:
        """Who passes the notice on to other processes, once it is given."""
        return tuple(self._subscribers)

    @contextlib.contextmanager
    def passed_on(self, by: Callable[[], object]) -> Iterator[None]:
        """Let ``by`` pass the notice on to other processes meanwhile; it is called from its own thread."""
        self._subscribers.append(by)
        try:
            yield
        finally:
            self._subscribers.remove(by)


NOTICE = Notice()
"""The notice of this process."""
