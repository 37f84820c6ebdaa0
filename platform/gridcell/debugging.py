"""How a run is watched or cut short to find mistakes. None of it is part of a cell's id or of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from gridcell.errors import Mistakes, UserError, unknown

Profile = Literal["", "python", "torch"]

PROFILE_FOLDER = "profile"
"""Artifacts below this name are no part of what a cell answered."""

_PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "csv": ()}


@dataclass(frozen=True)
class Debugging:
    """How cells are run to look at them.

    Attributes:
        fast: one batch and one epoch of each fit, one batch of each evaluation: results that are no results.
        loggers: Lightning loggers of fits: ``tensorboard``, ``wandb`` (offline), ``csv``, or
            ``module:function`` of your own, called with (folder, title of the cell).
        log_folder: where they write, a folder for each cell.
        profile: ``python`` samples what Python runs and draws a flame graph; ``torch`` counts operators and
            writes a trace; both as artifacts of the cell, below ``profile/``.

    Raises:
        UserError: a logger's name is unknown, or its package is not installed.
    """

    fast: bool = False
    loggers: tuple[str, ...] = ()
    log_folder: str = ""
    profile: Profile = ""

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        for name in self.loggers:
            with mistakes.noted():
                _check_logger(name)
        mistakes.tell()


@dataclass(frozen=True)
class Running:
    """The cell that this thread runs, for code that is told nothing of cells."""

    cell_id: str = ""
    title: str = ""
    debugging: Debugging = field(default_factory=Debugging)


_RUNNING: ContextVar[Running] = ContextVar("gridcell_running", default=Running())  # noqa: B039 - frozen


def running() -> Running:
    """Return what is known of the cell that this thread runs."""
    return _RUNNING.get()


@contextmanager
def debugged(cell_id: str, title: str, debugging: Debugging) -> Iterator[None]:
    """Say to all that runs in the block, in this thread, which cell it is for."""
    token = _RUNNING.set(Running(cell_id, title, debugging))
    try:
        yield
    finally:
        _RUNNING.reset(token)


def open_debugger(error: BaseException) -> None:
    """Print an error, and open Python's debugger in the frame that raised it."""
    import pdb
    import traceback

    traceback.print_exception(error)
    pdb.post_mortem(error.__traceback__)


def lightning_loggers(now: Running) -> list[Any]:
    """Make the Lightning loggers that a run asks for; none by default.

    Args:
        now: the cell that runs.
    """
    if not now.debugging.loggers:
        return []
    from lightning.pytorch import loggers as known

    folder = Path(now.debugging.log_folder) / now.cell_id
    made: list[Any] = []
    for name in now.debugging.loggers:
        if name == "tensorboard":
            made.append(known.TensorBoardLogger(str(folder), name="tensorboard", version=""))
        elif name == "csv":
            made.append(known.CSVLogger(str(folder), name="csv", version=""))
        elif name == "wandb":
            folder.mkdir(parents=True, exist_ok=True)
            made.append(
                known.WandbLogger(name=now.title, save_dir=str(folder), offline=True, project="gridcell")
            )
        else:
            made.append(_own(name)(folder, now.title))
    return made


def end_loggers(loggers: Sequence[Any]) -> None:
    """End what loggers write to, where it can be ended, so that the next fit of this process begins its own.

    W&B otherwise goes on with the process's open run: cells that one process trains would share it.
    """
    for logger in loggers:
        finish = getattr(getattr(logger, "experiment", None), "finish", None)
        if callable(finish):
            finish()


def _check_logger(name: str) -> None:
    if ":" in name:
        _own(name)
        return
    if name not in _PACKAGES:
        raise unknown("logger", name, [*_PACKAGES, "module:function"])
    packages = _PACKAGES[name]
    if packages and not any(find_spec(package) for package in packages):
        raise UserError(
            f"The logger '{name}' needs a package that is not installed: pip install {packages[0]}"
        )


def _own(name: str) -> Any:
    """Import a logger of the user's own.

    Raises:
        UserError: it can't be imported.
    """
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"The logger '{name}' can't be imported: {error}") from error
