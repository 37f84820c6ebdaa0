"""The code that this process runs, which may differ from the files: people edit while a grid runs.

Python reads a file when it imports it, and does not look at it again. A result must name the code that
made it, so this process remembers each file as it was when the process began to work for the task.
A file that is edited between then and its first import is named as it was before: the result then
counts as stale, and never as one of code that did not make it.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import gridcell
from gridcell import plugins
from gridcell.cell import Cell
from gridcell.fingerprint import Code, Codes, packages_of, roots_of
from gridcell.package_data import data_files
from gridcell.task import Task

_texts: dict[Path, bytes] = {}
_codes: dict[tuple[str, ...], Codes] = {}


def code_of(task: Task, cell: Cell) -> Code:
    """Return the code by which this process runs a cell."""
    return remember(task).of(cell)


def remember(task: Task) -> Codes:
    """Read a task's code, if this process has not done so yet, and return the code of its cells.

    To be called when the process begins, for its files may be edited at any time.
    """
    loaded = plugins.loaded()
    key = (task.name, *(plugin.module.__name__ for plugin in loaded))  # their names tell their texts
    if key not in _codes:
        for path in _files_of_gridcell():
            _remembered(path)
        for path, root in _files_of(task):
            _remembered(path)
            with contextlib.suppress(SyntaxError):  # of a file that no cell may run
                for data in data_files(path, root, _remembered):
                    _remembered(data)
        for plugin in loaded:
            folder = plugins.here(plugin.path).parent
            _texts.update({(folder / name).resolve(): text for name, text in plugin.files.items()})
        _codes[key] = Codes(task, _remembered)
    return _codes[key]


def forget() -> None:
    """Remember nothing, as a new process would begin."""
    _texts.clear()
    _codes.clear()


def _files_of_gridcell() -> Iterator[Path]:
    """Yield all files of gridcell, of whose parts some count: code, and the few data files.

    To find out which of them read data would take every process two seconds.
    """
    for folder, below, names in os.walk(Path(gridcell.__file__).parent):
        below[:] = [name for name in below if name not in ("__pycache__", "site")]
        yield from (Path(folder, name) for name in names)


def _files_of(task: Task) -> Iterator[tuple[Path, Path]]:
    """Yield the task's files that may count, each with the folder that its package lies in."""
    for package, root in roots_of(packages_of(task)).items():
        yield from ((path, root) for path in (root / package).rglob("*.py"))
    for plugin in plugins.loaded():
        folder = plugins.here(plugin.path).parent
        yield from ((path, folder) for path in folder.glob("*.py"))


def _remembered(path: Path) -> bytes:
    path = path.resolve()
    if path not in _texts:
        _texts[path] = path.read_bytes()
    return _texts[path]
