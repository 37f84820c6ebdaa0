"""Say in one sentence why gridcell can't be installed here, before minutes pass: this Python, or the disk.

Usage: python .ci/before_setup.py ENVIRONMENT

Whatever Python there is runs it, before anything is installed: it needs the standard library alone, and no
syntax that Python 3.6 lacks.
"""

import os
import shutil
import sys

PACKAGES = (
    9.0  # GB of an environment with the pinned versions; more than half are PyTorch's libraries for GPUs
)
_BLOCK = 512  # bytes in the unit of st_blocks


def refusal(environment, version, packages=PACKAGES):
    """Return why the packages can't be installed into the folder ``environment``, or None.

    Args:
        environment: Folder of the virtual environment. What it holds already needs no room again.
        version: Major and minor version of Python, and more as in ``sys.version_info``.
        packages: What the whole environment takes, in GB.
    """
    if tuple(version) < (3, 11):
        found = ".".join(str(number) for number in version[:2])
        return f"gridcell needs Python 3.11 or later, not {found}; name one by 'make PYTHON=python3.11 setup'"
    above = os.path.abspath(environment)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    free, missing = shutil.disk_usage(above).free / 1e9, packages - _size(environment)
    if free < missing:
        return (
            f"The packages need {missing:.1f} GB more in '{environment}', whose disk has {free:.1f} GB free"
        )
    return None


def _size(folder):
    """Return what the files below ``folder`` take on the disk, in GB; 0 where there is no such folder."""
    files = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(file).st_blocks for file in files) * _BLOCK / 1e9


if __name__ == "__main__":
    sys.exit(refusal(sys.argv[1], sys.version_info))
