"""A Ray for RLlib to live in where none runs yet, which this machine alone can reach."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from gridcell import LOOPBACK_ONLY

_log = logging.getLogger(__name__)


def keep_to_loopback() -> None:
    """Make Ray listen on loopback alone: it reads that when it is first imported, so later this does nothing.

    On a cluster Ray is imported before any cell, so that nothing changes there.
    """
    if "ray" not in sys.modules:
        for name, value in LOOPBACK_ONLY.items():
            os.environ.setdefault(name, value)


@contextlib.contextmanager
def local_ray() -> Iterator[None]:
    """Make sure that there is a Ray for RLlib to live in: the one that runs this cell, or one of its own.

    One of its own listens on 127.0.0.1 alone. It serves all cells that run in this process.

    Raises:
        TimeoutError: it doesn't start. The cell is tried again.
    """
    keep_to_loopback()
    import ray

    for name in ("ray", "ray.rllib"):  # RLlib warns of its own deprecated calls
        logging.getLogger(name).setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    from gridcell import ray_here

    if any(os.environ.get(name) != value for name, value in LOOPBACK_ONLY.items()):
        _log.warning(
            "Ray was imported before farcuriosity.agent, so that other machines can reach its ports: "
            "import farcuriosity.agent first"
        )
    with ray_here():
        yield
