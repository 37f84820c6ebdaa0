"""A bit of the newest checkpoints is flipped."""

from gridcell.cluster.chaos.cluster import MOST_AT_ONCE
from gridcell.cluster.chaos.damage import flip_bit, with_damaged_checkpoints
from gridcell.cluster.chaos.fault import Fault

FAULT = Fault(
    "checkpoint-flipped",
    "a bit of each cell's newest checkpoint is flipped; the one before it is used",
    with_damaged_checkpoints(flip_bit),
    interrupted=MOST_AT_ONCE,
    intervals=2,
)
