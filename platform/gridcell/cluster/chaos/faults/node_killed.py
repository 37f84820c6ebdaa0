"""A whole node goes away, and comes back."""

from gridcell.cluster.chaos.cluster import CPUS_PER_NODE
from gridcell.cluster.chaos.fault import Fault
from gridcell.cluster.chaos.trial import Trial


def strike(trial: Trial) -> None:
    """Kill every process of the node that took the latest step; the same run goes on on the other."""
    driver = trial.drive()
    node = trial.cluster.node_of(trial.wait_for_training(driver).pid)
    trial.cluster.kill_node(node)
    trial.end(driver)
    trial.cluster.start_worker_node(node)


FAULT = Fault(
    "node-killed",
    "SIGKILL of all processes of a node; its cells go on on the other node",
    strike,
    interrupted=CPUS_PER_NODE,
)
