"""The mirror: cells appear in MLflow while a grid runs, with their curves, and stay as they ended.

The driver reads results from the store. A process of its own writes them to MLflow, which takes
seconds to import and more than ten milliseconds a cell: the loop that hands out cells waits for none of it.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from gridcell.cell import Cell
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid
from gridcell.mlflow.address import one_line
from gridcell.mlflow.names import Labels, labels_of, tags_of_states
from gridcell.mlflow.writer import END, write
from gridcell.store import Store
from gridcell.store.plans import grid_id
from gridcell.store.results import encode
from gridcell.thinned import Thinned

__all__ = ["Mirror", "write"]

LIVE_S = 5.0
"""Running cells are shown, and their curves go on, so often; a shorter cell appears once it is done."""

_STARTING_S = 180.0  # a short run waits at most this long for MLflow to start, on a busy machine
_CLOSING_S = 60.0  # the end of a run waits at most this long for what is still to be written
_HURRIED_S = 2.0  # and so long where it was stopped
_MOST_POINTS = 200  # of one cell between two writings; of more, evenly spaced ones and the last


_Points = Thinned[tuple[int, int, dict[str, float]]]  # milliseconds since 1970, step, metrics


def _new_points() -> _Points:
    return Thinned(_MOST_POINTS)


@dataclass
class _Running:
    """A running cell, and what it reported since MLflow was last told."""

    cell: Cell
    started: int
    points: _Points = field(default_factory=_new_points)
    shown: bool = False


class Mirror:
    """A listener that mirrors a grid into MLflow.

    If MLflow fails, mirroring stops with ``problem`` set, and the run goes on: ``gridcell sync`` catches up.

    Attributes:
        uri: MLflow's address.
        problem: why MLflow is behind; None where it isn't.
        notes: sentences on names that were changed and cells that MLflow refused.
    """

    def __init__(
        self,
        uri: str,
        task: str,
        suite: str,
        grid: Grid,
        store: Store,
        *,
        tags: Labels | None = None,
        awaits_report: bool = False,
        parent: str = "",
    ) -> None:
        """Prepare; nothing is written before the run begins.

        Args:
            uri: MLflow's address.
            task: name of the task.
            suite: name of the suite.
            grid: what is run.
            store: where its results are.
            tags: of the grid's run in MLflow, such as its selection and the command.
            parent: name of the run that all cells are shown below; by default the grid's id. Several grids
                of one search share it.
            awaits_report: whether ``close`` will be called after the run, with its report.
        """
        self._header = {
            "uri": uri,
            "task": task,
            "suite": suite,
            "grid": parent or grid_id(grid),
            "cells": len(grid),
            "ids": list(grid.cells),
            "labels": labels_of(grid),
            "tags": dict(tags or {}),
        }
        self._grid = grid
        self._ids = tuple(grid.cells)
        self._store = store
        self._awaits_report = awaits_report
        self._events: queue.SimpleQueue[bytes | str | None] = (
            queue.SimpleQueue()
        )  # line, or id of a done cell
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._mirror, daemon=True, name="mlflow-mirror")
        self._writer: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the mirror
        self._connected = threading.Event()  # MLflow has started, or will not
        self._schedule: Schedule | None = None
        self._stopped = False
        self.uri = uri
        self.problem: str | None = None
        self.notes: list[str] = []

    def begun(self, schedule: Schedule) -> None:
        """Connect in the background and catch up with what the store already holds."""
        self._schedule = schedule
        self._thread.start()

    def started(self, cell: Cell) -> None:
        """Show the cell as running, if it still is when MLflow is told next."""
        with self._lock:
            self._running[cell.id] = _Running(cell, _now())

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """Add to the cell's curves when MLflow is told next."""
        if not metrics:  # the cell lives, no more
            return
        with self._lock:
            running = self._running.get(cell.id)
            if running is not None:
                running.points.add((_now(), step, {name: float(one) for name, one in metrics.items()}))

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """Show the cell's result, or why it has none."""
        with self._lock:
            self._running.pop(cell.id, None)
        failure = outcome.failure
        if failure is None:
            self._events.put(cell.id)
            return
        record = {"failure_class": failure.failure_class.value, "message": failure.message}
        self._events.put(_event("failed", [cell.to_record(), record, not again]))

    def grown(self, grid: Grid) -> None:
        """Show the cells of another grid with its labels, too, below this grid's run."""
        cells = {**self._grid.cells, **grid.cells}
        targets, skipped = self._grid.targets + grid.targets, self._grid.skipped + grid.skipped
        self._grid = replace(self._grid, cells=cells, targets=targets, skipped=skipped)
        self._events.put(_event("grown", labels_of(grid)))
        for cell_id in grid.cells.keys() & self._store.results.done_among(grid.cells):
            self._events.put(cell_id)

    def ended(self, stopped: bool) -> None:
        """Wait for what is still to be written, within reason, which is less where the run was stopped."""
        patience_s = _HURRIED_S if stopped else _CLOSING_S
        self._stopped = stopped
        self._events.put(None)
        if not stopped:
            self._connected.wait(_STARTING_S)
        self._thread.join(patience_s)
        if self._thread.is_alive():
            self.problem = f"it took longer than {patience_s:g} s to catch up"
            if self._writer is not None:
                self._writer.kill()

    def close(self, report: Path | None = None) -> None:
        """Add the report's files and numbers to the grid's run, where ``awaits_report`` was set."""
        if self._writer is None or self._writer.returncode is not None or self.problem is not None:
            return
        try:
            if report is not None:
                self._send(_event("report", str(report)))
            self._end_writer(_CLOSING_S)
        except Exception as error:  # whatever is wrong with the mirror must not end the run
            self.problem = one_line(error)

    def _mirror(self) -> None:
        try:
            self._follow()
        except Exception as error:  # whatever is wrong with the mirror must not end the run
            self.problem = one_line(error)
        finally:
            self._connected.set()

    def _follow(self) -> None:
        """Start the writer, learn what MLflow shows already, and send each other result once it is there."""
        self._writer = _start_writer(self._errors)
        try:
            self._send(json.dumps(self._header).encode() + b"\n")
            shown = self._read()
            self._connected.set()
            if shown:
                # Not what was added meanwhile: its labels come first.
                self._send_results(set(self._ids).difference(json.loads(shown)))
                self._send_events()
                self._send(_event("end", self._summary()))
                if self._awaits_report and not self._stopped and self._read():
                    return
        except BrokenPipeError:  # it has ended
            pass
        self._end_writer()

    def _send_events(self) -> None:
        """Send what happens until the run ends, and now and then how the running cells do."""
        due = time.monotonic() + LIVE_S
        while True:
            try:
                event = self._events.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                self._send_live()
                due = time.monotonic() + LIVE_S
                continue
            if event is None:
                return
            if isinstance(event, bytes):
                self._send(event)
            else:
                self._send_results([event])
            if time.monotonic() >= due:  # where one cell ends after the other the queue is never empty
                self._send_live()
                due = time.monotonic() + LIVE_S

    def _send_live(self) -> None:
        news = []
        with self._lock:
            for running in self._running.values():
                if running.points.kept or not running.shown:
                    news.append([running.cell.to_record(), running.started, running.points.kept])
                    running.points, running.shown = _new_points(), True
        if news:
            self._send(_event("running", news))

    def _summary(self) -> dict[str, Any]:
        """Return how the run ended: MLflow's status, and tags with the number of cells in each state."""
        schedule = self._schedule
        assert schedule is not None
        done = len(self._store.results.done_among(self._grid.cells) & self._grid.cells.keys())
        failed = schedule.failed.keys() - schedule.diverged
        blocked = schedule.blocked - schedule.diverged
        without = {"failed": failed, "diverged": schedule.diverged, "blocked": blocked}
        tags = tags_of_states(self._grid, done, without)
        tags["gridcell.cells"] = str(len(self._grid))
        tags["gridcell.stopped"] = schedule.stopped or "no"
        status = "KILLED" if self._stopped else "FAILED" if failed or schedule.stopped else "FINISHED"
        return {"status": status, "tags": tags}

    def _send_results(self, ids: Iterable[str]) -> None:
        results, _ = self._store.results.read_many(ids)
        for cell_id, result in results.items():
            self._send(cell_id.encode() + b" " + encode(result))

    def _send(self, line: bytes) -> None:
        assert self._writer is not None
        assert self._writer.stdin is not None
        self._writer.stdin.write(line)
        self._writer.stdin.flush()

    def _read(self) -> bytes:
        assert self._writer is not None
        assert self._writer.stdout is not None
        return self._writer.stdout.readline()

    def _end_writer(self, patience_s: float | None = None) -> None:
        """Let the writer end, and learn what it has to say.

        Raises:
            subprocess.TimeoutExpired: it takes longer than ``patience_s``.
        """
        assert self._writer is not None
        with contextlib.suppress(BrokenPipeError):
            said, _ = self._writer.communicate(END, patience_s)
            self.notes = [json.loads(line) for line in said.splitlines() if line.startswith(b'"')]
        if self._writer.wait() and self.problem is None:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").split("\n")
            ended = f"its writer ended with exit code {self._writer.returncode}"
            self.problem = next(filter(None, reversed(lines)), ended)


def _start_writer(errors: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "gridcell.mlflow.writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        process_group=0,  # Ctrl-C is for the driver, which then lets this one finish
    )


def _event(name: str, value: Any) -> bytes:
    return json.dumps({name: value}).encode() + b"\n"


def _now() -> int:
    return int(time.time() * 1000)
