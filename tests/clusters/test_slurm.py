"""The SLURM script on a real SLURM of this machine: a shared node, an array, the time limit and a requeue."""

import contextlib
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridcell.store import Store

SCRIPT = Path(__file__).parents[2] / "clusters/slurm/gridcell.sbatch"
pytestmark = pytest.mark.xdist_group("slurm")
PARTS = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "munged")
PATIENCE_S = 600

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={port}
SlurmdPort={other_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def why_not():
    """Say why no SLURM can be started here; empty if one can."""
    if missing := [name for name in PARTS if shutil.which(name) is None]:
        return f"SLURM isn't installed here: {', '.join(missing)} missing (Debian: slurm-wlm, munge)"
    if os.getuid() != 0:
        return "SLURM's daemons need root"
    if (os.cpu_count() or 1) < 2:
        return "two jobs at once need two processors"
    return ""


class Slurm:
    """A controller and a node's daemon on loopback, with their files in a folder of their own."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("state", "spool"):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o600)
        host = platform.node().partition(".")[0]
        ports = {"port": free_port(), "other_port": free_port()}
        text = CONFIGURATION.format(host=host, folder=folder, cpus=os.cpu_count(), **ports)
        (folder / "slurm.conf").write_text(text)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"},
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its processes listen on 127.0.0.1 alone
        }

    def start(self):
        files = {name: self.folder / f"munge.{name}" for name in ("socket", "key", "pid", "log", "seed")}
        munged = [f"--{name}={files[name]}" for name in ("socket",)]
        munged += [f"--{name}-file={files[name]}" for name in ("key", "pid", "log", "seed")]
        self.call("munged", "--force", *munged)
        self.call("slurmctld")
        self.call("slurmd")
        self.wait(lambda: "idle" in self.call("sinfo", "--noheader"))

    def stop(self):
        for name in ("slurmd.pid", "slurmctld.pid", "munge.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int((self.folder / name).read_text()), signal.SIGTERM)

    def call(self, *command):
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.call("scontrol", "show", "jobs")
            time.sleep(0.5)

    def submit(self, *options, task):
        told = self.call(
            "sbatch", "--parsable", "--nodes=1", "--cpus-per-task=1", *options, str(SCRIPT), *task
        )
        return told.strip()

    def job(self, number):
        return self.call("scontrol", "--oneliner", "show", "job", number)

    def wait_for_end(self, number):
        over = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL")
        self.wait(
            lambda: all(
                any(f"JobState={state}" in line for state in over) for line in self.job(number).splitlines()
            )
        )
        return self.job(number)

    def logs(self):
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("gridcell-*.log")))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if reason := why_not():
        pytest.skip(reason)
    made = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def toy(store, *settings):
    return ["toy", "--storage", str(store), *(word for item in settings for word in ("--set", item))]


@pytest.mark.long
def test_two_jobs_share_a_node(slurm, tmp_path):
    stores = [tmp_path / "one", tmp_path / "two"]
    jobs = [slurm.submit("--oversubscribe", "--time=15", task=toy(store, "width=3")) for store in stores]
    for job in jobs:
        assert "JobState=COMPLETED" in slurm.wait_for_end(job), slurm.logs()
    assert [len(Store(str(store)).results.done()) for store in stores] == [7, 7]


@pytest.mark.long
def test_the_jobs_of_an_array_share_a_store(slurm, tmp_path):
    task = toy(tmp_path / "store", "width=4")
    job = slurm.submit("--oversubscribe", "--time=15", "--array=1-2", task=task)
    ended = slurm.wait_for_end(job)
    assert ended.count("JobState=COMPLETED") == 2, slurm.logs()
    assert len(Store(str(tmp_path / "store")).results.done()) == 9


@pytest.mark.long
def test_at_the_time_limit_cells_save_checkpoints_and_go_on_in_a_new_allocation(slurm, tmp_path):
    """SLURM looks at limits once a minute, and waits two before it starts a job again."""
    task = toy(tmp_path / "store", "width=1", "length=1", "fail.r0c0=works-until-asked")
    job = slurm.submit("--oversubscribe", "--time=4", "--signal=B:USR1@60", task=task)
    ended = slurm.wait_for_end(job)
    assert "JobState=COMPLETED" in ended, slurm.logs()
    assert "Restarts=1" in ended
    log = (slurm.folder / f"gridcell-{job}.log").read_text()
    assert "running cells save a checkpoint" in log
    assert "r0c0 stopped: saved at step" in log
    assert len(Store(str(tmp_path / "store")).results.done()) == 2
