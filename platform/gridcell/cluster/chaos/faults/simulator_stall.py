"""A simulator stops answering."""

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.simulator import simulator
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Let one cell wait for its simulator for ever at a step, once."""
    trial.order("stall", "model1", 8)
    trial.end(trial.drive("--stall-timeout", "5"))
    trial.expect("it reported nothing for 5 s")


FAULT = Fault(
    "simulator-stall",
    f"{simulator()} answers a cell no more, which is ended and goes on from its checkpoint",
    strike,
    interrupted=1,
)
