"""The process that runs cells: what it tells, what ends in it, and what it needn't import."""

import json
import os
import subprocess
import sys

import pytest
import toy_task

from gridcell.execute.outcome import FailureClass
from gridcell.execute.searcher import _outcome
from gridcell.execute.trial_actor import GridWork, TrialActor
from gridcell.grid import Grid

HEAVY = ("lightning", "mlflow", "pandas", "pyarrow.dataset", "ray.data", "ray.train", "ray.tune", "torch")


@pytest.fixture
def actor(store, tmp_path, monkeypatch):
    """Make an actor for a grid; its first cell is set."""
    monkeypatch.chdir(tmp_path)  # and back at the end

    def make(grid: Grid, report_every_s: float = 0.0):
        work = GridWork(toy_task.task, None, store.uri, dict(grid.locations), report_every_s, None)
        records = {cell.id: cell.to_record() for cell in grid.cells.values()}
        kind = type("Actor", (TrialActor,), {"work": work, "_records": records})
        return kind(config_of(next(iter(grid.cells))))

    return make


def config_of(cell_id):
    return {"cell": cell_id, "oom_halvings": 0}


def chain(**settings):
    return toy_task.plan(toy_task.Settings(width=1, length=2, **settings))


def outcome_of(grid, told):
    assert told["done"]
    ended = json.loads(told["outcome"])
    return _outcome(next(iter(grid.cells.values())), ended)


def test_it_tells_each_report_and_then_how_the_cell_ended(actor, store):
    grid = chain()
    running = actor(grid)
    first, second, total = grid.cells
    assert running.train() == {"progress": '[0, {"sum": 0}]', "done": False}
    assert outcome_of(grid, running.train()).metrics == {"sum": 0}
    for cell_id in (second, total):
        assert running.reset(config_of(cell_id))
        told = running.train()
        while not told["done"]:
            told = running.train()
        assert outcome_of(grid, told).done
    assert store.results.done() == {first, second, total}
    running.stop()


def test_reports_that_come_sooner_than_the_driver_wants_are_left_out(actor):
    grid = chain()
    assert outcome_of(grid, actor(grid, report_every_s=60).train()).done


def test_a_cell_that_exits_fails_and_leaves_the_process_to_the_next(actor, monkeypatch):
    grid = chain()
    running = actor(grid)
    with monkeypatch.context() as patch:
        patch.setattr(toy_task, "step", lambda *_: sys.exit(3))
        failure = outcome_of(grid, running.train()).failure
    assert failure is not None
    assert failure.failure_class is FailureClass.BUG
    assert failure.message == "SystemExit: 3"
    running.reset(config_of(next(iter(grid.cells))))
    assert running.train() == {"progress": '[0, {"sum": 0}]', "done": False}
    assert running.train()["done"]


@pytest.mark.slow
def test_neither_workers_nor_the_driver_import_what_serves_nothing_there(tmp_path):
    """Tune would import itself, Train, Data and pandas in each worker, and MLflow in the driver."""
    code = """
import json, sys
import rounds_task
from pathlib import Path
from gridcell.execute.driver import run_grid
from gridcell.store import Store
folder = Path(sys.argv[1])
grid = rounds_task.plan(rounds=1, width=1, markers=folder / "markers")
store = Store(str(folder / "store")).prepare()
assert len(run_grid(rounds_task.task, grid, store, num_cpus=1).finished) == 1
[cell] = grid.cells
print(json.dumps([store.results.read(cell).metrics["modules"], sorted(sys.modules)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    worker, driver = json.loads(done.stdout.splitlines()[-1])
    assert not set(worker) & set(HEAVY)
    assert "ray" in worker
    assert not set(driver) & {"mlflow", "torch", "lightning"}


class Reader:
    """Tells a variable of its process."""

    def read(self):
        return os.environ.get("AWS_ACCESS_KEY_ID")


@pytest.mark.slow
def test_credentials_of_the_driver_reach_the_workers_of_a_cluster(monkeypatch):
    import ray

    from gridcell.execute.cluster import ray_cluster
    from gridcell.execute.tune import _light_start

    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with ray_cluster(None, 1):  # without them, as one that others have started
        from ray.tune.execution.class_cache import _ActorClassCache

        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the driver's")
        for propagate, expected in ((True, "the driver's"), (False, None)):
            with _light_start(Reader, propagate=propagate):
                reader = _ActorClassCache().get(None).remote()
            assert ray.get(reader.read.remote()) == expected
            ray.kill(reader)
