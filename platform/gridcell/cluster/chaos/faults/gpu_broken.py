"""A GPU fails in a way from which its process never recovers."""

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Break the (simulated) GPU of one process at a step, once."""
    trial.order("gpu", "model1", 8)
    trial.end(trial.drive())
    trial.expect("illegal memory access")


FAULT = Fault(
    "gpu-broken",
    "a GPU fails for good in one process, which runs no other cell; its cell goes on in another",
    strike,
    interrupted=1,
)
