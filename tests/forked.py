"""The command in a process of its own, forked from one in which what is heavy is imported already.

A command that trains a network imports for ten seconds and trains for one. Here the imports are paid once a
test session. Each call has a fresh process all the same: no plug-in, module or setting of one is left for the
next. Ray is not among what is imported: it reads where it may listen when it is.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HEAVY = [
    "lightning.pytorch",
    "matplotlib.pyplot",
    "numpy",
    "pandas",
    "scipy.stats",
    "sklearn.metrics",
    "timm",
    "torch",
    "torchvision",
    "typer",
]
"""Packages of others alone: those of this project are imported by each command, as ever."""

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(HEAVY)


def gridcell(*words: object, where: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``gridcell WORDS`` in a folder; return its exit code and what it printed, as ``subprocess.run``.

    Nothing is written to MLflow, which would start a process of its own.
    """
    arguments = list(map(str, words))
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, "out"), Path(folder, "err")]
        command = _PROCESSES.Process(target=_command, args=(arguments, str(where), dict(os.environ), said))
        command.start()
        command.join()
        out, err = (path.read_text() for path in said)
        return subprocess.CompletedProcess(arguments, command.exitcode or 0, out, err)


def _command(
    arguments: Sequence[str], where: str, environment: Mapping[str, str], said: Sequence[Path]
) -> None:
    """Do what ``python -m gridcell ARGUMENTS`` does, in the process that was forked for it."""
    for stream, path in zip((1, 2), said, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.chdir(where)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, where)
    sys.argv = ["gridcell", *arguments]
    from gridcell.cli import main
    from gridcell.mlflow.mirror import Mirror

    Mirror._follow = lambda self: None  # type: ignore[method-assign]
    main()
