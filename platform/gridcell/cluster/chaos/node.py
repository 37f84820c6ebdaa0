"""``python -m gridcell.cluster.chaos.node PORT CPUS FOLDER [head]``: a Ray node on loopback until killed.

``ray start`` would do, but it refuses a second node where Ray is told to listen on loopback alone.
"""

import signal
import sys

from ray._private.node import Node
from ray._private.parameter import RayParams


def start(port: int, cpus: int, folder: str, *, head: bool) -> None:
    """Start the processes of a node and stay.

    Args:
        port: of the head, on loopback.
        cpus: that the node offers.
        folder: for Ray's sessions.
        head: start a cluster rather than join one.
    """
    where = {"gcs_server_port": port} if head else {"gcs_address": f"127.0.0.1:{port}"}
    parameters = RayParams(
        node_ip_address="127.0.0.1",
        num_cpus=cpus,
        num_gpus=0,
        object_store_memory=100 << 20,
        temp_dir=folder if head else None,
        include_dashboard=False,
        min_worker_port=0,
        max_worker_port=0,
        **where,
    )
    parameters.update_if_absent(include_log_monitor=False)
    node = Node(parameters, head=head, shutdown_at_exit=True, spawn_reaper=True)
    sys.stdout.write(f"started {node.node_id}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    start(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], head=sys.argv[4:] == ["head"])
