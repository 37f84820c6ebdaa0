"""What the platform adds to cells of one second: 200 on two nodes with a slot each, 1,000 with 8 slots each.

The nodes are Ray's processes on this machine, their workers share its cores, and MLflow is written as by
``gridcell run``. Where there are fewer cores than workers, these take turns at starting (half a second of
imports each), which two machines of 8 cores would do at once; so the time from then on is shown apart, and
what the parts that wait for no core come to together: an estimate for such machines, no measurement.
Beside it stands what as many bare trials take on such a cluster, with Tune's own settings and actors reused.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from tests.local_cluster import ROOT, SOURCES, LocalCluster

AIMS = {"2 x 1 slots: overhead (%)": "<= 15"}  # 16 workers on two cores take turns at starting: no aim
NODES, SECONDS = 2, 1.0
LAYOUTS = {1: 200, 8: 1000}  # slots of each node -> cells

# A process of its own, for it needs the cluster's token in its environment before it imports Ray.
DRIVER = """
import json, sys, tempfile, time

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store
from gridcell.mlflow.address import default_tracking_uri
from gridcell.mlflow.mirror import Mirror
from tests.benchmarks._waiting_task import Settings, task

address, cells, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
grid = task.plan(Settings(cells=cells, seconds=seconds))
with tempfile.TemporaryDirectory() as folder:
    store = Store(folder).prepare()
    mirror = Mirror(default_tracking_uri(store), task.name, "thousand", grid, store)
    begun, computed = time.time(), time.process_time()
    schedule = run_grid(task, grid, store, RunOptions(address=address), listeners=[mirror])
    ended, computing = time.time(), time.process_time() - computed
    assert len(schedule.finished) == cells, schedule.failed
    results, _ = store.results.read_many(grid.cells)
told = [dict(result.metrics) for result in results.values()]
print(json.dumps({"begun": begun, "ended": ended, "computing": computing, "cells": told}))
"""

BARE_DRIVER = """
import json, sys, tempfile, time

import ray
from ray import tune

address, cells, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

def wait(config):
    began = time.time()
    time.sleep(seconds)
    return {"began": began}

with tempfile.TemporaryDirectory() as folder:
    begun = time.time()
    ray.init(address=address, log_to_driver=False)
    tuner = tune.Tuner(
        wait,
        param_space={"n": tune.grid_search(list(range(cells)))},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    results = tuner.fit()
    ended = time.time()
    assert len(results) == cells and not results.errors
told = [{"began": each.metrics["began"]} for each in results]
print(json.dumps({"begun": begun, "ended": ended, "cells": told}))
"""


def measure() -> dict[str, float]:
    """Return the overhead over cells that wait and are handed out at no cost, and where it goes."""
    return {
        f"{NODES} x {slots} slots: {name}": value
        for slots, cells in LAYOUTS.items()
        for name, value in _measured(cells, slots).items()
    }


def _measured(cells: int, slots_each: int) -> dict[str, float]:
    slots = NODES * slots_each
    told, bare = (_driven(driver, cells, slots_each) for driver in (DRIVER, BARE_DRIVER))
    began = sorted(cell["began"] for cell in told["cells"])
    first: dict[float, float] = {}  # process -> when it began its first cell
    for cell in told["cells"]:
        first[cell["process"]] = min(cell["began"], first.get(cell["process"], math.inf))
    started = max(first.values())  # from here on every slot has been at work
    busy = sum(at + SECONDS - max(at, started) for at in began if at + SECONDS > started) / slots
    ideal = cells * SECONDS / slots
    steady = 100 * ((began[-1] + SECONDS - started) / busy - 1)
    starting, ending = began[0] - told["begun"], told["ended"] - began[-1] - SECONDS
    return {
        "wall-clock (s)": told["ended"] - told["begun"],
        "ideal (s)": ideal,
        "overhead (%)": _overhead(told, ideal),
        "bare Tune, overhead (%)": _overhead(bare, ideal),
        "estimate with a core for each slot (%)": steady + 100 * (starting + ending) / ideal,
        "start-up, until the first cell (s)": starting,
        "bare Tune, until the first trial (s)": min(cell["began"] for cell in bare["cells"]) - bare["begun"],
        "start-up, until a cell in each slot (s)": started - told["begun"],
        "overhead, workers started (%)": steady,
        "ending (s)": ending,
        "processes that ran cells": float(len(first)),
        "processes that imported torch": float(
            len({cell["process"] for cell in told["cells"] if cell["torch"]})
        ),
        "driver's computing per cell (ms)": 1000 * told["computing"] / cells,
    }


def _overhead(told: dict, ideal: float) -> float:
    return 100 * ((told["ended"] - told["begun"]) / ideal - 1)


def _driven(driver: str, cells: int, slots_each: int) -> dict:
    with _two_nodes(slots_each) as cluster, tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", driver, f"127.0.0.1:{cluster.port}", str(cells), str(SECONDS)]
        ended = subprocess.run(command, env=cluster.environment, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    return json.loads(ended.stdout.splitlines()[-1])


@contextlib.contextmanager
def _two_nodes(slots_each: int) -> Iterator[LocalCluster]:
    cluster = LocalCluster(
        {
            "PYTHONPATH": os.pathsep.join([SOURCES, str(ROOT)]),
            "GRIDCELL_TASKS": "waiting=tests.benchmarks._waiting_task:task",
        }
    )
    try:
        cluster.start()
        for _ in range(NODES):
            cluster.add_worker(cpus=slots_each)
        cluster.wait_for_nodes(1 + NODES)
        yield cluster
    finally:
        cluster.stop()
