"""Noticing that Ray drains a node: a cloud takes the machine back, or somebody typed ``ray drain-node``.

Ray tells this to its own libraries alone: of its public interfaces, only that of Ray Train passes it on, to
workers that it has started itself. So this file asks as Ray Train does, by a private name.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

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


def when_draining(node: str, tell: Callable[[], object], over: threading.Event | None = None) -> None:
    """Call ``tell`` once Ray drains the node of this id, from a thread.

    Args:
        node: Ray's id of it.
        tell: is called at most once.
        over: ends the thread once it is set; by default it ends with the process, as a worker's does.
    """
    ended = over or threading.Event()

    def look() -> None:
        while not is_draining(node):
            if ended.wait(LOOK_EVERY_S):
                return
        if not ended.is_set():
            tell()

    threading.Thread(target=look, daemon=True, name="drain-watch").start()


@contextlib.contextmanager
def watched_drain(node: str, tell: Callable[[], object]) -> Iterator[None]:
    """Call ``tell`` if Ray drains the node of this id meanwhile.

    A process that goes on after its cluster, as a search does, then asks neither it nor a later one.
    """
    over = threading.Event()
    when_draining(node, tell, over)
    try:
        yield
    finally:
        over.set()
