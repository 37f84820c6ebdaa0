"""Noticing that Ray drains a node: a cloud takes the machine back, or somebody typed ``ray drain-node``.

Ray tells this to its own libraries alone: of its public interfaces, only that of Ray Train passes it on, to
workers that it has started itself. So this file asks as Ray Train does, by a private name.
"""

import threading
import time
from collections.abc import Callable

LOOK_EVERY_S = (
    2.0  # a cloud gives half a minute and more; one question costs the head less than a millisecond
)


def is_draining(node: str) -> bool:
    """Whether Ray drains the node of this id; False where Ray doesn't say."""
    import ray

    try:
        return node in ray._private.state.state.get_draining_nodes()
    except Exception:  # the head is away just now, or Ray has changed: a watcher ends no run
        return False


def when_draining(node: str, tell: Callable[[], object]) -> None:
    """Call ``tell`` once Ray drains the node of this id, from a thread that ends with the process."""

    def look() -> None:
        while not is_draining(node):
            time.sleep(LOOK_EVERY_S)
        tell()

    threading.Thread(target=look, daemon=True, name="drain-watch").start()
