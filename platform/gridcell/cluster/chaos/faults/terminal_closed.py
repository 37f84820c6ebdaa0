"""The terminal at which a run was typed is closed."""

import os
import pty

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Close it while models are trained; the run must go on to its end."""
    ours, theirs = pty.openpty()
    driver = trial.drive(terminal=theirs)
    os.close(theirs)
    try:
        trial.wait_for_training(driver)
    finally:
        os.close(ours)
    trial.end(driver)


FAULT = Fault("terminal-closed", "the driver's terminal is closed; the run goes on to its end", strike)
