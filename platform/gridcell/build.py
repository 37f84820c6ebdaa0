"""Which build of gridcell this is: its version, and the commit of its sources."""

import functools
import subprocess
from pathlib import Path
from typing import Any

import gridcell

COMMIT_FILE = "commit.txt"
"""File of a built package beside its modules: the commit of its sources; hatch_build.py writes it."""


def describe_build() -> str:
    """Return the version, and the commit of the sources where it is known.

    A clone asks git; a wheel carries the commit from which it was built.
    """
    folder = Path(gridcell.__file__).resolve().parent
    built_from = folder / COMMIT_FILE
    if built_from.exists():
        commit = built_from.read_text(encoding="utf-8").strip()
    else:
        state = git_state(str(folder))
        commit = state["commit"] + (", modified since" if state["modified"] else "") if state else ""
    return f"gridcell {gridcell.__version__}" + (f" (commit {commit})" if commit else "")


@functools.cache
def git_state(folder: str) -> dict[str, Any] | None:
    """Return the ``commit`` of a folder, and whether it was ``modified`` since.

    Returns:
        None where git tracks no file of the folder, or there is no git.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    if not _git(folder, "ls-files", "--", "."):  # installed within a repository of something else
        return None
    return {"commit": commit, "modified": bool(_git(folder, "status", "--porcelain", "--", "."))}


def _git(folder: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):  # no git here, or a storage that doesn't answer
        return None
    return done.stdout.strip() if done.returncode == 0 else None
