"""Cells that ask for a label run on nodes of a real cluster that have it."""

import os
import subprocess
import sys

import pytest

from gridcell.store import Store
from local_cluster import LocalCluster


@pytest.mark.long
def test_cells_run_on_the_nodes_that_have_their_labels(tmp_path):
    cluster = LocalCluster({"PYTHONPATH": os.environ["PYTHONPATH"]})
    store = Store(str(tmp_path / "store")).prepare()
    command = [sys.executable, "-m", "gridcell", "run", "toy", "--storage", store.uri]
    command += ["--address", f"127.0.0.1:{cluster.port}", "--set", "width=2", "--set", "length=1"]
    command += ["--set", "resources.step.labels.disk=nvme", "--set", "resources.total.labels.disk=hdd"]
    try:
        cluster.start()
        cluster.add_worker(1, "--labels=disk=nvme")
        cluster.add_worker(1, "--labels=disk=hdd")
        cluster.wait_for_nodes(3)
        ended = subprocess.run(
            command, env=cluster.environment, cwd=tmp_path, capture_output=True, text=True, timeout=400
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    finally:
        cluster.stop()
    assert "No node of the cluster" not in ended.stderr
    nodes = {"step": set(), "total": set()}
    for cell_id in store.results.done():
        result = store.results.read(cell_id)
        nodes[result.cell.kind].add(result.provenance["node"])
    assert [len(each) for each in nodes.values()] == [1, 1]
    assert nodes["step"] != nodes["total"]
