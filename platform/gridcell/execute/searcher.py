"""The searcher that feeds Tune from the schedule. Importing this file imports Ray."""

import contextlib
import json
import logging
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from gridcell.cell import Cell, Resources
from gridcell.execute.cluster import Room
from gridcell.execute.ending import Ending
from gridcell.execute.last_words import Process, ask_node, living_nodes, take_last_words
from gridcell.execute.nodes import IN_A_ROW, Nodes
from gridcell.execute.options import GridRun
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.settle import settle
from gridcell.execute.trial import BEGUN, OUTCOME, PROCESS, PROGRESS
from gridcell.store.patience import written_if_possible

_LOG = logging.getLogger(__name__)


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
        self._cells: dict[str, Cell] = {}
        self._handed_out: dict[str, float] = {}  # when, by the monotonic clock
        self._started: dict[str, float] = {}
        self._free: Counter[Resources] = Counter()  # workers whose cell has ended, by what it asked for
        self._starting: set[str] = set()  # trials that were handed out when no worker was free for them
        self._nodes = Nodes()
        self._ending = Ending(run.schedule)
        self._processes: dict[str, Process] = {}  # in which a trial's cell began
        self._name = uuid.uuid4().hex[:8]  # of this run, for the names of its attempts
        self._steps: dict[str, int] = {}  # the last that a running cell is known to have reported

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a ready cell's trial, None while there is none, FINISHED once there will be none."""
        if self._run.schedule.exhausted:
            return Searcher.FINISHED
        full = len(self._cells) >= self._max_concurrent
        cell = None if full else self._run.schedule.take(self._is_its_turn, self._has_no_machine)
        if cell is None:
            self._free.clear()  # Tune ends workers that nothing is handed to, or gives them to what waits
            return None
        avoid = self._nodes.to_avoid(cell, living_nodes()) if self._nodes.any_failed else ()
        if self._free[cell.resources] and not avoid:
            self._free[cell.resources] -= 1
        else:
            self._starting.add(trial_id)
        self._cells[trial_id] = cell
        self._handed_out[trial_id] = time.monotonic()
        return {
            "cell": cell.id,
            "cpus": cell.resources.cpus,
            "gpus": cell.resources.gpus,
            "workers": cell.resources.workers,
            "oom_halvings": self._run.schedule.oom_halvings(cell.id),
            "attempt": self._attempt(trial_id),
            "avoid": avoid,
        }

    def _attempt(self, trial_id: str) -> str:
        return f"{self._name}-{trial_id}"

    def _is_its_turn(self, cell: Cell) -> bool:
        """Whether to hand out a ready cell now: if a worker is free for it, or there is room to start one.

        A worker that becomes free goes to the cell that is handed out next. It could go to one that waits
        while a worker is started for it, but Tune would then end the one that is started, and of cells
        shorter than a start hardly any would ever run at once. For cells that wait for want of room, though,
        the next ones make way.
        """
        kinds = {each.resources for each in self._cells.values()}
        lacking = {resources for resources in kinds if not self._room.holds([resources])}
        # What no machine holds yet keeps nothing from those that are there.
        beside = {name: each for name, each in self._cells.items() if each.resources not in lacking}
        if self._has_no_machine(cell):
            return self._ask_beyond and len(self._cells) - len(beside) < self.ASK_AT_MOST
        waits = [self._handed_out[trial_id] for trial_id in beside if trial_id not in self._started]
        if waits and time.monotonic() - min(waits) > self.PATIENCE_S:
            return False
        asked_for = [other.resources for other in beside.values()]
        if self._room.holds([*asked_for, cell.resources]):
            starting = len(self._starting & beside.keys())
            return bool(self._free[cell.resources]) or self._room.starts_one_beside(starting)
        return self._is_to_wait(asked_for, len(waits))

    def _has_no_machine(self, cell: Cell) -> bool:
        """Whether no machine is there that could run a cell, however long it waits for others to end."""
        return not self._room.holds([cell.resources])

    def _is_to_wait(self, beside: list[Resources], waiting: int) -> bool:
        """Whether to let a cell wait for a machine, once all that there is room for has started."""
        most = min(1 << self._room.growths, self.ASK_AT_MOST)
        all_started = not waiting or not self._room.holds(beside[: len(beside) - waiting + 1])
        few_wait = self._room.holds(beside[: max(0, len(beside) - most + 1)])
        return self._ask_beyond and all_started and few_wait

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Note that a worker has begun the cell, or pass on what the cell reports."""
        if trial_id not in self._cells:
            return
        if BEGUN in result:  # which may be long after it was handed out
            self._started[trial_id] = time.monotonic()
            if PROCESS in result:
                self._processes[trial_id] = Process(**json.loads(result[PROCESS]))
            self._starting.discard(trial_id)
            self._run.listener.started(self._cells[trial_id])
        elif PROGRESS in result:
            step, metrics = json.loads(result[PROGRESS])
            self._steps[trial_id] = step
            self._run.listener.reported(self._cells[trial_id], step, metrics)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Settle the cell; a trial without an outcome lost its process or its node."""
        cell = self._cells.pop(trial_id)
        self._handed_out.pop(trial_id)
        self._starting.discard(trial_id)
        started, step = self._started.pop(trial_id, None), self._steps.pop(trial_id, None)
        process = self._processes.pop(trial_id, None)
        if result is not None and OUTCOME in result:
            outcome = _outcome(cell, json.loads(result[OUTCOME]))
            self._free[cell.resources] += 1
        else:
            outcome = _lost(cell, started, step, self._why_lost(cell, self._attempt(trial_id), process))
        if process is not None and cell.resources.workers == 1:
            self._note(process.node, outcome)
        settle(cell, outcome, self._run)
        self._ending.left(trial_id)

    def end_soon(self) -> None:
        """Tell the workers that the run is to end; called from a thread beside Tune's."""
        self._ending.tell(dict(self._processes))

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
        for trial_id, cell in list(self._cells.items()):
            started, step = self._started.get(trial_id), self._steps.get(trial_id)
            process = self._processes.get(trial_id)
            was_killed = process is not None and process.worker and process.worker in killed
            found = FailureClass.OUT_OF_MEMORY if was_killed else FailureClass.PREEMPTED
            settle(cell, _lost(cell, started, step, Failure(found, why)), self._run)

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


def _lost(cell: Cell, started: float | None, step: int | None, failure: Failure) -> Outcome:
    seconds = time.monotonic() - started if started is not None else 0.0
    return Outcome(cell.id, seconds, failure=failure, step=step)


def _outcome(cell: Cell, ended: Mapping[str, Any]) -> Outcome:
    failure = Failure.from_record(ended["failure"]) if ended["failure"] is not None else None
    return Outcome(cell.id, ended["seconds"], ended["metrics"], failure, ended["step"])
