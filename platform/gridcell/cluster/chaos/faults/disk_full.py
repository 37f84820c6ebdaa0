"""The disk runs full in the middle of a run."""

import json

from gridcell.cluster.chaos.cluster import MOST_AT_ONCE
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.filesystem import ORDERS
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Refuse every write with ENOSPC; the run must stop and say so, and go on once there is room."""
    driver = trial.drive()
    trial.wait_for_training(driver)
    (trial.folder / ORDERS).write_text(json.dumps({"full": True}))
    trial.end(driver, expected=1)
    trial.expect("a disk is full")
    trial.expect("To go on, run again: gridcell run chaos")
    (trial.folder / ORDERS).unlink()
    trial.end(trial.drive())


FAULT = Fault(
    "disk-full",
    "no write finds room; the run stops and says so, and goes on when there is room",
    strike,
    storage="faulty://{folder}/store",
    interrupted=MOST_AT_ONCE + 2,
    intervals=3,
)
