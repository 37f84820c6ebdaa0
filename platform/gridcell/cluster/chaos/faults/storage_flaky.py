"""Storage that fails now and then."""

import json

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.filesystem import ORDERS
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Fail every third write of every process, from the first on."""
    (trial.folder / ORDERS).write_text(json.dumps({"every": 3}))
    trial.end(trial.drive())


FAULT = Fault(
    "storage-flaky",
    "every third write of every process fails; it is written again",
    strike,
    storage="faulty://{folder}/store",
)
