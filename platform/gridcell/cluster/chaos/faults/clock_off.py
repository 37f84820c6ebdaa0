"""The clock of a driver's machine is wrong."""

from gridcell.cluster.chaos.cluster import MOST_AT_ONCE
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.grid import CHECKPOINT_EVERY
from gridcell.cluster.chaos.trial import NotSurvived, Trial

BEHIND_S = 3600
_LATE = (
    f"import time, runpy; now = time.time; time.time = lambda: now() - {BEHIND_S}; "
    "runpy.run_module('gridcell', run_name='__main__', alter_sys=True)"
)


def strike(trial: Trial) -> None:
    """Run a driver whose clock is an hour behind, and one beside it; neither may take the other for dead."""
    late = trial.drive(launch=("-c", _LATE))
    trial.wait_for_training(late)
    trial.end(trial.drive())
    trial.end(late)
    if lost := list(trial.store().losses.read_all()):
        raise NotSurvived(f"cells of a living driver were counted as lost: {lost}")


FAULT = Fault(
    "clock-off",
    "a driver's clock is an hour behind; another driver beside it sees that it lives",
    strike,
    interrupted=2 * MOST_AT_ONCE,  # at the end each runs what the other has begun
    intervals=18 // CHECKPOINT_EVERY,
)
