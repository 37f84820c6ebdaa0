"""A Ray for RLlib to live in. This imports no Ray: what Ray reads at its import has to be set before."""

import contextlib
import logging
from collections.abc import Iterator

from gridcell.execute.processes import ray_here


@contextlib.contextmanager
def local_ray() -> Iterator[None]:
    """Make sure that there is a Ray: the one that runs this cell, or one of this process's own."""
    for name in ("ray", "ray.rllib"):  # RLlib warns of its own deprecated calls
        logging.getLogger(name).setLevel(logging.ERROR)
    with ray_here():
        yield
