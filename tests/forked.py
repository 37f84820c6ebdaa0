"""The command in a process of its own, forked from one in which what is heavy is imported already.

A command that trains a network imports for ten seconds and trains for one. Here the imports are paid once a
test session. Each call has a fresh process all the same: no plug-in, module or setting of one is left for the
next. Ray is not among what is imported: it reads where it may listen when it is.
"""

import atexit
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

HEAVY = (
    "lightning.pytorch",
    "matplotlib.pyplot",
    "pandas",
    "scipy.stats",
    "sklearn.metrics",
    "timm",
    "torch",
    "torchvision",
)
"""Packages of others alone: those of this project are imported by each command, as ever."""


def gridcell(*words: object, where: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``gridcell WORDS`` in a folder; return its exit code and what it printed, as ``subprocess.run``.

    Nothing is written to MLflow, which would start a process of its own.
    """
    arguments = list(map(str, words))
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, "out"), Path(folder, "err")]
        asked = [arguments, str(where), dict(os.environ), list(map(str, said))]
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = (path.read_text() for path in said)
        return subprocess.CompletedProcess(arguments, code, out, err)


@cache
def _server() -> "subprocess.Popen[str]":
    """Start the process that forks; it ends with this one."""
    pipe = subprocess.PIPE
    server = subprocess.Popen([sys.executable, "-m", "forked"], stdin=pipe, stdout=pipe, text=True)
    atexit.register(server.communicate)  # closes its input
    return server


def _serve() -> None:
    """Fork a process for each line of the input; print its exit code once it has ended."""
    for name in HEAVY:
        import_module(name)
    gc.freeze()  # else a collection in a fork copies all that was imported
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _command(*json.loads(line))
            return
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _command(arguments: Sequence[str], where: str, environment: dict[str, str], said: Sequence[str]) -> None:
    """Do what ``python -m gridcell ARGUMENTS`` does, in the process that was forked for it."""
    for stream, path in enumerate([os.devnull, *said]):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)
    os.chdir(where)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, where)
    sys.argv = ["gridcell", *arguments]
    from gridcell.cli import main
    from gridcell.mlflow.mirror import Mirror

    Mirror._follow = lambda self: None  # type: ignore[method-assign]
    main()


if __name__ == "__main__":
    _serve()
