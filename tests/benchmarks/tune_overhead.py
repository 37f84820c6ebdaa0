"""The platform's overhead on Ray Tune: 200 cells that do nothing, beside 200 bare trials that do nothing."""

import os
import sys
import tempfile
import time
from pathlib import Path

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store

AIMS = {"overhead per cell (ms)": "<= 80"}
CELLS = 200


def measure() -> dict[str, float]:
    """Return milliseconds per cell, the start of Ray left out on both sides."""
    plugins = str(Path(__file__).parents[1] / "plugins")
    sys.path.insert(0, plugins)
    os.environ["PYTHONPATH"] = plugins
    bare = _bare_tune() / CELLS  # first: the platform's executor changes Tune's settings in the environment
    ours = (_grid(CELLS) - _grid(0)) / CELLS
    return {
        "overhead per cell (ms)": 1000 * ours,
        "bare Tune with reused actors, per trial (ms)": 1000 * bare,
        "ratio": ours / bare,
    }


def _grid(extra: int) -> float:
    import toy_task

    grid = toy_task.plan(toy_task.Settings(width=1 + extra, length=1))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder).prepare()
        begun = time.perf_counter()
        schedule = run_grid(toy_task.task, grid, store, RunOptions(num_cpus=2))
        seconds = time.perf_counter() - begun
    assert len(schedule.finished) == len(grid) == extra + 2
    return seconds


def _nothing(config: dict[str, int]) -> dict[str, int]:
    return {"done": config["n"]}


def _bare_tune() -> float:
    import ray
    from ray import tune

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)

    def fit(samples: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            tuner = tune.Tuner(
                _nothing,
                param_space={"n": tune.grid_search(list(range(samples)))},
                tune_config=tune.TuneConfig(reuse_actors=True),
                run_config=tune.RunConfig(storage_path=folder, verbose=0),
            )
            begun = time.perf_counter()
            tuner.fit()
            return time.perf_counter() - begun

    try:
        return fit(CELLS + 2) - fit(2)
    finally:
        ray.shutdown()
