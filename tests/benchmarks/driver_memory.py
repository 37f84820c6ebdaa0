"""What the driver holds of a cell that has ended, beside what bare Tune holds of a trial.

Tune keeps every trial that there ever was. Each side runs in a process of its own; what it holds is how much
its resident memory grows from the first quarter of its trials to the last, after a collection of garbage.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

AIMS = {"a cell (kB)": "<= 10", "each further metric of a cell (kB)": "<= 0.05"}
CELLS = int(os.environ.get("GRIDCELL_BENCH_CELLS", "400"))
METRICS = 100


class _Growth:
    """Resident memory, in bytes, after a quarter of the trials and after nearly all."""

    def __init__(self) -> None:
        self.ended = 0
        self.marks: dict[int, int] = {}

    def one_more(self) -> None:
        self.ended += 1
        if self.ended in (CELLS // 4, CELLS - 4):
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.marks[self.ended] = pages * os.sysconf("SC_PAGE_SIZE")

    def a_trial(self) -> float:
        (first, before), (last, after) = sorted(self.marks.items())
        return (after - before) / (last - first)


def measure() -> dict[str, float]:
    """Return kilobytes for each cell, each further metric of it, and each trial of bare Tune."""
    plain, many, bare, told = (
        _alone(*arguments) for arguments in (("cells", 0), ("cells", METRICS), ("bare", 0), ("bare", METRICS))
    )
    return {
        "a cell (kB)": plain,
        "each further metric of a cell (kB)": (many - plain) / METRICS,
        "bare Tune, a trial (kB)": bare,
        "bare Tune, each further metric (kB)": (told - bare) / METRICS,
    }


def _alone(side: str, metrics: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.driver_memory", side, str(metrics)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(json.loads(said.splitlines()[-1])) / 1000


def _cells(metrics: int) -> float:
    from tests.benchmarks._waiting_task import Settings, task

    from gridcell.execute.driver import run_grid
    from gridcell.execute.options import RunOptions
    from gridcell.store import Store

    growth = _Growth()

    class Watching:
        def finished(self, *_: Any) -> None:
            growth.one_more()

        def __getattr__(self, _: str) -> Any:
            return lambda *_: None

    grid = task.plan(Settings(cells=CELLS, seconds=0, metrics=metrics))
    with tempfile.TemporaryDirectory() as folder:
        run_grid(task, grid, Store(folder).prepare(), RunOptions(num_cpus=2), listeners=[Watching()])
    return growth.a_trial()


def _bare(metrics: int) -> float:
    import ray
    from ray import tune

    growth = _Growth()

    class Watching(tune.Callback):  # type: ignore[misc]  # Ray says no types
        def on_trial_complete(self, *_: Any, **__: Any) -> None:
            growth.one_more()

    def nothing(config: dict[str, int]) -> dict[str, float]:
        return {f"metric{number}": 0.5 + config["n"] for number in range(max(1, metrics))}

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            nothing,
            param_space={"n": tune.grid_search(list(range(CELLS)))},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[Watching()]),
        )
        tuner.fit()
    ray.shutdown()
    return growth.a_trial()


if __name__ == "__main__":
    sides = {"cells": _cells, "bare": _bare}
    print(json.dumps(sides[sys.argv[1]](int(sys.argv[2]))))  # noqa: T201
