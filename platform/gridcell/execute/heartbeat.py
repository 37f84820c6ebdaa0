"""Heartbeats: what each living driver is running, for ``gridcell status`` and for what a dead one lost."""

import contextlib
import functools
import json
import logging
import os
import platform
import random
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from gridcell.cell import Cell
from gridcell.execute.outcome import FailureClass, Outcome
from gridcell.execute.schedule import Schedule
from gridcell.execute.settle import lost_seconds, lost_steps
from gridcell.execute.shared_time import Passes, SharedTime
from gridcell.grid import Grid
from gridcell.printable import printable
from gridcell.store import Loss, Store
from gridcell.store.filesystem import Folder, gone
from gridcell.store.names import is_name
from gridcell.store.notes import parse_notes
from gridcell.store.patience import written_if_possible

INTERVAL_S = 5.0
_LOG = logging.getLogger(__name__)
STALE_S = 20.0  # a driver not heard of for this long is gone
_FIELDS = {"host": str, "pid": int, "time": int | float, "running": dict}
_LAST_PID = 2**31 - 1  # that the system's calls take
_LARGEST = 1e15  # no time and no step is; within it, sums are finite


class Heartbeat:
    """A listener that writes the ids of the running cells every ``INTERVAL_S`` while the driver lives.

    As often it tells the schedule what other living drivers run, and warns of one that runs other code: of a
    cell that both want, the result of the first stays.

    Args:
        store: which the drivers share.
        task: name of the task whose cells this driver runs.
        code: module -> digest of the code of these cells.
    """

    def __init__(self, store: Store, task: str = "", code: Mapping[str, str] | None = None) -> None:
        self._store = store
        self._task, self._code = task, dict(code or {})  # module -> digest
        self._warned: set[tuple[str, int]] = set()
        self._name = f"drivers/{uuid.uuid4().hex[:12]}.json"
        self._running: dict[str, float] = {}  # id -> start of the attempt, seconds since 1970
        self._steps: dict[str, int] = {}  # id -> the last step that it reported
        self._paces: dict[
            str, tuple[float, ...]
        ] = {}  # id -> first step, seconds from the start; last, likewise
        self._places: dict[
            str, str
        ] = {}  # id -> host of the process that runs it, where it isn't the driver's
        self._passes = Passes()
        self._accompanied = False  # whether other drivers live
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")

    def begun(self, schedule: Schedule) -> None:
        """Account for what dead drivers were running, start beating, and keep out of living ones' way."""
        self._schedule = schedule
        written_if_possible(lambda: _bury_the_dead(self._store))
        written_if_possible(self._beat_once)  # before looking: of two that begin together both see the other
        written_if_possible(self._look_around)
        if self._accompanied:
            schedule.shuffle(random.Random())
        self._thread.start()

    def started(self, cell: Cell) -> None:
        """Add the cell."""
        self._running[cell.id] = time.time()

    def joined(self, cells: Sequence[Cell]) -> None:
        """Note that cells share their time."""
        self._passes.join(cell.id for cell in cells)

    def placed(self, cell: Cell, host: str) -> None:
        """Note on which host the cell runs."""
        self._places[cell.id] = host

    def reported(self, cell: Cell, step: int, metrics: Mapping[str, float]) -> None:
        """Note how far the cell is."""
        self._steps[cell.id] = step
        at = round(time.time() - self._running.get(cell.id, time.time()), 3)
        first = self._paces.get(cell.id, (step, at))[:2]
        self._paces[cell.id] = (*first, step, at)

    def finished(self, cell: Cell, outcome: Outcome, again: bool) -> None:
        """Remove the cell."""
        self._running.pop(cell.id, None)
        self._steps.pop(cell.id, None)
        self._places.pop(cell.id, None)
        self._paces.pop(cell.id, None)
        self._passes.end(cell.id, outcome.spent)

    def grown(self, grid: Grid) -> None:
        """Do nothing: what is added shows once it runs."""

    def ended(self, stopped: bool) -> None:
        """Stop, account for what an interruption lost, and remove the file."""
        self._stop.set()
        self._thread.join()
        if self._store.folder.is_gone:
            return
        written_if_possible(lambda: _count_as_lost(self._store, self._name, self._now()))

    def _beat(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            if self._store.folder.is_gone:
                self._schedule.stop(gone(self._store.uri))
                return
            written_if_possible(self._beat_once)
            written_if_possible(self._look_around)

    def _beat_once(self) -> None:
        self._store.folder.write(self._name, json.dumps(self._now()).encode())

    def _look_around(self) -> None:
        now = _modified(self._store.folder, self._name)  # just written, so this is now by the storage's clock
        others = [beat for name, beat in _beats(self._store.folder, now) if name != self._name]
        alive = [beat for beat in others if not _is_dead(beat)]
        self._accompanied = bool(alive)
        self._schedule.elsewhere = frozenset(cell_id for beat in alive for cell_id in beat["running"])
        for beat in alive:
            self._warn_of_other_code(beat)

    def _warn_of_other_code(self, beat: Mapping[str, Any]) -> None:
        driver = (beat["host"], beat["pid"])
        theirs = beat.get("code") if beat.get("task") == self._task else None
        if driver in self._warned or not isinstance(theirs, dict):
            return
        differ = sorted(
            name for name in theirs.keys() & self._code.keys() if theirs[name] != self._code[name]
        )
        if differ:
            self._warned.add(driver)
            _LOG.warning(
                "Another driver (process %s on %s) runs other code on this storage: %s. Of a cell that both "
                "want, the result of the first stays",
                beat["pid"],
                beat["host"],
                ", ".join(differ),
            )

    def _now(self) -> dict[str, Any]:
        where = {"host": platform.node(), "pid": os.getpid(), **_processes()}
        running: dict[str, Any] = {"running": self._running.copy(), "steps": self._steps.copy()}
        running |= {"places": self._places.copy(), "paces": self._paces.copy()}
        running["passes"] = [{"cells": one.open, "spent": round(one.spent, 3)} for one in self._passes]
        return {**where, "time": time.time(), **running, "task": self._task, "code": self._code}


@dataclass(frozen=True)
class RunningCell:
    """A cell that a living driver runs.

    Attributes:
        driver: ``host:pid``.
        host: of the process that runs it.
        seconds: for how long.
        pace: first step that it reported, seconds from its start until then; the last, likewise. None
            before any report.
        shared: the time of the pass in which it is done with others; None where it runs alone.
    """

    driver: str
    host: str
    seconds: float
    pace: tuple[float, float, float, float] | None = None
    shared: SharedTime | None = None

    @property
    def step(self) -> int | None:
        """The last step that it reported."""
        return int(self.pace[2]) if self.pace is not None else None


def running_cells(folder: Folder) -> dict[str, RunningCell]:
    """Return id -> where and since when, of the cells that living drivers are running."""
    now = _now_of(folder)
    found = {}
    for _, beat in _beats(folder, now):
        if _is_dead(beat):
            continue
        paces, places = _mapping(beat, "paces"), _mapping(beat, "places")
        passes = _passes(beat)
        until = beat["time"] + beat["age"]
        for cell_id, started in beat["running"].items():
            host, driver = printable(str(places.get(cell_id, beat["host"]))), f"{beat['host']}:{beat['pid']}"
            seconds = max(0.0, until - started)
            pace = _pace(paces.get(cell_id))
            found[cell_id] = RunningCell(driver, host, seconds, pace, passes.get(cell_id))
    return found


def _passes(beat: Mapping[str, Any]) -> dict[str, SharedTime]:
    """Return id of a cell -> the time of its pass; cells that run alone are left out."""
    told = beat.get("passes")
    found: dict[str, SharedTime] = {}
    for one in told if isinstance(told, list) else []:
        if not isinstance(one, dict):
            continue
        cells, spent = one.get("cells"), one.get("spent")
        if isinstance(cells, list) and _is_number(spent):
            there = tuple(each for each in cells if isinstance(each, str) and each in beat["running"])
            found |= dict.fromkeys(there, SharedTime(there, spent))
    return found


def _pace(told: object) -> tuple[float, float, float, float] | None:
    if not isinstance(told, list) or len(told) != 4 or not all(map(_is_number, told)):
        return None
    return told[0], told[1], told[2], told[3]


def _is_number(told: object) -> TypeGuard[int | float]:
    """Whether it is a number that can be reckoned with: JSON has longer ones than a float holds."""
    return isinstance(told, int | float) and not isinstance(told, bool) and -_LARGEST < told < _LARGEST


def _is_beat(note: Mapping[str, Any]) -> bool:
    """Whether what a driver must say makes sense: a process, its time, and since when cells run."""
    return (
        _is_number(note["time"])
        and _is_number(note["pid"])
        and 0 < note["pid"] <= _LAST_PID
        and all(map(is_name, note["running"]))  # they become names of files
        and all(map(_is_number, note["running"].values()))
    )


def _mapping(beat: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = beat.get(name)
    return value if isinstance(value, dict) else {}


def living_drivers(folder: Folder, *, but_own: bool = False) -> list[str]:
    """Return ``host:pid`` of the drivers that live; if ``but_own``, without those of this process.

    Example:
        >>> living_drivers(Folder.open("memory://nobody"))
        []
    """
    beats = [beat for _, beat in _beats(folder, _now_of(folder)) if not _is_dead(beat)]
    others = [beat for beat in beats if not (but_own and beat["pid"] == os.getpid() and _is_of_here(beat))]
    return sorted(f"{beat['host']}:{beat['pid']}" for beat in others)


def _beats(folder: Folder, now: float | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name -> beat of each driver, with its age in seconds by the storage's clock.

    Drivers' own clocks may be minutes apart. What a beat says of its driver's time is turned into the
    storage's, in which checkpoints have theirs.

    Args:
        folder: of the store.
        now: by the storage's clock; None where that isn't known, and this machine's has to do.
    """
    names = [f"drivers/{name}" for name in folder.names("drivers")]
    for name, beat in parse_notes(folder.read_many(names), _FIELDS, _is_beat).items():
        written = _modified(folder, name)
        if now is None or written is None:
            yield name, {**beat, "age": time.time() - beat["time"]}
            continue
        ahead = written - beat["time"]  # of the storage's clock before the driver's
        running = {cell_id: started + ahead for cell_id, started in beat["running"].items()}
        yield name, {**beat, "age": now - written, "time": written, "running": running}


def _modified(folder: Folder, name: str) -> float | None:
    try:
        return folder.modified(name)
    except FileNotFoundError:  # its driver has ended meanwhile
        return None


def _now_of(folder: Folder) -> float | None:
    """Return the time by the storage's clock; None where nothing can be written, and so nothing be told."""
    if not folder.names("drivers"):
        return None
    probe = f"probe-{uuid.uuid4().hex}"
    try:
        folder.write(probe, b"")
        return folder.modified(probe)
    except Exception:  # each filesystem has its own errors for what is read-only
        return None
    finally:
        with contextlib.suppress(Exception):
            folder.remove(probe)


@functools.cache
def _processes() -> dict[str, str | None]:
    """Return what tells from others the processes among which a number means this one; None where unknown.

    Containers may share the name of their host, and each numbers its processes by itself.
    """
    boot = namespace = None
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with contextlib.suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return {"boot": boot, "pid_namespace": namespace}


def _is_of_here(beat: Mapping[str, Any]) -> bool:
    here = {"host": platform.node(), **_processes()}
    return all(name in beat and beat[name] == value for name, value in here.items())


def _shows_its_process(beat: Mapping[str, Any]) -> bool:
    """Whether the number of a beat's process can be looked up here."""
    if sys.platform == "linux" and None in _processes().values():  # it may be a container
        return False
    return _is_of_here(beat)


def _is_dead(beat: Mapping[str, Any]) -> bool:
    if beat["age"] >= STALE_S:
        return True
    if not _shows_its_process(beat):
        return False
    try:
        os.kill(beat["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # there is such a process, another user's
        return False
    return False


def _bury_the_dead(store: Store) -> None:
    for name, beat in _beats(store.folder, _now_of(store.folder)):
        if _is_dead(beat):
            _count_as_lost(store, name, beat)


def _count_as_lost(store: Store, name: str, beat: Mapping[str, Any]) -> None:
    """Count what a driver was running at its last beat as lost, and remove the beat."""
    done = store.results.done_among(beat["running"]) if beat["running"] else set()
    passes = _passes(beat)
    for cell_id, started in beat["running"].items():
        if cell_id not in done:
            shared = passes.get(cell_id)
            spent = None if shared is None else shared.part(beat["time"] - started)
            seconds = lost_seconds(store, cell_id, started, beat["time"], spent)
            reported = _mapping(beat, "steps").get(cell_id)
            whole = _is_number(reported) and isinstance(reported, int)
            steps = lost_steps(store, cell_id, reported if whole else None)
            loss = Loss(cell_id, FailureClass.PREEMPTED.value, seconds, steps)
            store.losses.add(loss, attempt=name.removeprefix("drivers/").removesuffix(".json"))
    store.folder.remove(name)
