"""The mirror shows what the store holds while a grid runs, catches up, and may fail without harm."""

import io
import json
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import toy_task
from tests.mlflow_runs import by_title, children, experiment, lines_of, parent_of, run, runs

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.execute.schedule import Schedule
from gridcell.execute.source import Growth
from gridcell.mlflow import mirror as mirror_module
from gridcell.mlflow.address import connect, database_of
from gridcell.mlflow.mirror import Mirror
from gridcell.mlflow.writer import write
from gridcell.store.plans import grid_id
from gridcell.store.results import encode


def test_each_cell_becomes_one_run_under_one_parent(store, uri):
    grid = toy_task.plan(toy_task.Settings(width=20, length=2))  # some end while MLflow is imported
    mirror = Mirror(uri, "toy", "mini", grid, store)
    run(grid, store, mirror)
    assert mirror.problem is None
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
    run(grid, store, Mirror(uri, "toy", "mini", grid, store))
    before = {item.data.tags["gridcell.cell"]: item.data.metrics for item in children(uri)}
    other = f"sqlite:///{tmp_path}/other.db"
    assert experiment(other, grid).mirror(store, grid.cells) == len(grid)
    assert experiment(other, grid).mirror(store, grid.cells) == 0
    assert {item.data.tags["gridcell.cell"]: item.data.metrics for item in children(other)} == before


@pytest.mark.parametrize("stopped", [False, True])
def test_a_slow_start_of_mlflow_takes_nothing_from_the_time_to_catch_up(stopped, grid, store, monkeypatch):
    """The run is over before MLflow answers for the first time; only who stopped it doesn't wait for that."""
    answers, killed = threading.Event(), threading.Event()

    class Writer:  # stands for the process
        stdin, stdout, returncode = io.BytesIO(), None, 0
        communicate = lambda self, *_: (b"", None)  # noqa: E731
        wait = lambda self: 0  # noqa: E731
        kill = lambda self: killed.set()  # noqa: E731

        def readline(self):
            answers.wait(60)
            return b"[]\n"

    writer = Writer()
    writer.stdout = writer
    monkeypatch.setattr(mirror_module, "_start_writer", lambda errors: writer)
    monkeypatch.setattr(mirror_module, "_CLOSING_S", 20.0)
    monkeypatch.setattr(mirror_module, "_HURRIED_S", 0.01)
    mirror = Mirror("sqlite://", "toy", "mini", grid, store)
    mirror.begun(Schedule(grid, set()))
    waits = mirror._connected.wait

    def started(patience_s):
        answers.set()  # after the end of the run
        return waits(patience_s)

    monkeypatch.setattr(mirror._connected, "wait", started)
    mirror.ended(stopped)
    assert killed.is_set() == bool(mirror.problem) == stopped
    answers.set()
    mirror._thread.join(60)


def test_a_window_that_is_down_loses_nothing_and_says_so(grid, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mirror = Mirror("http://127.0.0.1:9", "toy", "mini", grid, store)
    schedule = run(grid, store, mirror)
    assert schedule.finished == set(grid.cells)
    assert mirror.problem
    assert "127.0.0.1" in mirror.problem


def test_a_later_run_catches_up_with_cells_done_without_a_window(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    larger = toy_task.plan(toy_task.Settings(width=3, length=2))
    run(larger, store, Mirror(uri, "toy", "mini", larger, store))
    assert {item.data.tags["gridcell.cell"] for item in children(uri)} == set(larger.cells)


def test_a_writer_that_goes_away_is_told_and_the_run_goes_on(grid, store, uri):
    mirror = Mirror(uri, "toy", "mini", grid, store)

    class Killer:  # a listener that kills the writer once it is there
        def finished(self, cell, outcome, again):
            while mirror._writer is None:
                assert mirror._thread.is_alive()
            mirror._writer.kill()
            mirror._writer.wait()

        def __getattr__(self, name):
            return lambda *arguments: None

    schedule = run_grid(
        toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[mirror, Killer()]
    )
    assert schedule.finished == set(grid.cells)
    assert "exit code -9" in mirror.problem


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


def test_a_run_that_was_stopped_does_not_wait_long_for_mlflow(grid, store, uri, monkeypatch):
    joined = []
    mirror = Mirror(uri, "toy", "mini", grid, store)
    monkeypatch.setattr(mirror._thread, "join", joined.append)
    monkeypatch.setattr(mirror._thread, "is_alive", lambda: True)
    mirror._connected.set()  # MLflow has started, and is slow from there on
    mirror.ended(stopped=False)
    mirror.ended(stopped=True)
    assert joined == [60.0, 2.0]
    assert "2 s" in mirror.problem


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


def test_failed_cells_are_failed_with_class_and_message_and_the_parent_counts_them(store, uri):
    grid = toy_task.plan(toy_task.Settings(width=4, fail={"r0c0": "bug", "r1c1": "diverged"}))
    run(grid, store, Mirror(uri, "toy", "mini", grid, store, tags={"gridcell.selection": "row=1"}))
    found = by_title(uri)
    assert {name for name, item in found.items() if item.info.status == "FAILED"} == {"r0c0", "r1c1"}
    assert found["r0c0"].data.tags["gridcell.failure_class"] == "bug"
    assert found["r0c0"].data.tags["gridcell.failure"] == "ZeroDivisionError: one by nought"
    assert found["r1c1"].data.tags["gridcell.state"] == "diverged"
    parent = parent_of(uri)
    assert parent.info.status == "FAILED"
    assert parent.info.run_name == f"mini row=1 {grid_id(grid)}"
    tags = {name.removeprefix("gridcell."): value for name, value in parent.data.tags.items()}
    assert tags.items() >= {"done": "5", "failed": "1: r0c0", "blocked": "2: r0c1, total"}.items()


def test_a_running_cell_shows_its_curve_and_its_result_completes_it(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    result = next(iter(store.results.read_many(grid.cells)[0].values()))
    result = replace(result, curves={"loss": [[0, 3.0], [1, 2.0], [2, 1.0]]})
    live = [[1000, 0, {"loss": 3.0}], [2000, 1, {"loss": 2.0}]]
    write(lines_of(uri, grid, {"running": [[result.cell.to_record(), 500, live]]}), lambda line: None)
    (item,) = children(uri)
    assert item.data.metrics == {"curve/loss": 2.0}
    assert item.info.status == "KILLED"  # the driver went away
    experiment(uri, grid).show(result)
    (item,) = children(uri)
    assert item.info.status == "FINISHED"
    history = connect(uri).get_metric_history(item.info.run_id, "curve/loss")
    assert sorted((point.step, point.value) for point in history) == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_the_window_shows_a_cell_while_it_runs(grid, store, uri, monkeypatch):
    monkeypatch.setattr("gridcell.mlflow.mirror.LIVE_S", 0.05)
    mirror = Mirror(uri, "toy", "mini", grid, store)
    seen = {}

    class Watcher:  # a listener that holds the first cell until MLflow shows its curve
        def reported(self, cell, step, metrics):
            while not seen:
                assert mirror._thread.is_alive()
                threading.Event().wait(0.1)  # the writer needs the processor, too
                seen.update(
                    {
                        item.data.tags["gridcell.cell"]: (item.info.status, item.data.metrics)
                        for item in (children(uri) if database_of(uri).exists() else [])
                        if item.data.metrics
                    }
                )

        def __getattr__(self, name):
            return lambda *arguments: None

    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[mirror, Watcher()])
    assert mirror.problem is None
    first = next(iter(grid.cells))
    assert seen == {first: ("RUNNING", {"curve/sum": 0.0})}
    assert {item.info.status for item in children(uri)} == {"FINISHED"}


def test_a_report_is_added_with_its_files_and_numbers(grid, store, uri, tmp_path):
    report = tmp_path / "report"
    report.mkdir()
    (report / "summary.json").write_text(json.dumps({"mRI": {"vit": {"ft": 1.5}}, "sets": ["v2"]}))
    mirror = Mirror(uri, "toy", "mini", grid, store, awaits_report=True)
    run(grid, store, mirror)
    mirror.close(report)
    assert mirror.problem is None
    parent = parent_of(uri)
    assert parent.data.metrics == {"mRI/vit/ft": 1.5}
    files = [item.path for item in connect(uri).list_artifacts(parent.info.run_id, "report")]
    assert files == ["report/summary.json"]


def test_cells_that_are_added_while_a_grid_runs_are_shown_with_their_labels(grid, store, uri):
    class Once:  # a source that adds one grid
        def __init__(self, more):
            self.left = [more]

        def more(self, ended):
            return Growth(self.left.pop()) if ended and self.left else None

    more = toy_task.plan(toy_task.Settings(width=1, length=1, seeds=[5]))
    mirror = Mirror(uri, "toy", "mini", grid, store)
    options = RunOptions(executor="inline")
    run_grid(toy_task.task, grid, store, options, listeners=[mirror], source=Once(more))
    assert mirror.problem is None
    found = {item.data.tags["gridcell.cell"]: item for item in children(uri)}
    assert set(found) == {*grid.cells, *more.cells}
    (row,) = [target.cell for target in more.targets if target.labels["what"] == "row"]
    assert found[row].data.params["what"] == "row"
    assert parent_of(uri).data.tags["gridcell.cells"] == str(len(found))
