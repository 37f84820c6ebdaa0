"""Ending a cell that shows no sign of life, from within its process and even if it holds Python's lock."""

import contextlib
import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping

from gridcell.cell import Cell
from gridcell.context import Reporter
from gridcell.execute.last_words import leave_last_words
from gridcell.execute.outcome import Failure, FailureClass
from gridcell.store import Store

_GRACE_S = 30.0  # for the watching thread to write its note; then the process ends without one
_REARM_S = 1.0  # each rearming starts a thread


@contextlib.contextmanager
def watched(
    cell: Cell, store: Store, reporter: Reporter | None, timeout_s: float | None, attempt: str = ""
) -> Iterator[Reporter | None]:
    """Yield a reporter; if it isn't called for ``timeout_s``, leave a note in the store and end the process.

    Args:
        cell: that is run meanwhile.
        store: where the note goes.
        reporter: receives what the yielded one is told.
        timeout_s: None for as long as it takes.
        attempt: name of this attempt at the cell, by which the driver asks for the note.
    """
    if timeout_s is None:
        yield reporter
        return
    watch = _Watch(cell, store, reporter, timeout_s, attempt)
    thread = threading.Thread(target=watch.look, daemon=True, name="stall-watch")
    thread.start()
    try:
        yield watch.report
    finally:
        watch.over.set()
        thread.join()
        faulthandler.cancel_dump_traceback_later()


class _Watch:
    def __init__(
        self, cell: Cell, store: Store, reporter: Reporter | None, timeout_s: float, attempt: str
    ) -> None:
        self._cell = cell
        self._attempt = attempt
        self._store = store
        self._reporter = reporter
        self._timeout_s = timeout_s
        self._rearmed = -_REARM_S
        self.over = threading.Event()
        self._alive()

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        if self._reporter is not None:
            self._reporter(step, metrics)
        self._alive()

    def _alive(self) -> None:
        self._seen = time.monotonic()
        if self._seen - self._rearmed >= _REARM_S:
            self._rearmed = self._seen
            # A thread of C, for a cell that hangs in native code and keeps all Python threads waiting.
            faulthandler.dump_traceback_later(self._timeout_s + _GRACE_S, exit=True, file=2)

    def look(self) -> None:
        while not self.over.wait(max(0.0, self._seen + self._timeout_s - time.monotonic())):
            if time.monotonic() - self._seen >= self._timeout_s:
                self._end()

    def _end(self) -> None:
        me = threading.get_ident()
        stacks = [
            "".join(traceback.format_stack(frame))
            for thread, frame in sys._current_frames().items()
            if thread != me
        ]
        message = f"it reported nothing for {self._timeout_s:g} s"
        failure = Failure(FailureClass.STALLED, message, "\n".join(stacks))
        try:
            leave_last_words(self._cell, self._store, failure, self._attempt)
        finally:
            os._exit(1)
