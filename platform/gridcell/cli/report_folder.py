"""The folder of a report."""

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gridcell.answers.request import Request
from gridcell.errors import UserError
from gridcell.store import Store
from gridcell.store.plans import grid_id

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.,=+-]+")
_LONGEST = 80  # signs of a selection; of a longer one the first, and a digest

GRID_MARK = ".grid"
"""File in a report's folder: the id of the grid that it shows."""


def report_folder(given: Path | None, asked: Request, store: Store) -> Path:
    """Make the folder of a report and return it.

    By default it is ``reports/TASK-SUITE`` in the storage folder, or in this folder if the storage is remote;
    of a selection ``reports/TASK-SUITE-KEY=VALUE``. Where another grid's report is there (other settings, or
    another suite of the same name), the grid's id is added.

    Raises:
        UserError: it can't be made, or no file can be written there.
    """
    if given is not None:
        return writable(given.expanduser())
    return writable(own_folder(asked, store), {GRID_MARK: f"{grid_id(asked.grid)}\n"})


def writable(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """Make a folder, with some files, and return it.

    Raises:
        UserError: it can't be made, or no file can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
    except OSError as error:
        raise UserError(f"The report can't be written to the folder '{folder}': {error.strerror}") from error
    return folder


def own_folder(asked: Request, store: Store) -> Path:
    """Return the folder of a grid's report, where the user names none."""
    name = f"reports/{'-'.join([asked.suite.task.name, asked.suite.name, *_selected(asked)])}"
    folder = store.folder.local(name) or Path(name)
    own = grid_id(asked.grid)
    with contextlib.suppress(OSError):  # there is none yet; what else is wrong is told when it is made
        if any(folder.iterdir()) and grid_of(folder) != own:
            return folder.with_name(f"{folder.name}-{own}")
    return folder


def _selected(asked: Request) -> list[str]:
    """Return what a selection adds to a folder's name, in signs that every filesystem takes."""
    told = [f"{key}={','.join(values)}" for key, values in sorted(asked.selected.items())]
    plain = [_NOT_IN_NAMES.sub("_", text) for text in told]
    if told == plain and len("-".join(told)) <= _LONGEST:
        return told
    digest = hashlib.sha256(" ".join(told).encode()).hexdigest()[:8]
    return ["-".join(plain)[:_LONGEST], digest]


def grid_of(folder: Path) -> str:
    """Return the id of the grid that a folder's report is of; empty where that isn't known."""
    try:
        return (folder / GRID_MARK).read_text().strip()
    except FileNotFoundError:
        return ""
