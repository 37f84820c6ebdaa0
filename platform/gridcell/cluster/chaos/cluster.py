"""A Ray cluster of a head without CPUs and two worker nodes, each in processes of its own on loopback."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from gridcell.execute.reach import LOOPBACK_ONLY

CPUS_PER_NODE = 2
MOST_AT_ONCE = 2 * CPUS_PER_NODE  # cells
PATIENCE_S = 60.0  # with anything that is waited for

# Notice within seconds what a cluster of machines may take half a minute to notice.
_EAGER = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_USAGE_STATS_ENABLED": "0",
}


class Cluster:
    """The processes of the three nodes, started and ended by their ids."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        # A token of its own: nodes and driver must agree on one, and the user may have one lying about.
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = {**os.environ, **environment, **_EAGER, **LOOPBACK_ONLY, **token}
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._port = 0

    @property
    def options(self) -> tuple[str, ...]:
        """What ``gridcell run`` is told so that it runs here."""
        return ("--address", f"127.0.0.1:{self._port}")

    def start(self) -> None:
        """Start all three nodes."""
        self._port = free_port()
        self._start_node("head", 0, "head")
        for node in ("node1", "node2"):
            self.start_worker_node(node)

    def restart(self) -> None:
        """End what is left of it, and start it anew."""
        self.stop()
        self.start()

    def start_worker_node(self, name: str) -> None:
        """Start a node that joins the head."""
        self._start_node(name, CPUS_PER_NODE)

    def _start_node(self, name: str, cpus: int, *role: str) -> None:
        log = self._folder / f"{name}.log"
        where = [str(self._port), str(cpus), str(self._folder / "ray")]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gridcell.cluster.chaos.node", *where, *role],
                stdout=output,
                stderr=output,
                env=self.environment,
            )
        self._nodes[name] = process

        def started() -> bool:
            said = log.read_text(errors="replace")
            if process.poll() is not None:
                raise OSError(f"Ray's {name} can't be started: {said[-2000:]}")
            return "started " in said

        wait_until(started, f"{name} to start")

    def kill_node(self, name: str) -> None:
        """SIGKILL each process of a node."""
        kill_tree(self._nodes.pop(name).pid)

    def drain_node(self, name: str, seconds: int) -> None:
        """Announce to Ray that a node goes away in so many seconds, as clouds do before they take it back."""
        said = (self._folder / f"{name}.log").read_text(errors="replace")
        node_id = said.split("started ")[1].split()[0]
        where = ["--address", f"127.0.0.1:{self._port}", "--node-id", node_id]
        why = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "taken back"]
        deadline = ["--deadline-remaining-seconds", str(seconds)]
        ray = [sys.executable, "-m", "ray.scripts.scripts", "drain-node"]
        subprocess.run([*ray, *where, *why, *deadline], env=self.environment, check=True, capture_output=True)

    def node_of(self, pid: int) -> str:
        """Return the node on which a process runs."""
        ancestors = {parent.pid for parent in psutil.Process(pid).parents()}
        return next(name for name, process in self._nodes.items() if process.pid in ancestors)

    def stop(self) -> None:
        """End all nodes."""
        for name in reversed(list(self._nodes)):
            self.kill_node(name)


@contextlib.contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """Start a cluster and end it, however it is left."""
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all it has started."""
    try:
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=PATIENCE_S)


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, what: str, patience_s: float = PATIENCE_S) -> None:
    """Return once ``condition()`` holds.

    Raises:
        TimeoutError: it doesn't within ``patience_s``.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience_s:g} s for {what}")
        time.sleep(0.05)
