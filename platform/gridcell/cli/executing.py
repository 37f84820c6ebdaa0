"""What the commands that run cells share: where cells run, and how a run that is stopped ends."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from gridcell.cli.exit_codes import ExitCode
from gridcell.cli.interruption import leave
from gridcell.execute.options import RunOptions


class ExecutorName(StrEnum):
    """Where cells run."""

    RAY = "ray"
    INLINE = "inline"


Executor = Annotated[
    ExecutorName,
    typer.Option("--executor", help="ray: many cells at once; inline: one after another, for debugging."),
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="A", help="A running Ray cluster: auto, or its head's host:port."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print failures and the result, no progress.")]


def on_named_cluster(console: Console, options: RunOptions) -> RunOptions:
    """Return options with the cluster that ``RAY_ADDRESS`` names, where the user named none; and say so."""
    if options.executor != ExecutorName.RAY.value or options.address is not None:
        return options
    named = os.environ.get("RAY_ADDRESS", "").strip()  # as within a job that was begun by hand
    if not named or named == "local":
        return options
    if named.startswith(("http://", "https://")):  # where 'ray job' sends jobs to
        console.print(
            f"RAY_ADDRESS is a dashboard ({named}), for 'gridcell submit'; this run starts its own Ray.",
            soft_wrap=True,
        )
        return options
    console.print(f"On the Ray cluster that RAY_ADDRESS names: {named}", soft_wrap=True)
    return replace(options, address=named)


def say_start(console: Console, options: RunOptions) -> None:
    """Say that Ray starts, or is looked for: nothing else is heard of a run for half a minute."""
    if options.executor != ExecutorName.RAY.value:
        return
    if options.address is None:
        console.print("Starting Ray on this machine, and workers that import the task ...", soft_wrap=True)
    else:
        console.print(f"Connecting to the Ray cluster at {options.address} ...", soft_wrap=True)


def say_how_to_go_on(console: Console, why: str) -> None:
    """Say why a run ended before its end, and print the command that goes on."""
    console.print(f"\n{why} To go on, run again:", soft_wrap=True)
    console.print(f"  gridcell {shlex.join(sys.argv[1:])}", soft_wrap=True)
    # As 'gridcell submit' has it, whose own words are not known here.
    if re.search(r"--address[ =]auto\b", " ".join(sys.argv)):
        console.print("or, if this is a job, submit it again where it was submitted.", soft_wrap=True)


@contextmanager
def kept_when_stopped(console: Console, executor: ExecutorName, kept: Callable[[], str]) -> Iterator[None]:
    """Say what is kept, and the command that goes on, where Ctrl-C or SIGTERM ends what is within."""
    try:
        yield
    except KeyboardInterrupt:
        say_how_to_go_on(console, f"Stopped; {kept()}.")
        if executor is ExecutorName.RAY:
            leave(ExitCode.STOPPED)
        raise typer.Exit(ExitCode.STOPPED) from None
