"""A cloud announces that it takes a machine back."""

from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial

NOTICE_S = 15


def strike(trial: Trial) -> None:
    """Drain the node that took the latest step, end it after its time, and let the run go on on the other."""
    driver = trial.drive()
    node = trial.cluster.node_of(trial.wait_for_training(driver).pid)
    trial.cluster.drain_node(node, NOTICE_S)
    trial.end(driver)
    trial.cluster.kill_node(node)
    trial.cluster.start_worker_node(node)


FAULT = Fault(
    "node-drained",
    "Ray drains a node; its cells save checkpoints first, and go on on the other node",
    strike,
)
