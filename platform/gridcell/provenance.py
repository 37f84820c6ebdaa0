"""What a result says of how it was made: sources, command, packages, machine."""

import contextlib
import functools
import inspect
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

import gridcell
from gridcell.build import git_state
from gridcell.fingerprint import packages_of
from gridcell.secrets import redact
from gridcell.task import Task

ALWAYS = ("torch", "lightning", "timm", "ray", "numpy")
"""Packages whose versions every result names."""


def origin_of(task: Task) -> dict[str, Any]:
    """Return what results say of the command that made them: the state of the sources, and its words.

    Args:
        task: whose cells are run.
    """
    return {"sources": sources_of(sorted({"gridcell", *packages_of(task)})), "command": command_line()}


def sources_of(modules: Iterable[str]) -> dict[str, Any]:
    """Return for each module's sources the git commit and whether they were modified since.

    Modules whose sources are in no git repository, such as installed ones, are left out.

    Args:
        modules: names of modules that can be imported.
    """
    found: dict[str, Any] = {}
    for module in modules:
        with contextlib.suppress(ImportError):
            file = getattr(import_module(module), "__file__", None)
            state = git_state(str(Path(file).resolve().parent)) if file else None
            if state is not None:
                found[module] = state
    return found


def command_line() -> str:
    """Return the command that began this process, without secrets."""
    return redact(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else "")


def versions(imports: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of Python, gridcell, and the packages behind some imported names.

    Args:
        imports: top-level names, as code imports them.
    """
    found = {"gridcell": gridcell.__version__, "python": platform.python_version()}
    names = {*ALWAYS, *(owner.metadata["Name"] for name in imports for owner in _owners().get(name, ()))}
    return found | {name: known for name in sorted(names) if (known := _version_of(name)) is not None}


def machine(device: str) -> dict[str, str]:
    """Return the models of processor and GPU, and CUDA's and the driver's versions where they are used.

    Args:
        device: torch device type, ``cpu`` or ``cuda``.
    """
    found = {"cpu": _cpu_model()}
    if device == "cuda":
        import torch

        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = str(torch.version.cuda)
        found["driver"] = _driver_version()
    return found


@functools.cache
def _version_of(package: str) -> str | None:
    """Return what was installed when this process asked first: it reads a file, and every cell asks."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache
def _owners() -> Mapping[str, list[Distribution]]:
    """Return top-level name -> the distributions that it is of.

    As ``importlib.metadata.packages_distributions``, which parses the metadata of all that is installed: a
    second of every process that runs a cell.
    """
    found: dict[str, list[Distribution]] = {}
    for owner in distributions():
        declared = (owner.read_text("top_level.txt") or "").split()
        for name in declared or _recorded(owner.read_text("RECORD") or ""):
            found.setdefault(name, []).append(owner)
    return found


def _recorded(record: str) -> set[str]:
    """Return the names that can be imported of the files that a wheel's RECORD lists."""
    tops = {line.partition(",")[0].partition("/")[0] for line in record.splitlines()}
    names = {inspect.getmodulename(top) or (top if "." not in top else "") for top in tops}
    return names - {"", "__pycache__"}


@functools.cache
def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Processor"):
                return value.strip()
    return platform.processor() or platform.machine()


@functools.cache
def _driver_version() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    said = done.stdout.split() if done.returncode == 0 else []  # a failing one says why on its output
    return said[0] if said else "unknown"
