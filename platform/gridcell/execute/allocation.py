"""How a process that computes on CPUs keeps the memory that it frees.

A network's forward pass allocates and frees the same hundreds of megabytes for each batch. By default the C
library hands these back to the system each time, which fills them with zeros and maps them again, page by
page: at 224 px more than half of the processor's time goes there. Kept, they are used again. No number
depends on it.
"""

import ctypes
import os

_KEPT = 1 << 30
"""Bytes that a process keeps at most, freed at the end of its heap; larger single blocks are handed back."""

_LIMITS = {"MALLOC_TRIM_THRESHOLD_": (-1, _KEPT), "MALLOC_MMAP_THRESHOLD_": (-3, _KEPT)}
"""Name in the environment -> number and value of a parameter of glibc's ``mallopt`` (``man 3 mallopt``)."""

ENVIRONMENT = {
    # The threads of a process share one heap: others are cut into blocks of 64 MB, too small for a layer.
    "MALLOC_ARENA_MAX": "1",
    **{name: str(value) for name, (_, value) in _LIMITS.items()},
}
"""For processes that are started; glibc reads it when they begin, other C libraries do not."""


def keep_freed_memory() -> bool:
    """Keep the memory that this process frees, in its main thread; the environment's own settings go before.

    Returns:
        Whether the C library took it: glibc does.

    Example:
        >>> keep_freed_memory()  # doctest: +SKIP
        True
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = [mallopt(*pair) for name, pair in _LIMITS.items() if name not in os.environ]
    return all(taken)
