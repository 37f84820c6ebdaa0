"""Say in one sentence why gridcell can't be installed here, before minutes pass: this Python, or the disk.

Usage: python .ci/before_setup.py ENVIRONMENT

Whatever Python there is runs it, before anything is installed: it needs the standard library alone, and
nothing that Python 3.7 lacks.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

PACKAGES = 9.5  # GB that installing the pinned versions takes; more than half are libraries for GPUs
_BLOCK = 512  # bytes in the unit of st_blocks


def refusal(environment: str, version: tuple[int, ...], packages: float = PACKAGES) -> str | None:
    """Return why the packages can't be installed into the folder ``environment``, or None.

    Args:
        environment: Folder of the virtual environment. What it holds already needs no room again.
        version: Of Python: major, minor, and more.
        packages: What the whole environment takes, in GB.
    """
    if version < (3, 11):
        found = ".".join(map(str, version[:2]))
        return f"gridcell needs Python 3.11 or later, not {found}; name one by 'make PYTHON=python3.11 setup'"
    folder = Path(environment).absolute()
    above = next(place for place in (folder, *folder.parents) if place.is_dir())
    free = shutil.disk_usage(str(above)).free / 1e9
    missing = packages - _size(folder)
    if free < missing:
        return f"The packages need {missing:.1f} GB more in '{environment}'; its disk has {free:.1f} GB free"
    return None


def _size(folder: Path) -> float:
    """Return what the files below ``folder`` take on the disk, in GB; 0 where there is no such folder."""
    return sum(path.lstat().st_blocks for path in folder.rglob("*")) * _BLOCK / 1e9


if __name__ == "__main__":
    sys.exit(refusal(sys.argv[1], tuple(sys.version_info[:2])))
