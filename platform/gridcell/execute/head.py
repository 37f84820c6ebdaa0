"""Noticing that the head of a Ray cluster is gone, and saying so while there is still a process to say it."""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

LOOK_EVERY_S = 1.0
LOOKS = 5  # in vain, one after another, before the head counts as gone


def how_to_go_on(address: str) -> str:
    """Return what the user of a run reads whose head went away."""
    return (
        f"\nStopped: the head of the cluster at {address} went away. Cells that are done are kept. "
        f"To go on, run again:\n  gridcell {shlex.join(sys.argv[1:])}\n"
    )


def end_without_head(address: str) -> None:
    """Say what happened and how to go on, and end the process with exit code 1.

    Ray does the latter itself after a minute, with a message of its own. It can't be left in another way:
    what Tune and Ray do when they are interrupted waits for the head.
    """
    sys.stdout.flush()
    sys.stderr.write(how_to_go_on(address))
    sys.stderr.flush()
    os._exit(1)


@contextlib.contextmanager
def last_words(text: str) -> Iterator[Callable[[], None]]:
    """Let a shell say ``text`` on standard error if this process ends meanwhile without another word.

    Ray ends a driver at once, with exit code 1 and nothing said, when the node goes away through which the
    driver is connected; where that node is the head, nothing within the process comes first.
    What is yielded silences the shell.
    """
    command = ["sh", "-c", 'read -r over || printf "%s" "$1" >&2', "sh", text]
    # A group of its own: Ctrl-C is for the driver, which then has the last word itself.
    with subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0) as shell:

        def silence() -> None:
            with contextlib.suppress(OSError, ValueError):  # it is gone, or silent already
                shell.communicate(b"over\n")

        try:
            yield silence
        finally:
            silence()


@contextlib.contextmanager
def watched_head(address: str, on_lost: Callable[[str], None] = end_without_head) -> Iterator[None]:
    """Call ``on_lost`` from a thread once nothing answers at ``address`` (host:port) any more."""
    host, _, port = address.rpartition(":")
    over = threading.Event()

    def look(silence: Callable[[], None]) -> None:
        vain = 0
        while vain < LOOKS:
            if over.wait(LOOK_EVERY_S):
                return
            try:
                socket.create_connection((host, int(port)), LOOK_EVERY_S).close()
                vain = 0
            except OSError:
                vain += 1
        silence()
        on_lost(address)

    with last_words(how_to_go_on(address)) as silence:
        thread = threading.Thread(target=look, args=(silence,), daemon=True, name="head-watch")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
