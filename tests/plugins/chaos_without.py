"""The task ``chaos`` on a platform from which the handling of a fault was taken out.

``GRIDCELL_TASKS=chaos=chaos_without:task`` makes the command load this file, in the driver's process alone;
``CHAOS_WITHOUT`` names the parts to take out, with commas between them.
"""

import contextlib
import os
import signal

from gridcell.cluster.chaos.grid import task
from gridcell.execute.outcome import RETRIES, FailureClass
from gridcell.execute.schedule import Schedule
from gridcell.mlflow.mirror import Mirror
from gridcell.store import Checkpoints, Results, patience

__all__ = ["task"]


def retries_of_lost_cells():
    del RETRIES[FailureClass.PREEMPTED], RETRIES[FailureClass.CRASHED]


def retries_of_stalled_cells():
    del RETRIES[FailureClass.STALLED]


def watch_for_stalls():
    from gridcell.execute import trial  # this imports Ray, which takes a second

    work = trial.GridWork
    trial.GridWork = lambda *given: work(*given[:-1], None)  # the last is the time that a cell has


def watch_for_the_head():
    from gridcell.execute import tune

    tune.watched_head = lambda _: contextlib.nullcontext()


def handler_of_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def checkpoints():
    Checkpoints.latest = lambda self, into: None


def checksums_of_checkpoints():
    def latest(self, into):
        names = self._folder.names(self._where)
        if not names:
            return None
        self._folder.get(f"{self._where}/{names[-1]}", into / names[-1])
        return into / names[-1]

    Checkpoints.latest = latest


def older_checkpoints():
    Checkpoints.KEPT = 1


def checksums_of_artifacts():
    Results.fetch = lambda self, result, name, cache: self._folder.local(result.artifacts[name].path)


def quarantine_of_damaged_results():
    Results.quarantine = lambda self, cell_id: ""


def patience_with_storage():
    patience.DELAYS_S = ()


def stop_on_a_full_disk():
    Schedule._stop_if_hopeless = lambda self, failure: None


def guard_of_the_window():
    Mirror.problem = property(lambda self: None, lambda self, problem: None)


def window():
    Mirror._follow = lambda self: None


for what in filter(None, os.environ.get("CHAOS_WITHOUT", "").split(",")):
    globals()[what]()
