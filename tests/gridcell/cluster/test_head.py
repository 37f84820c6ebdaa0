"""Whoever ends the head of a cluster ends a run's driver with a word on how to go on, and loses nothing."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from gridcell.execute.heartbeat import running_cells
from gridcell.store import Store
from local_cluster import RAY, LocalCluster

PATIENCE_S = 180


def wait_for(condition, process):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.long
@pytest.mark.parametrize("how", ["asked", "killed"])
def test_the_driver_says_how_to_go_on_when_the_head_goes_away(how, tmp_path):
    """The driver is connected through the head's own node, as where somebody runs both on one machine."""
    cluster = LocalCluster({"PYTHONPATH": os.environ["PYTHONPATH"]})
    store = Store(str(tmp_path / "store")).prepare()
    settings = ["width=2", "length=1", "fail.r0c0=never-ends"]
    command = [sys.executable, "-m", "gridcell", "run", "toy", "--storage", store.uri]
    command += ["--address", f"127.0.0.1:{cluster.port}"] + [
        word for item in settings for word in ("--set", item)
    ]
    try:
        cluster.start((RAY, "start", "--head", "--block", "--num-cpus=2"))
        with (tmp_path / "log").open("w") as log:
            driver = subprocess.Popen(
                command, env=cluster.environment, cwd=tmp_path, stdout=log, stderr=log, text=True
            )
        wait_for(lambda: store.results.done() and running_cells(store.folder), driver)
        (head,) = cluster.processes
        family = [*psutil.Process(head.pid).children(recursive=True), psutil.Process(head.pid)]
        for process in family if how == "killed" else family[-1:]:
            process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGTERM)
        assert driver.wait(PATIENCE_S) == 1
    finally:
        cluster.stop()
    deadline = time.monotonic() + PATIENCE_S  # the last word may be a shell's, a moment later
    while "run again:" not in (said := (tmp_path / "log").read_text()):
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    assert said.count("Stopped: ") == 1
    assert f"gridcell run toy --storage {store.uri}" in said
    assert len(store.results.done()) == 1
    assert store.failures.read_all() == {}
