"""The head of the cluster goes away, and with it the cluster."""

from gridcell.cluster.chaos.cluster import MOST_AT_ONCE
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Kill the head's processes; the driver must notice, and go on on a new cluster when typed again."""
    driver = trial.drive()
    trial.wait_for_training(driver)
    trial.cluster.kill_node("head")
    trial.end(driver, expected=1)
    trial.expect("To go on, run again: gridcell run chaos")
    trial.cluster.restart()
    trial.end(trial.drive())


FAULT = Fault(
    "head-killed",
    "SIGKILL of the head; the driver notices and says how to go on, on a new cluster",
    strike,
    interrupted=MOST_AT_ONCE,
)
