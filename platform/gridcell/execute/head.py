"""Noticing that the head of a Ray cluster is gone: Ray's driver would wait for it, or end without a word."""

import _thread
import contextlib
import socket
import threading
from collections.abc import Iterator

LOOK_EVERY_S = 1.0
LOOKS = 5  # in vain, one after another, before the head counts as gone


class HeadLost(Exception):  # noqa: N818 - names the state of the cluster
    """The head of the cluster went away, and all of the cluster with it."""


@contextlib.contextmanager
def watched_head(address: str) -> Iterator[None]:
    """Interrupt what the main thread does meanwhile once nothing answers at ``host:port`` any more.

    Raises:
        HeadLost: that happened.
    """
    host, _, port = address.rpartition(":")
    over, lost = threading.Event(), threading.Event()

    def look() -> None:
        vain = 0
        while not over.wait(LOOK_EVERY_S):
            try:
                socket.create_connection((host, int(port)), LOOK_EVERY_S).close()
                vain = 0
            except OSError:
                vain += 1
            if vain == LOOKS:
                lost.set()
                _thread.interrupt_main()
                return

    thread = threading.Thread(target=look, daemon=True, name="head-watch")
    thread.start()
    try:
        yield
    except KeyboardInterrupt:
        if lost.is_set():
            raise HeadLost(f"the head of the cluster at {address} went away") from None
        raise
    finally:
        over.set()
        thread.join()
