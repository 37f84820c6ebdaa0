"""What the platform adds to 1,000 cells of one second each, on two nodes with 8 slots each."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.local_cluster import SOURCES, LocalCluster

AIMS = {"overhead, workers started (%)": "<= 15"}
CELLS, SLOTS, SECONDS = 1000, 16, 1.0
PLUGINS = str(Path(__file__).parents[1] / "plugins")

# Runs where the cluster's token is in the environment. The first grid starts a worker in each slot.
DRIVER = """
import json, sys, tempfile, time
import toy_task
from gridcell.execute.driver import run_grid
from gridcell.store import Store

def took(width, seconds):
    grid = toy_task.plan(toy_task.Settings(width=width, length=1, seconds=seconds))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder).prepare()
        begun = time.perf_counter()
        schedule = run_grid(toy_task.task, grid, store, address=sys.argv[1])
        assert len(schedule.finished) == len(grid)
        return time.perf_counter() - begun

few, many = int(sys.argv[2]), int(sys.argv[3])
print(json.dumps([took(few, float(sys.argv[4])), took(many, float(sys.argv[4]))]))
"""


def measure() -> dict[str, float]:
    """Return seconds of wall-clock, and the overhead beside cells that only sleep.

    The difference of two grids, one cell a slot and 1,000 more, leaves out what every run pays once:
    connecting, and starting a process and its imports in each slot.
    """
    cluster = LocalCluster({"PYTHONPATH": os.pathsep.join([SOURCES, PLUGINS])})
    try:
        cluster.start()
        for _ in range(2):
            cluster.add_worker(cpus=SLOTS // 2)
        cluster.wait_for_nodes(3)
        with tempfile.TemporaryDirectory() as folder:
            ended = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    DRIVER,
                    f"127.0.0.1:{cluster.port}",
                    *map(str, (SLOTS, SLOTS + CELLS, SECONDS)),
                ],
                env=cluster.environment,
                cwd=folder,
                capture_output=True,
                text=True,
            )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
        first, all_of_them = json.loads(ended.stdout.splitlines()[-1])
    finally:
        cluster.stop()
    ideal = CELLS * SECONDS / SLOTS
    return {
        "one cell a slot, workers starting (s)": first,
        "1,000 more (s)": all_of_them - first,
        "ideal (s)": ideal,
        "overhead, workers started (%)": 100 * ((all_of_them - first) / ideal - 1),
        "overhead of the whole run (%)": 100 * (all_of_them / (ideal + SECONDS) - 1),
    }
