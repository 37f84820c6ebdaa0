"""The window shows what the store holds, catches up, and may fail without harm."""

import json
import subprocess
import sys

import pytest
import toy_task

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.mlflow.experiment import Experiment, connect
from gridcell.mlflow.mirror import Window, write
from gridcell.store.plans import grid_id
from gridcell.store.results import encode


@pytest.fixture
def grid():
    return toy_task.plan(toy_task.Settings(width=2, length=2))


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path}/mlflow.db"


def runs(uri):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiments = [item for item in client.search_experiments() if item.name != "Default"]
    return [run for item in experiments for run in client.search_runs([item.experiment_id])]


def children(uri):
    return [run for run in runs(uri) if "mlflow.parentRunId" in run.data.tags]


def experiment(uri, grid):
    return Experiment(uri, "toy", "mini", grid_id(grid), len(grid))


def run(grid, store, window):
    return run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[window])


def test_each_cell_becomes_one_run_under_one_parent(store, uri):
    grid = toy_task.plan(toy_task.Settings(width=20, length=2))  # some end while MLflow is imported
    window = Window(uri, "toy", "mini", grid, store)
    run(grid, store, window)
    assert window.problem is None
    found = children(uri)
    assert len(found) == len(grid)
    assert {item.data.tags["gridcell.cell"] for item in found} == set(grid.cells)
    assert len({item.data.tags["mlflow.parentRunId"] for item in found}) == 1
    by_name = {item.info.run_name: item for item in found}
    assert by_name["total"].data.metrics["sum"] == 2 * sum(range(20))
    assert by_name["r1c1"].data.params["add"] == "1"
    assert by_name["r1c1"].info.status == "FINISHED"
    assert by_name["r1c1"].data.metrics["curve/sum"] == 1


def test_the_window_is_rebuilt_from_the_store_and_syncing_twice_adds_nothing(grid, store, uri, tmp_path):
    run(grid, store, Window(uri, "toy", "mini", grid, store))
    before = {item.data.tags["gridcell.cell"]: item.data.metrics for item in children(uri)}
    other = f"sqlite:///{tmp_path}/other.db"
    assert experiment(other, grid).mirror(store, grid.cells) == len(grid)
    assert experiment(other, grid).mirror(store, grid.cells) == 0
    assert {item.data.tags["gridcell.cell"]: item.data.metrics for item in children(other)} == before


def test_grids_of_one_suite_name_have_parents_of_their_own_names(grid, uri):
    other = toy_task.plan(toy_task.Settings(width=5))
    parents = [experiment(uri, one).parent for one in (grid, other, grid)]
    assert parents[0] == parents[2] != parents[1]
    names = [connect(uri).get_run(parent).info.run_name for parent in parents]
    assert names[:2] == [f"mini {grid_id(grid)}", f"mini {grid_id(other)}"]


def test_a_window_that_is_down_loses_nothing_and_says_so(grid, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    window = Window("http://127.0.0.1:9", "toy", "mini", grid, store)
    schedule = run(grid, store, window)
    assert schedule.finished == set(grid.cells)
    assert window.problem
    assert "127.0.0.1" in window.problem


def test_a_later_run_catches_up_with_cells_done_without_a_window(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    larger = toy_task.plan(toy_task.Settings(width=3, length=2))
    run(larger, store, Window(uri, "toy", "mini", larger, store))
    assert {item.data.tags["gridcell.cell"] for item in children(uri)} == set(larger.cells)


def test_a_writer_that_goes_away_is_told_and_the_run_goes_on(grid, store, uri):
    window = Window(uri, "toy", "mini", grid, store)

    class Killer:  # a listener that kills the writer once it is there
        def finished(self, cell, outcome, again):
            while window._writer is None:
                assert window._thread.is_alive()
            window._writer.kill()
            window._writer.wait()

        def __getattr__(self, name):
            return lambda *arguments: None

    schedule = run_grid(
        toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[window, Killer()]
    )
    assert schedule.finished == set(grid.cells)
    assert "exit code -9" in window.problem


def test_what_came_before_the_driver_went_away_is_kept_and_its_run_stays_open(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    header = {"uri": uri, "task": "toy", "suite": "mini", "grid": grid_id(grid), "cells": len(grid)}
    results, _ = store.results.read_many(grid.cells)
    lines = [cell_id.encode() + b" " + encode(result) for cell_id, result in results.items()]
    told = []
    write(iter([json.dumps(header).encode(), *lines[:2], lines[0]]), told.append)
    assert len(children(uri)) == 2
    assert told == ["[]\n"]
    assert {item.data.tags["gridcell.cell"] for item in children(uri)} == set(list(results)[:2])
    (parent,) = [item for item in runs(uri) if "mlflow.parentRunId" not in item.data.tags]
    assert parent.info.status == "RUNNING"
    write(iter([json.dumps(header).encode(), *lines[2:], b"end\n"]), told.append)
    assert json.loads(told[1]) == sorted(list(results)[:2])
    assert len(children(uri)) == len(grid)
    (parent,) = [item for item in runs(uri) if "mlflow.parentRunId" not in item.data.tags]
    assert parent.info.status == "FINISHED"


def test_a_run_that_was_left_half_written_is_finished_and_not_doubled(grid, store, uri, monkeypatch):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    from mlflow.tracking import MlflowClient

    def fail(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_batch", fail)
        with pytest.raises(KeyboardInterrupt):
            experiment(uri, grid).mirror(store, grid.cells)
    assert [item.info.status for item in children(uri)] == ["RUNNING"]
    assert experiment(uri, grid).mirror(store, grid.cells) == len(grid)
    assert [item.info.status for item in children(uri)] == ["FINISHED"] * len(grid)
    assert all("seconds" in item.data.metrics for item in children(uri))


def test_a_run_that_was_stopped_does_not_wait_long_for_mlflow(grid, store, uri, monkeypatch):
    joined = []
    window = Window(uri, "toy", "mini", grid, store)
    monkeypatch.setattr(window._thread, "join", joined.append)
    monkeypatch.setattr(window._thread, "is_alive", lambda: True)
    window.ended(stopped=False)
    window.ended(stopped=True)
    assert joined == [60.0, 2.0]
    assert "2 s" in window.problem


@pytest.mark.slow
def test_two_drivers_that_begin_together_make_one_experiment(grid, uri):
    code = (
        "from gridcell.mlflow.experiment import Experiment; "
        f"Experiment({uri!r}, 'toy', 'mini', {grid_id(grid)!r}, 7)"
    )
    drivers = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    told = [driver.communicate()[1] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0] * 3, told
    assert len(runs(uri)) == 1


def test_the_driver_itself_does_not_import_mlflow(tmp_path):
    code = (
        "import sys; from gridcell.cli import main; sys.argv[1:] = ['run', 'toy', '--executor', 'inline']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
    assert len(children(f"sqlite:///{tmp_path}/runs/mlflow.db")) > 2
