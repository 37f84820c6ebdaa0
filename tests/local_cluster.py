"""A Ray cluster of real processes on 127.0.0.1, as the tests of jobs and of services use it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
RAY = str(Path(sys.executable).parent / "ray")
# A worker's `ray start` refuses the switch by which Ray listens on 127.0.0.1 alone; this one joins anyway.
JOIN = (
    "import types; from ray.scripts import scripts as s; "
    "s.ray_constants = types.SimpleNamespace(**{**vars(s.ray_constants), 'ENABLE_RAY_CLUSTER': True}); "
    "s.main()"
)
COUNT_NODES = """
import sys, time
from ray._private.state import GlobalState
from ray._raylet import GcsClientOptions
state = GlobalState()
state._initialize_global_state(GcsClientOptions.create({address!r}, None, True, False))
ends = time.monotonic() + 10  # then whether a process ended is looked at again
while sum(node["Alive"] for node in state.node_table()) < {count}:
    if time.monotonic() > ends:
        sys.exit(1)
    time.sleep(0.1)
"""
SOURCES = os.pathsep.join([str(ROOT / "platform"), str(ROOT / "tasks")])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LocalCluster:
    """A head without CPUs; ``add_worker`` adds nodes with some. Ends with everything that it started."""

    def __init__(self, environment=None):
        self.port, self.dashboard = free_port(), free_port()
        self.folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # sockets below it have short names only
        self.environment = {
            **os.environ,
            "HOME": self.folder,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": SOURCES,
            "OMP_NUM_THREADS": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": uuid.uuid4().hex,
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its processes listen on 127.0.0.1 alone
            "RAY_USAGE_STATS_ENABLED": "0",
            **(environment or {}),
        }
        self.processes = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.dashboard}"

    @property
    def client_environment(self):
        """What a user's shell has who was given the token and the dashboard's address."""
        taken = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_AUTH_MODE"}
        environment = {name: value for name, value in self.environment.items() if name not in taken}
        return {**environment, "RAY_API_SERVER_ADDRESS": self.url}

    def start(self, command=(RAY, "start", "--head", "--block", "--num-cpus=0")):
        ports = [f"--port={self.port}", f"--dashboard-port={self.dashboard}"]
        ports += ["--dashboard-host=127.0.0.1", f"--ray-client-server-port={free_port()}"]
        self._launch([*command, *ports, f"--temp-dir={self.folder}/ray", "--node-ip-address=127.0.0.1"])
        self.wait_for_nodes(1)
        return self

    def add_worker(self, cpus=1, *options):
        join = [sys.executable, "-c", JOIN, "start", "--block", f"--address=127.0.0.1:{self.port}"]
        # As on a host of its own: nodes that share this folder unpack a job's files over each other.
        own = f"--temp-dir={self.folder}/node{len(self.processes)}"
        self._launch([*join, f"--num-cpus={cpus}", "--node-ip-address=127.0.0.1", own, *options])

    def _launch(self, command):
        # Several clusters may share this machine: nothing on a default port.
        command += [
            f"--dashboard-agent-listen-port={free_port()}",
            "--min-worker-port=0",
            "--max-worker-port=0",
        ]
        command += ["--disable-usage-stats", f"--object-store-memory={100 << 20}"]
        log = (Path(self.folder) / f"start-{len(self.processes)}.log").open("w")
        process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)

    def wait_for_nodes(self, count, seconds=180):
        """Wait until so many nodes have joined."""
        code = COUNT_NODES.format(address=f"127.0.0.1:{self.port}", count=count)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert all(process.poll() is None for process in self.processes), self.logs()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                if not subprocess.run(
                    [sys.executable, "-c", code], env=self.environment, capture_output=True
                ).returncode:
                    return
        raise AssertionError(f"{count} nodes didn't join in {seconds} s: {self.logs()}")

    def logs(self):
        return "\n".join(path.read_text()[-2000:] for path in sorted(Path(self.folder).glob("start-*.log")))

    def gridcell(self, *arguments, cwd, timeout=300):
        """Run the command as a user outside the cluster; return what ended."""
        return subprocess.run(
            [sys.executable, "-m", "gridcell", *map(str, arguments)],
            env=self.client_environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def stop(self):
        family = [child for process in self.processes for child in descendants(process.pid)]
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
        for process in [*self.processes, *family]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def descendants(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []
