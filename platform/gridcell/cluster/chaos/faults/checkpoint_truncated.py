"""The newest checkpoints are cut short."""

from gridcell.cluster.chaos.cluster import MOST_AT_ONCE
from gridcell.cluster.chaos.damage import with_damaged_checkpoints
from gridcell.cluster.chaos.fault import Fault

FAULT = Fault(
    "checkpoint-truncated",
    "the newest checkpoint of each cell is cut in half; the one before it is used",
    with_damaged_checkpoints(lambda data: data[: len(data) // 2]),
    interrupted=MOST_AT_ONCE,
    intervals=2,
)
