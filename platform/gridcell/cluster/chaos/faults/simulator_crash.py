"""A simulator crashes in native code and takes its process with it."""

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.simulator import simulator
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Let the simulator of one cell crash at a step, once."""
    trial.order("crash", "model1", 8)
    trial.end(trial.drive())


FAULT = Fault(
    "simulator-crash",
    f"{simulator()} crashes in a cell, which goes on from its checkpoint",
    strike,
    interrupted=1,
)
