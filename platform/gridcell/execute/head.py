"""Noticing that the head of a Ray cluster is gone: Ray's driver would wait for it, or end without a word."""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType

LOOK_EVERY_S = 1.0
_SIGNAL = signal.SIGUSR2  # nobody else's, and unlike SIGINT never ignored in the background
LOOKS = 5  # in vain, one after another, before the head counts as gone


class HeadLost(Exception):  # noqa: N818 - names the state of the cluster
    """The head of the cluster went away, and all of the cluster with it."""


@contextlib.contextmanager
def watched_head(address: str) -> Iterator[None]:
    """Interrupt what the main thread does meanwhile once nothing answers at ``host:port`` any more.

    Outside the main thread nothing is watched.

    Raises:
        HeadLost: that happened.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or main.ident is None:
        yield
        return
    ident = main.ident
    host, _, port = address.rpartition(":")
    over = threading.Event()

    def lost(signal_number: int, frame: FrameType | None) -> None:
        raise HeadLost(f"the head of the cluster at {address} went away")

    def look() -> None:
        vain = 0
        while vain < LOOKS:
            if over.wait(LOOK_EVERY_S):
                return
            try:
                socket.create_connection((host, int(port)), LOOK_EVERY_S).close()
                vain = 0
            except OSError:
                vain += 1
        signal.pthread_kill(ident, _SIGNAL)  # a real signal, for it also ends a system call that waits

    before = signal.signal(_SIGNAL, lost)
    thread = threading.Thread(target=look, daemon=True, name="head-watch")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal.signal(_SIGNAL, before)
