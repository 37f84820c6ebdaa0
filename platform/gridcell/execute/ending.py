"""Ending a run on a cluster within its grace: workers are told, and those that heed it are waited for.

A file in the worker's folder is the notice. It reaches the worker at its next step, costs nothing until then,
and needs no process of its own, as an actor would.
"""

import contextlib
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gridcell.execute.last_words import Process
from gridcell.execute.schedule import Schedule
from gridcell.notice import Notice

ANSWER_S = 10.0  # a node that takes longer to pass the notice on is busy, and does it later
_END, _HEEDS = ".gridcell-end", ".gridcell-heeds"  # in a worker's folder


def hear_in(folder: Path, notice: Notice) -> None:
    """Let a worker's notice come from its folder."""

    def note(heeded: bool) -> None:
        with contextlib.suppress(OSError):
            if heeded:
                (folder / _HEEDS).touch()
            else:
                (folder / _HEEDS).unlink(missing_ok=True)

    notice.come_from((folder / _END).exists, note)


def ask_to_end(folders: Iterable[str]) -> list[str]:
    """Tell the workers in these folders of this node that they are to end; return those that heed it."""
    heeding = []
    for folder in folders:
        with contextlib.suppress(OSError):  # it is gone
            (Path(folder) / _END).touch()
            heeding += [folder] if (Path(folder) / _HEEDS).exists() else []
    return heeding


class Ending:
    """Tells the workers that the run is to end; interrupts the driver once those that heed it have left."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._lock = threading.Lock()
        self._told = False
        self._left: set[str] = set()
        self._waits_for: set[str] = set()

    def tell(self, processes: Mapping[str, Process]) -> None:
        """Tell the workers; called from a thread beside Tune's.

        Args:
            processes: trial -> process in which its cell runs.
        """
        self._schedule.stop("asked to end")
        heeding = heeding_trials(processes)
        with self._lock:
            self._told = True
            self._waits_for = heeding - self._left
            over = not self._waits_for
        if over:
            interrupt_driver()

    def left(self, trial_id: str) -> None:
        """Note that a trial has ended.

        Raises:
            KeyboardInterrupt: it was the last that was waited for.
        """
        with self._lock:
            self._left.add(trial_id)
            waited = trial_id in self._waits_for
            self._waits_for.discard(trial_id)
            over = self._told and waited and not self._waits_for
        if over:
            raise KeyboardInterrupt


def interrupt_driver() -> None:
    """Raise KeyboardInterrupt in the main thread, from another one, where a notice was given already."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if callable(signal.getsignal(number)):  # else it would kill, or come to nothing
            os.kill(os.getpid(), number)
            return


def tell_late(process: Process) -> None:
    """Tell a worker that began only after the others were told, without waiting for its answer."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if process.folder:
        where = NodeAffinitySchedulingStrategy(process.node, soft=False)
        task = ray.remote(num_cpus=0, max_retries=0)(ask_to_end)
        task.options(scheduling_strategy=where).remote([process.folder])


def heeding_trials(processes: Mapping[str, Process]) -> set[str]:
    """Tell all processes that they are to end, and return the trials whose processes heed it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    on: dict[str, dict[str, str]] = defaultdict(dict)  # node -> folder -> trial
    for trial_id, process in processes.items():
        if process.folder:
            on[process.node][process.folder] = trial_id
    task = ray.remote(num_cpus=0, max_retries=0)(ask_to_end)
    asked = {
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
            list(folders)
        ): folders
        for node, folders in on.items()
    }
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_S) if asked else ([], [])
    told: dict[Any, list[str]] = {}
    for answer in answered:
        told[answer] = []
        with contextlib.suppress(ray.exceptions.RayError):  # the node is gone
            told[answer] = ray.get(answer)
    return waited_for(asked, told)


def waited_for(asked: Mapping[Any, Mapping[str, str]], told: Mapping[Any, Iterable[str]]) -> set[str]:
    """Return the trials that are waited for: those that heed the notice, and all of nodes that are silent.

    A busy node starts the process that passes the notice on after some seconds. Its cells, too, save their
    checkpoints then; the run's grace limits the wait.

    Args:
        asked: question to a node -> folder of each of its workers -> trial.
        told: question -> folders of the workers that heed the notice, of the nodes that answered.

    Example:
        >>> asked = {"node 1": {"/a": "t1", "/b": "t2"}, "node 2": {"/c": "t3"}}
        >>> sorted(waited_for(asked, {"node 1": ["/a"]}))
        ['t1', 't3']
    """
    return {folders[folder] for node, folders in asked.items() for folder in told.get(node, folders)}
