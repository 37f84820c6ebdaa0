"""Noticing that the head of a Ray cluster is gone, and saying so while there is still a process to say it."""

import contextlib
import os
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Iterator

LOOK_EVERY_S = 1.0
LOOKS = 5  # in vain, one after another, before the head counts as gone


def end_without_head(address: str) -> None:
    """Say what happened and how to go on, and end the process with exit code 1.

    Ray does the latter itself after a minute, with a message of its own. It can't be left in another way:
    what Tune and Ray do when they are interrupted waits for the head.
    """
    sys.stdout.flush()
    sys.stderr.write(
        f"\nStopped: the head of the cluster at {address} went away. Cells that are done are kept. "
        f"To go on, run again:\n  gridcell {shlex.join(sys.argv[1:])}\n"
    )
    sys.stderr.flush()
    os._exit(1)


@contextlib.contextmanager
def watched_head(address: str, on_lost: Callable[[str], None] = end_without_head) -> Iterator[None]:
    """Call ``on_lost`` from a thread once nothing answers at ``address`` (host:port) any more."""
    host, _, port = address.rpartition(":")
    over = threading.Event()

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
        on_lost(address)

    thread = threading.Thread(target=look, daemon=True, name="head-watch")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
