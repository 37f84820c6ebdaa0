"""A process that trains a cell is killed, as the kernel does when memory runs out."""

import os
import signal

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Kill the process that took the latest step; the same run goes on."""
    driver = trial.drive()
    os.kill(trial.wait_for_training(driver).pid, signal.SIGKILL)
    trial.end(driver)


FAULT = Fault(
    "worker-killed",
    "SIGKILL of a process that trains; its cell goes on from its checkpoint",
    strike,
    interrupted=1,
)
