"""Writes to a store before or after which a process is taken to die, as by kill -9 at a random moment."""

import random

from gridcell.store.filesystem import Folder


def die_at_a_write(monkeypatch, choice: random.Random) -> list[int]:
    """Make writes of results and artifacts raise KeyboardInterrupt when the returned countdown reaches zero.

    Args:
        monkeypatch: pytest's.
        choice: decides whether it happens before the write or after it.

    Returns:
        The countdown, of one number, which the test sets.
    """
    writes = [0]

    def dying(real):
        def write(folder, *arguments):
            writes[0] -= 1
            if writes[0] == 0 and choice.random() < 0.5:  # before the write, or after it
                raise KeyboardInterrupt
            made = real(folder, *arguments)
            if writes[0] == 0:
                raise KeyboardInterrupt
            return made

        return write

    for name in ("create", "put"):
        monkeypatch.setattr(Folder, name, dying(getattr(Folder, name)))
    return writes
