"""The driver is killed."""

from gridcell.cluster.chaos.cluster import MOST_AT_ONCE
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Kill the driver, and type the command again."""
    driver = trial.drive()
    trial.wait_for_training(driver)
    driver.kill()
    driver.wait()
    trial.end(trial.drive())


FAULT = Fault(
    "driver-killed", "SIGKILL of the driver; typed again, the run goes on", strike, interrupted=MOST_AT_ONCE
)
