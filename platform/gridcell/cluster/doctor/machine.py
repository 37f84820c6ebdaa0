"""This machine: versions, devices, memory, disk, shared memory, open files."""

import os
import platform
import resource
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from gridcell.cluster.doctor.check import CheckResult, Level, graded
from gridcell.execute.allotted import usable_cpus, usable_memory
from gridcell.store.cache import cache_folder

_GIB = 1 << 30
_FREE_DISK_GIB = 10.0
_MEMORY_PER_CORE_GIB = 2.0
_OPEN_FILES = 8192
_MANY_FILES = 65_536
_SHARED = Path("/dev/shm")


def versions() -> Iterator[CheckResult]:
    """Compare what is installed with what this gridcell asks for."""
    from packaging.requirements import Requirement

    try:
        asked = [Requirement(text) for text in requires("gridcell") or ()]
    except PackageNotFoundError:
        found = "gridcell itself is not installed"
        yield CheckResult("versions", Level.BAD, found, "install it, for instance by 'pip install -e .'")
        return
    wrong = []
    for requirement in asked:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} {installed} is not {requirement.specifier}")
    named = ("gridcell", "torch", "ray", "lightning", "mlflow")
    yield graded(
        "versions",
        not wrong,
        "; ".join(wrong)
        or ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in named)]),
        "install the tested set: pip install -c constraints.txt .",
        Level.BAD,
    )


def samplers() -> Iterator[CheckResult]:
    """Look for what 'gridcell tune' chooses trials by.

    An installation that was made before gridcell asked for it doesn't name it among its requirements.
    """
    missing = [name for name in ("optuna", "cmaes") if find_spec(name) is None]
    yield graded(
        "samplers of tune",
        not missing,
        f"{' and '.join(missing)} missing" if missing else "Optuna, CMA-ES",
        f"pip install -c constraints.txt {' '.join(missing)}; until then --search random, qmc or grid",
    )


def devices() -> Iterator[CheckResult]:
    """Count cores and GPUs, and use each GPU once."""
    import torch

    cores = usable_cpus()
    yield CheckResult("cores", Level.OK, f"{cores}, torch computes with {torch.get_num_threads()}")
    driver = shutil.which("nvidia-smi")
    if not torch.cuda.is_available():
        yield graded(
            "GPUs",
            driver is None,
            "none" if driver is None else "the driver is there, but torch can't use it",
            "install a torch built for this driver's CUDA version, or start the container with GPUs",
            Level.BAD,
        )
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        with torch.cuda.device(index):
            right = float(torch.ones(256, 256, device="cuda").sum()) == 256.0**2
        yield graded(
            f"GPU {index}",
            right,
            f"{properties.name}, {properties.total_memory / _GIB:.0f} GiB",
            "it computes wrongly: take it out of service",
            Level.BAD,
        )


def memory() -> Iterator[CheckResult]:
    """Look at memory and at /dev/shm, in which Ray keeps its objects."""
    total = usable_memory() / _GIB
    unused = ""
    if "SC_AVPHYS_PAGES" in os.sysconf_names:  # macOS has none
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIB
        unused = f", {min(total, available):.0f} GiB unused"
    cores = usable_cpus()
    yield graded(
        "memory",
        total >= _MEMORY_PER_CORE_GIB * cores,
        f"{total:.0f} GiB for {cores} cores{unused}",
        f"under {_MEMORY_PER_CORE_GIB:g} GiB a core: run fewer cells at once by --max-concurrent",
    )
    if not _SHARED.is_dir():
        advice = "Ray uses the disk instead, which is slow"
        yield CheckResult("shared memory", Level.WARN, "no /dev/shm", advice)
        return
    shared = shutil.disk_usage(_SHARED).total / _GIB
    yield graded(
        "shared memory",
        shared >= min(0.3 * total, 8.0),
        f"/dev/shm has {shared:.1f} GiB",
        "in Docker give --shm-size, in Kubernetes an emptyDir of medium Memory at /dev/shm: 30 % of memory",
    )


def disk() -> Iterator[CheckResult]:
    """Look at the disk of scratch folders and of the cache."""
    cache = cache_folder()
    for what, folder in (("scratch", Path(tempfile.gettempdir())), ("cache", cache)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free / _GIB
        yield graded(
            f"disk for {what}",
            free >= _FREE_DISK_GIB and os.access(there, os.W_OK),
            f"{folder}: {free:.0f} GiB free" + ("" if os.access(there, os.W_OK) else ", not writable"),
            f"free {_FREE_DISK_GIB:g} GiB, or set {'TMPDIR' if what == 'scratch' else 'GRIDCELL_CACHE'}",
            Level.WARN if os.access(there, os.W_OK) else Level.BAD,
        )


def open_files() -> Iterator[CheckResult]:
    """Look at the limit on open files: each worker of Ray holds some dozens."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = _MANY_FILES
    advice = f"ulimit -n {min(hard, _MANY_FILES)} before starting Ray"
    if hard <= soft:  # no command of this user's raises it
        advice = (
            f"the hard limit must be raised first, to {_OPEN_FILES} or more: /etc/security/limits.conf, "
            "LimitNOFILE of a systemd service, or --ulimit nofile of a container"
        )
    yield graded(
        "open files",
        soft >= _OPEN_FILES,
        f"at most {soft} (hard limit {hard})",
        advice,
    )
