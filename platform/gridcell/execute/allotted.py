"""What this process may use of its machine: a batch system or a container may allow less than there is."""

import contextlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60  # cgroup version 1 writes a number near 2^63 for no limit


def usable_cpus(root: Path = Path("/")) -> int:
    """Return how many CPU cores this process may use, at least 1: by its affinity and its cgroup's quota.

    Args:
        root: of the file system.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _groups(root, "cpu") if (quota := _cpu_quota(folder)) is not None]
    return max(1, min([there, *(math.ceil(quota) for quota in quotas)]))


def usable_memory(root: Path = Path("/")) -> int:
    """Return how many bytes of memory this process may use: the machine's, or fewer by its cgroup.

    Args:
        root: of the file system.
    """
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [limit for folder in _groups(root, "memory") if (limit := _memory_limit(folder)) is not None]
    return min([there, *limits])


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's cgroups that limit something, and of all groups around them."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    mounted = root / "sys/fs/cgroup"
    for line in lines:
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        _, controllers, path = parts
        if controllers and controller not in controllers.split(","):
            continue
        # A container sees its own group as the top, whatever the name that it is given here.
        tops = [mounted / controllers, mounted / controller] if controllers else [mounted]
        for top in dict.fromkeys(tops):
            own = top / path.lstrip("/")
            for folder in (own, *own.parents):
                yield folder
                if folder == top:
                    break


def _cpu_quota(folder: Path) -> float | None:
    """Return the cores that a cgroup may use; None for no limit."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        granted = int((folder / "cpu.cfs_quota_us").read_text())
        return granted / int((folder / "cpu.cfs_period_us").read_text()) if granted > 0 else None
    return None


def _memory_limit(folder: Path) -> int | None:
    """Return the bytes that a cgroup may use; None for no limit."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        with contextlib.suppress(OSError):
            text = (folder / name).read_text().strip()
            if re.fullmatch(r"\d+", text) and int(text) < _UNLIMITED:
                return int(text)
    return None
