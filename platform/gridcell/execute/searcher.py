"""The searcher that feeds Tune from the schedule. Importing this file imports Ray."""

import contextlib
import json
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from gridcell.cell import Cell, Resources
from gridcell.execute.cluster import Room
from gridcell.execute.ending import Ending, tell_late
from gridcell.execute.in_flight import InFlight
from gridcell.execute.last_words import Process, ask_node, living_nodes, take_last_words
from gridcell.execute.listener import HearsPlaces, tell_joined
from gridcell.execute.nodes import IN_A_ROW, Nodes
from gridcell.execute.options import GridRun
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.settle import settle
from gridcell.execute.shared_time import SharedTime
from gridcell.execute.trial import BEGUN, CELL, OUTCOME, PROCESS, PROGRESS
from gridcell.notice import NOTICE
from gridcell.store.patience import written_if_possible

_LOG = logging.getLogger(__name__)


@dataclass
class _Trial:
    """Cells that were handed out together, mostly one.

    Attributes:
        cells: id -> cell, of those that have not ended.
        resources: what they ask for.
        count: how many there were.
        started: when a worker began, by the monotonic clock.
        process: in which it began.
        steps: id -> the last step that a cell is known to have reported.
        shared: the time of its pass.
        blamed: whether its node has been told of a failure that its cells share.
        came_late: whether its worker began after all others were told to end, which counts as not begun.
    """

    cells: dict[str, Cell]
    resources: Resources
    count: int
    started: float | None = None
    process: Process | None = None
    steps: dict[str, int] = field(default_factory=dict)
    blamed: bool = False
    came_late: bool = False

    def __post_init__(self) -> None:
        self.first = next(iter(self.cells.values()))  # whose last words the process leaves
        self.shared = SharedTime(tuple(self.cells))

    def about(self, result: Mapping[str, Any]) -> Cell:
        """Return the cell that a result is about."""
        return self.cells[result[CELL]] if self.count > 1 else self.first

    def lost(self, cell: Cell, failure: Failure) -> Outcome:
        """Return how a cell ended, with its process or its node."""
        elapsed = time.monotonic() - self.started if self.started is not None else 0.0
        seconds, step, several = self.shared.part(elapsed), self.steps.get(cell.id), self.count > 1
        return Outcome(cell.id, seconds, failure=failure, step=step, shared=several, elapsed=elapsed)


class CellSearcher(Searcher):
    """Hands out a cell as a trial once its needs are committed, and settles it when the trial ends.

    Args:
        run: whose schedule hands out the cells.
        max_concurrent: hand out at most so many cells at once.
        ask_beyond: hand out more cells than there is room for, so that a cluster that can grow does: its
            autoscaler sees only cells that wait. It is one more at first, because no more should wait in a
            cluster that can't grow. It is twice as many each time that the cluster has grown, and many where
            the cluster has nothing that could run anything else. Cells that wait end with the driver, also
            with one that is killed; a request by Ray's ``request_resources`` would outlive it and keep
            machines.
        processors: of the cluster's hosts together: at most so many workers start at once.
    """

    PATIENCE_S = 60.0  # with the start of a worker; what waits longer waits for room, and is not overtaken
    ASK_AT_MOST = 32  # cells that wait for machines at once

    def __init__(
        self,
        run: GridRun,
        *,
        max_concurrent: float,
        ask_beyond: bool,
        processors: float,
    ) -> None:
        super().__init__()
        self._room = Room(processors)
        self._ask_beyond = ask_beyond
        self._run = run
        self._max_concurrent = max_concurrent
        self._trials: dict[str, _Trial] = {}
        self._in_flight = InFlight()
        self._free: Counter[Resources] = Counter()  # workers whose cell has ended, by what it asked for
        self._nodes = Nodes()
        self._ending = Ending(run.schedule)
        self._telling, self._all_told = threading.Lock(), False  # workers, that the run is to end
        self._name = uuid.uuid4().hex[:8]  # of this run, for the names of its attempts

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a ready cell's trial, None while there is none, FINISHED once there will be none."""
        if NOTICE.given:  # a thread beside this one stops the schedule, a moment later
            self._run.schedule.stop("asked to end")
        if self._run.schedule.exhausted:
            return Searcher.FINISHED
        full = len(self._trials) >= self._max_concurrent
        cell = None if full else self._run.schedule.take(self._is_its_turn, self._has_no_machine)
        if cell is None:
            self._free.clear()  # Tune ends workers that nothing is handed to, or gives them to what waits
            return None
        avoid = self._nodes.to_avoid(cell, living_nodes()) if self._nodes.any_failed else ()
        starts_worker = bool(avoid) or not self._free[cell.resources]
        if not starts_worker:
            self._free[cell.resources] -= 1
        beside = self._in_flight.counts + Counter([cell.resources])
        others_free = self._room.more_of(cell.resources, beside)
        cells = [cell, *self._run.schedule.take_with(cell, others_free)]
        self._trials[trial_id] = _Trial({each.id: each for each in cells}, cell.resources, len(cells))
        self._in_flight.add(trial_id, cell.resources, time.monotonic(), starts_worker=starts_worker)
        return {
            "cells": [self._told(each) for each in cells],
            "cpus": cell.resources.cpus,
            "gpus": cell.resources.gpus,
            "workers": cell.resources.workers,
            "attempt": self._attempt(trial_id),
            **_said({"more": _more(cell.resources), "avoid": avoid}),
        }

    def _told(self, cell: Cell) -> dict[str, Any]:
        """Return what a worker is told of a cell."""
        rare = {
            "added": self._added(cell),
            "replaces": self._run.rerun.get(cell.id),
            "oom_halvings": self._run.schedule.oom_halvings(cell.id),
        }
        return {"cell": cell.id, **_said(rare)}

    def _added(self, cell: Cell) -> str:
        """Return, as JSON, what workers weren't told when the run began: a cell that was added, and data."""
        if cell.id in self._run.grid.cells:
            return ""
        return json.dumps({"record": cell.to_record(), "locations": self._run.locations})

    def _attempt(self, trial_id: str) -> str:
        return f"{self._name}-{trial_id}"

    def _is_its_turn(self, cell: Cell) -> bool:
        """Whether to hand out a ready cell now: if a worker is free for it, or there is room to start one.

        A worker that becomes free goes to the cell that is handed out next. It could go to one that waits
        while a worker is started for it, but Tune would then end the one that is started, and of cells
        shorter than a start hardly any would ever run at once. For cells that wait for want of room, though,
        the next ones make way.
        """
        there = self._in_flight
        lacking = {asked for asked in there.counts if not self._room.holds([asked])}
        # What no machine holds yet keeps nothing from those that are there.
        beside = there.beside(lacking)
        if self._has_no_machine(cell):
            return self._ask_beyond and len(there) - beside.total() < self.ASK_AT_MOST
        since = there.waits_since(lacking)
        if since is not None and time.monotonic() - since > self.PATIENCE_S:
            return False
        if self._room.holds(beside + Counter([cell.resources])):
            free = bool(self._free[cell.resources])
            return free or self._room.starts_one_beside(there.starting(lacking))
        return self._is_to_wait(lacking)

    def _has_no_machine(self, cell: Cell) -> bool:
        """Whether no machine is there that could run a cell, however long it waits for others to end."""
        return not self._room.holds([cell.resources])

    def _is_to_wait(self, lacking: Set[Resources]) -> bool:
        """Whether to let a cell wait for a machine, once all that there is room for has started."""
        if not self._ask_beyond:
            return False
        waiting = self._in_flight.waiting(lacking)
        begun = self._in_flight.beside(lacking) - waiting
        if any(self._room.holds(begun + Counter([asked])) for asked in waiting):
            return False
        most = min(1 << self._room.growths, self.ASK_AT_MOST)
        return self._room.holds(self._in_flight.without_last(most - 1, lacking))

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Note that a worker has begun the cell, or pass on what the cell reports."""
        trial = self._trials.get(trial_id)
        if trial is None:
            return
        if trial.came_late:
            return
        if BEGUN in result:  # which may be long after it was handed out
            process = Process(**json.loads(result[PROCESS])) if PROCESS in result else None
            with self._telling:
                trial.came_late = self._all_told
                if not trial.came_late:
                    trial.started, trial.process = time.monotonic(), process
            if trial.came_late:
                if process is not None:
                    tell_late(process)
                return
            self._in_flight.began(trial_id)
            tell_joined(self._run.listener, list(trial.cells.values()))
            for cell in trial.cells.values():
                self._run.listener.started(cell)
                if trial.process is not None and isinstance(self._run.listener, HearsPlaces):
                    self._run.listener.placed(cell, trial.process.host)
        elif PROGRESS in result:
            step, metrics = json.loads(result[PROGRESS])
            cell = trial.about(result)
            trial.steps[cell.id] = step
            self._run.listener.reported(cell, step, metrics)
        elif OUTCOME in result and not result.get("done"):  # the last one's comes when the trial is complete
            self._take_outcome(trial, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Settle what has not ended; a trial without its last outcome lost its process or its node."""
        trial = self._trials.pop(trial_id)
        self._in_flight.ended(trial_id)
        if NOTICE.given and trial.started is None:
            self._give_back(trial)
        elif result is not None and OUTCOME in result and result.get("done", True):
            self._free[trial.resources] += 1
            self._take_outcome(trial, result)
        else:
            self._settle_lost(trial, self._why_lost(trial.first, self._attempt(trial_id), trial.process))
        self._ending.left(trial_id)

    def _give_back(self, trial: _Trial) -> None:
        """Let what had not begun when the run was asked to end wait again."""
        for cell in trial.cells.values():
            self._run.schedule.give_back(cell.id)

    def _take_outcome(self, trial: _Trial, result: Mapping[str, Any]) -> None:
        cell = trial.about(result)
        del trial.cells[cell.id]
        outcome = _outcome(cell, json.loads(result[OUTCOME]))
        trial.shared = trial.shared.without(cell.id, outcome.spent)
        self._settle(trial, cell, outcome)

    def _settle_lost(self, trial: _Trial, failure: Failure) -> None:
        """Settle the cells of a trial that ended without them."""
        for cell in list(trial.cells.values()):
            self._settle(trial, cell, trial.lost(cell, failure))

    def _settle(self, trial: _Trial, cell: Cell, outcome: Outcome) -> None:
        told = outcome.shared and trial.blamed  # a pass that ends is one failure on its node, not one a cell
        if trial.process is not None and cell.resources.workers == 1 and not told:
            self._note(trial.process.node, outcome)
        trial.blamed |= outcome.shared
        settle(cell, outcome, self._run)

    def end_soon(self) -> None:
        """Tell the workers that the run is to end; called from a thread beside Tune's."""
        with self._telling:  # who begins before this is told and waited for, who begins after it came late
            self._all_told = True
            trials = self._trials.copy()
            known = {name: each.process for name, each in trials.items() if each.process is not None}
        self._ending.tell(known)

    def _note(self, node: str, outcome: Outcome) -> None:
        before = set(self._nodes.bad)
        self._nodes.note(node, outcome)
        for bad in self._nodes.bad - before:
            _LOG.warning("%d different cells failed one after another on node %s", IN_A_ROW, bad)
            if why := self._nodes.hopeless(living_nodes()):
                self._run.schedule.stop(why)

    def all_lost(self, why: str, killed: str = "") -> None:
        """Settle the cells that were handed out, for Tune has given up.

        Args:
            why: it did.
            killed: text that names the processes that Ray ended for want of memory, by Ray's ids.
        """
        for trial in list(self._trials.values()):
            process = trial.process
            was_killed = process is not None and process.worker and process.worker in killed
            found = FailureClass.OUT_OF_MEMORY if was_killed else FailureClass.PREEMPTED
            for cell in trial.cells.values():
                settle(cell, trial.lost(cell, Failure(found, why)), self._run)

    def _why_lost(self, cell: Cell, attempt: str, process: Process | None) -> Failure:
        with contextlib.suppress(OSError):  # then its storage says no more than that it is lost
            if said := take_last_words(cell, self._run.store, attempt):
                return said
        if process is None:  # it never began
            return Failure(FailureClass.PREEMPTED, "its worker process or node went away")
        failure = ask_node(process)
        if failure.traceback:  # a native crash's last words
            written_if_possible(lambda: self._run.store.logs.add(cell.id, failure.traceback))
        return failure

    def __getstate__(self) -> dict[str, Any]:
        """Be nothing in Tune's snapshots: they are never restored, for the store is the state."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the store is the state."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing: the store is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the store is the state."""


class NoPreference(FIFOScheduler):
    """Leaves it to the searcher who is next, where Tune's own looks through all trials there ever were.

    What it would find is the trial that waits longest, for which a worker is being started; see ``suggest``.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return none: Tune then starts what it was handed last, and what waits where nothing else does."""
        return None


def _said(rare: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what there is nothing to say of: Tune keeps the configuration of every trial, twice."""
    return {name: value for name, value in rare.items() if value}


def _more(resources: Resources) -> str:
    """Return, as JSON, what few cells ask for; empty where this one asks for none of it."""
    more = {name: getattr(resources, name) for name in ("memory_gb", "gpu_type", "custom", "labels")}
    return json.dumps(_said(more)) if any(more.values()) else ""


def _outcome(cell: Cell, ended: Mapping[str, Any]) -> Outcome:
    failure = Failure.from_record(ended["failure"]) if ended["failure"] is not None else None
    seconds, metrics, step = ended["seconds"], ended["metrics"], ended["step"]
    shared, elapsed = ended.get("shared", False), ended.get("elapsed")
    return Outcome(cell.id, seconds, metrics, failure, step, shared, elapsed)
