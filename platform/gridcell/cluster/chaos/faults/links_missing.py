"""Storage without hard links, as exFAT, SMB and gcsfuse are."""

import json

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.filesystem import ORDERS
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Refuse every hard link."""
    (trial.folder / ORDERS).write_text(json.dumps({"links": False}))
    trial.end(trial.drive())


FAULT = Fault("links-missing", "the storage has no hard links; results are committed all the same", strike)
