"""A cluster that has no node for cells yet gets as many as they keep busy, by Ray's own autoscaler."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from gridcell.store import Store
from local_cluster import RAY, SOURCES, LocalCluster

PLUGINS = Path(__file__).parents[2] / "plugins"
NODES = 3

DRIVER = f"""
import sys
from pathlib import Path
import rounds_task
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store

address, folder = sys.argv[1], Path(sys.argv[2])
grid = rounds_task.plan(rounds=2, width={NODES}, markers=folder / "markers")
store = Store(str(folder / "store")).prepare()
schedule = run_grid(rounds_task.task, grid, store, RunOptions(address=address))
assert schedule.finished == set(grid.cells), schedule.failed
"""


def autoscaling(gcs_address):
    """Nodes of one CPU that Ray's provider for tests starts as processes of this machine."""
    steps = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    return {
        "cluster_name": "growing",
        "max_workers": NODES,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 10,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": gcs_address,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "launch_multiple": True,
            "use_node_id_as_ip": True,
        },
        "auth": {},
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": NODES},
        },
        **{f"{step}_commands": [] for step in steps},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
    }


@pytest.mark.long
def test_a_cluster_grows_from_nothing_to_what_the_cells_need(tmp_path):
    cluster = LocalCluster(
        {
            "PYTHONPATH": os.pathsep.join([SOURCES, str(PLUGINS)]),
            "GRIDCELL_TASKS": "rounds=rounds_task:task",
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        }
    )
    address = f"127.0.0.1:{cluster.port}"
    config = tmp_path / "autoscaling.json"
    config.write_text(json.dumps(autoscaling(address)))
    try:
        cluster.start((RAY, "start", "--head", "--block", "--num-cpus=0", f"--autoscaling-config={config}"))
        # Each round waits until all its cells run at once: on one node each, or for ever.
        command = [sys.executable, "-c", DRIVER, address, str(tmp_path)]
        done = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
    finally:
        cluster.stop()
    results = Store(str(tmp_path / "store")).results
    rounds = defaultdict(set)
    for result in map(results.read, results.done()):
        rounds[result.cell.config["number"] // NODES].add(result.provenance["node"])
    # All in all there may be more: under load Ray now and then launches one too many and ends one again.
    assert [len(rounds[number]) for number in range(2)] == [NODES, NODES]
