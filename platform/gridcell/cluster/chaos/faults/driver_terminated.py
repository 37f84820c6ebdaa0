"""The driver is asked to end, as batch systems do some time before they kill."""

from gridcell.cluster.chaos.cluster import MOST_AT_ONCE
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial, terminate


def strike(trial: Trial) -> None:
    """Send SIGTERM; the driver must say how to go on, and going on must work."""
    driver = trial.drive()
    trial.wait_for_training(driver)
    terminate(driver)
    trial.end(driver, expected=130)
    trial.expect("To go on, run again: gridcell run chaos")
    trial.end(trial.drive())


FAULT = Fault(
    "driver-terminated",
    "SIGTERM to the driver; it ends cleanly and says how to go on",
    strike,
    interrupted=MOST_AT_ONCE,
)
