"""A mark in a store, by which another machine tells whether it has that store or another by its name."""

import contextlib
import time
import uuid
from collections.abc import Iterator

from gridcell.store.filesystem import Folder

ADVICE = "name a storage that every node reaches, such as a folder on NFS under one path, or s3://bucket/runs"
"""What to do where a mark isn't seen."""

_PATIENCE_S = 5.0  # network folders may show a new file late
_PAUSE_S = 0.5


@contextlib.contextmanager
def marked(folder: Folder) -> Iterator[str]:
    """Leave a mark in a store for as long as this lasts; its name is what ``sees_mark`` looks for.

    Args:
        folder: of the store.

    Example:
        >>> folder = Folder.open("memory://runs")
        >>> with marked(folder) as name:
        ...     sees_mark("memory://runs", name), sees_mark("memory://elsewhere", name, patience_s=0)
        (True, False)
    """
    name = f"probe-{uuid.uuid4().hex}"
    folder.write(name, b"mark")
    try:
        yield name
    finally:
        with contextlib.suppress(Exception):  # each filesystem has its own; a mark that stays harms nobody
            folder.remove(name)


def sees_mark(uri: str, name: str, *, patience_s: float | None = None) -> bool:
    """Tell whether a mark of ``marked`` is there. Nothing is written, and no folder is made.

    Args:
        uri: of the store, as this machine finds it.
        name: that ``marked`` gave.
        patience_s: for how long to look again; some seconds by default.

    Raises:
        UserError: the store can't be opened.

    Example:
        >>> sees_mark("memory://runs", "probe-of-nobody", patience_s=0)
        False
    """
    folder = Folder.open(uri)
    ends = time.monotonic() + (_PATIENCE_S if patience_s is None else patience_s)
    while True:
        with contextlib.suppress(FileNotFoundError):
            folder.read(name)
            return True
        if time.monotonic() >= ends:
            return False
        time.sleep(_PAUSE_S)


def of_its_own(uri: str) -> str:
    """Say what is wrong with a machine that doesn't see the mark.

    Example:
        >>> of_its_own("/runs")
        "has a folder of its own at '/runs', and the run would not see results there"
    """
    return f"has a folder of its own at '{uri}', and the run would not see results there"
