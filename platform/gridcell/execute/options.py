"""How a grid is to be run, and what travels together while it runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from gridcell.cell import Cell
from gridcell.debugging import Debugging
from gridcell.errors import Mistakes, UserError, unknown
from gridcell.execute.listener import Listener
from gridcell.execute.schedule import Schedule
from gridcell.execute.source import Source
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.task import Task

Executor = Literal["ray", "inline"]

_LONGEST_S = 1e8  # three years: the system's clocks take no more than some centuries


@dataclass(frozen=True)
class RunOptions:
    """How a grid is to be run. None of this is part of a result.

    Attributes:
        executor: ``ray``, or ``inline`` for one cell after another in this process.
        address: of a running Ray cluster; without it one is started on this machine, reachable from it alone.
        num_cpus: cores of a Ray cluster started here; all that this process may use by default.
        max_concurrent: run at most so many cells at once.
        retry_diverged: run diverged cells again, which otherwise stay diverged.
        max_failures: hand out nothing more once so many cells have failed.
        stall_timeout_s: end a cell that reports nothing for so long, and try it again; None for never.
        report_every_s: a cell's progress reaches the driver at most so often; each report costs the driver
            some milliseconds.

        rerun: id -> stamp of the record of each stale result that is to be made again.
        origin: what the results' provenance says of the run: sources, command.
        debugging: how cells are cut short or watched.
        debugger: open Python's debugger where the first cell fails, and end the run there; inline alone.

    Raises:
        UserError: a limit lets nothing run, or the executor can't keep it.

    Example:
        >>> RunOptions(executor="inline", max_failures=3).max_failures
        3
    """

    executor: Executor = "ray"
    address: str | None = None
    num_cpus: int | None = None
    max_concurrent: int | None = None
    retry_diverged: bool = False
    max_failures: int | None = None
    stall_timeout_s: float | None = None
    report_every_s: float = 5.0
    rerun: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    debugging: Debugging = field(default_factory=Debugging)
    debugger: bool = False

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        with mistakes.noted():
            if self.executor not in get_args(Executor):
                raise unknown("executor", self.executor, get_args(Executor))
        with mistakes.noted():
            if self.address is not None and self.executor == "inline":
                raise UserError("--address needs --executor ray: inline, cells run in this process")
        with mistakes.noted():
            check_at_least_one("--max-concurrent", self.max_concurrent)
        with mistakes.noted():
            check_at_least_one("--max-failures", self.max_failures)
        with mistakes.noted():
            if self.stall_timeout_s is not None and self.executor == "inline":
                raise UserError(
                    "--stall-timeout needs --executor ray: inline, a cell can't be ended from outside"
                )
            check_seconds("--stall-timeout", self.stall_timeout_s)
        with mistakes.noted():
            if self.debugger and self.executor != "inline":
                raise UserError("--pdb needs --executor inline: only there a terminal reaches the cells")
        mistakes.tell()


@dataclass
class GridRun:
    """A run of a grid, as every executor is given it.

    Attributes:
        task: the plug-in whose cells these are.
        grid: the cells that are there when the run begins.
        schedule: order and retries, of cells that were added since, too.
        store: where results go; every node must reach it under the same URI.
        listener: is told what happens.
        options: how to run.
        source: where more cells come from; None where none come.
        locations: name -> path or URI of data on this machine, of what was added, too.
        rerun: id -> stamp of the stale record that is to be replaced, of what was added, too.
        check: makes sure that what is to be added can run here, or raises UserError.
        trouble: what the source or the check raised; the run then ends, and raises it.
    """

    task: Task
    grid: Grid
    schedule: Schedule
    store: Store
    listener: Listener
    options: RunOptions = field(default_factory=RunOptions)
    source: Source | None = None
    locations: dict[str, str] = field(init=False)
    rerun: dict[str, str] = field(init=False)
    check: Callable[[Sequence[Cell]], None] = field(init=False)
    trouble: list[Exception] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.locations = dict(self.grid.locations)
        self.rerun = dict(self.options.rerun)
        self.check = lambda cells: None


def check_at_least_one(option: str, value: int | None) -> None:
    """Make sure that a limit, where it is given, lets anything run.

    Raises:
        UserError: it doesn't.
    """
    if value is not None and value < 1:
        raise UserError(f"{option} must be at least 1, not {value}")


def check_seconds(option: str, value: float | None) -> None:
    """Make sure that a time limit, where it is given, is one that can be waited for.

    Raises:
        UserError: it isn't.
    """
    if value is not None and not 0 < value <= _LONGEST_S:
        raise UserError(f"{option} must be above 0 and at most {_LONGEST_S:g} seconds, not {value:g}")
