"""The user's plug-ins in a process that works for a run, in folders that are removed with that process."""

import atexit
from collections.abc import Sequence
from pathlib import Path

from gridcell import plugins
from gridcell.store.scratch import Scratch


def receive(sent: Sequence[plugins.Sent]) -> None:
    """Load plug-ins of the driver. If this process is killed, the next one removes what it leaves."""
    plugins.receive(sent, _scratch)


def _scratch() -> Path:
    scratch = Scratch("plugin")
    atexit.register(scratch.remove)
    return scratch.path
