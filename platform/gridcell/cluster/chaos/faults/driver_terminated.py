"""The driver is asked to end, as batch systems do some time before they kill."""

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial, terminate


def strike(trial: Trial) -> None:
    """Send SIGTERM; the driver must say how to go on, and going on must work."""
    driver = trial.drive()
    trial.wait_for_training(driver)
    terminate(driver)
    trial.end(driver, expected=130)
    trial.expect("running cells save a checkpoint")
    trial.expect("To go on, run again: gridcell run chaos")
    trial.end(trial.drive())


FAULT = Fault(
    "driver-terminated",
    "SIGTERM to the driver; running cells save checkpoints, it ends cleanly and says how to go on",
    strike,
)
