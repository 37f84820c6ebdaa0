"""The window: results appear in MLflow while a grid runs.

The driver reads them from the store, and a process of its own writes them to MLflow, which takes seconds to
import and more than ten milliseconds a cell: the loop that hands out cells waits for none of it.
"""

import contextlib
import gc
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

from gridcell.cell import Cell
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid
from gridcell.mlflow.experiment import Experiment, one_line
from gridcell.store import Store
from gridcell.store.plans import grid_id
from gridcell.store.results import decode, encode

_CLOSING_S = 60.0  # the end of a run waits at most this long for what is still to be written
_HURRIED_S = 2.0  # and so long where it was stopped
_END = b"end\n"
_NICENESS = 5  # behind the driver, and before cells, which Ray runs at 15: else it would fall behind them


class Window:
    """A listener that mirrors results into MLflow.

    If MLflow fails, mirroring stops with ``problem`` set, and the run goes on: ``gridcell sync`` catches up.
    """

    def __init__(self, uri: str, task: str, suite: str, grid: Grid, store: Store) -> None:
        self._header = {"uri": uri, "task": task, "suite": suite, "grid": grid_id(grid), "cells": len(grid)}
        self._cells = list(grid.cells)
        self._store = store
        self._ids: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._mirror, daemon=True, name="mlflow-window")
        self._writer: subprocess.Popen[bytes] | None = None
        self.uri = uri
        self.problem: str | None = None

    def begun(self, schedule: Schedule) -> None:
        """Connect in the background and catch up with what the store already holds."""
        self._thread.start()

    def started(self, cell: Cell) -> None:
        """Nothing to show yet."""

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """Nothing to show yet: curves come with the result."""

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """Show the cell if it has a result."""
        if outcome.done:
            self._ids.put(cell.id)

    def ended(self, stopped: bool) -> None:
        """Wait for what is still to be written, within reason, which is less where the run was stopped."""
        patience_s = _HURRIED_S if stopped else _CLOSING_S
        self._ids.put(None)
        self._thread.join(patience_s)
        if self._thread.is_alive():
            self.problem = f"it took longer than {patience_s:g} s to catch up"
            if self._writer is not None:
                self._writer.kill()

    def _mirror(self) -> None:
        try:
            self._follow()
        except Exception as error:  # whatever is wrong with the window must not end the run
            self.problem = one_line(error)

    def _follow(self) -> None:
        """Start the writer, learn what MLflow shows already, and send each other result once it is there."""
        with tempfile.TemporaryFile() as errors, _start_writer(errors) as writer:
            self._writer = writer
            assert writer.stdin is not None
            assert writer.stdout is not None
            with contextlib.suppress(BrokenPipeError), writer.stdin:  # broken where it has ended
                _send(writer.stdin, json.dumps(self._header).encode() + b"\n")
                if shown := writer.stdout.readline():
                    self._send_results(writer.stdin, set(self._cells).difference(json.loads(shown)))
                    while (cell_id := self._ids.get()) is not None:
                        self._send_results(writer.stdin, [cell_id])
                    _send(writer.stdin, _END)
            if writer.wait() and self.problem is None:
                errors.seek(0)
                said = errors.read().decode(errors="replace").split("\n")
                ended = f"its writer ended with exit code {writer.returncode}"
                self.problem = next(filter(None, reversed(said)), ended)

    def _send_results(self, to: IO[bytes], ids: Iterable[str]) -> None:
        results, _ = self._store.results.read_many(ids)
        for cell_id, result in results.items():
            _send(to, cell_id.encode() + b" " + encode(result))


def _start_writer(errors: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "gridcell.mlflow.mirror"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        process_group=0,  # Ctrl-C is for the driver, which then lets this one finish
    )


def _send(to: IO[bytes], line: bytes) -> None:
    to.write(line)
    to.flush()


def write(lines: Iterator[bytes], tell: Callable[[str], Any]) -> None:
    """Write results to MLflow as they come.

    Args:
        lines: the arguments of ``Experiment`` as JSON; then, for each result, the cell's id, a space and the
            result as it is stored; then the word ``end``, which is missing where the driver is gone.
        tell: is told the ids of the cells that are shown already, as JSON.

    Raises:
        mlflow.exceptions.MlflowException: the server can't be reached or refuses.
    """
    experiment = Experiment(**json.loads(next(lines)))
    tell(json.dumps(sorted(experiment.shown)) + "\n")
    gc.freeze()  # what MLflow's import left is there to stay: else this process's end takes 0.8 s, not 0.04
    for line in lines:
        if line == _END:
            experiment.close("FINISHED")
            return
        name, _, stored = line.partition(b" ")
        cell_id = name.decode()
        if cell_id not in experiment.shown:  # what ended while this process connected comes twice
            experiment.show(decode(cell_id, stored))


def main() -> None:
    """Be the writer: read lines from the standard input; end with exit code 1 and why if MLflow fails."""
    os.nice(_NICENESS)

    def tell(line: str) -> None:
        print(line, end="", flush=True)  # noqa: T201
        sys.stdout = sys.stderr  # for what libraries print from now on

    try:
        write(iter(sys.stdin.buffer), tell)
    except Exception as error:
        sys.exit(one_line(error))


if __name__ == "__main__":
    main()
