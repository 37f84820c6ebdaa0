"""The memory of a machine doesn't suffice for a cell."""

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Let one cell ask for too much memory at a step, once."""
    trial.order("memory", "model1", 8)
    trial.end(trial.drive())
    trial.expect("Unable to allocate")


FAULT = Fault(
    "memory-short",
    "a cell runs out of the machine's memory, and goes on from its checkpoint with half the batch",
    strike,
    interrupted=1,
)
