"""The mirror shows what the store holds, catches up, and may fail without harm."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
import toy_task
from hypothesis import given, strategies as st

from gridcell import GridBuilder
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.mlflow.address import connect, database_of, tracking_uri
from gridcell.mlflow.experiment import Experiment
from gridcell.mlflow.mirror import Mirror
from gridcell.mlflow.names import accepted_names, labels_of, params_of
from gridcell.mlflow.writer import remarks, write
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


def run(grid, store, mirror):
    return run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[mirror])


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


def test_grids_of_one_suite_name_have_parents_of_their_own_names(grid, uri):
    other = toy_task.plan(toy_task.Settings(width=5))
    parents = [experiment(uri, one).parent for one in (grid, other, grid)]
    assert parents[0] == parents[2] != parents[1]
    names = [connect(uri).get_run(parent).info.run_name for parent in parents]
    assert names[:2] == [f"mini {grid_id(grid)}", f"mini {grid_id(other)}"]


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
    mirror = Mirror(uri, "toy", "mini", grid, store)
    monkeypatch.setattr(mirror._thread, "join", joined.append)
    monkeypatch.setattr(mirror._thread, "is_alive", lambda: True)
    mirror.ended(stopped=False)
    mirror.ended(stopped=True)
    assert joined == [60.0, 2.0]
    assert "2 s" in mirror.problem


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


def parent_of(uri):
    (parent,) = [item for item in runs(uri) if "mlflow.parentRunId" not in item.data.tags]
    return parent


def by_title(uri):
    return {item.info.run_name: item for item in children(uri)}


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


def test_syncing_shows_failures_once_and_a_later_success_in_their_place(store, uri):
    grid = toy_task.plan(toy_task.Settings(fail={"r0c0": "bug"}))
    store.plans.save("toy", "mini", grid)
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    assert experiment(uri, grid).mirror(store, grid.cells) == 5  # 4 done, 1 failed
    assert experiment(uri, grid).mirror(store, grid.cells) == 0
    (failed,) = [item for item in children(uri) if item.info.status == "FAILED"]
    cell = grid.cells[failed.data.tags["gridcell.cell"]]
    done = next(iter(store.results.read_many(grid.cells)[0].values()))
    experiment(uri, grid).show(replace(done, cell=cell))
    again = by_title(uri)["r0c0"]
    assert again.info.status == "FINISHED"
    assert "gridcell.failure" not in again.data.tags


BAD_NAMES = ["acc@1", "prec@1 (val)", "", "../up", "/abs", "a//b", "x" * 300, "é%", ".", "acc_1"]


def test_names_that_mlflow_refuses_are_changed_apart_and_named(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    result = next(iter(store.results.read_many(grid.cells)[0].values()))
    cell = replace(result.cell, config={name: index for index, name in enumerate(BAD_NAMES)})
    metrics = {name: index for index, name in enumerate(BAD_NAMES)}
    curves = {"acc@1": [[0, 0.5], [1, 0.75]]}
    shown = experiment(uri, grid)
    shown.show(replace(result, cell=cell, metrics=metrics, curves=curves))
    (item,) = children(uri)
    assert item.info.status == "FINISHED"
    values = [value for name, value in item.data.metrics.items() if name not in ("seconds", "curve/acc_1")]
    assert sorted(values) == list(range(len(BAD_NAMES)))
    assert item.data.metrics["acc_1"] == BAD_NAMES.index("acc_1")
    assert item.data.metrics["acc_1_2"] == BAD_NAMES.index("acc@1")
    assert item.data.metrics["curve/acc_1"] == 0.75
    assert len(item.data.params) == len(BAD_NAMES) + 2  # kind and seed
    (sentence,) = remarks(shown)
    assert "'acc@1' as 'acc_1_2'" in sentence


def test_a_cell_that_mlflow_refuses_is_named_and_the_others_are_shown(grid, store, uri, monkeypatch):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    whole = Experiment.show

    def show(self, result):
        if result.cell.title == "r0c1":
            self._client.log_metric(self.parent, "not@allowed", 1.0)
        whole(self, result)

    monkeypatch.setattr(Experiment, "show", show)
    shown = experiment(uri, grid)
    assert shown.mirror(store, grid.cells) == len(grid) - 1
    assert list(shown.refused) == ["r0c1"]
    assert "not@allowed" in shown.refused["r0c1"]
    assert len(by_title(uri)) == len(grid) - 1


@given(st.lists(st.text(max_size=300), max_size=6))
def test_mlflow_takes_every_accepted_name_and_none_twice(names):
    from mlflow.utils.validation import _validate_metric, _validate_param

    accepted = accepted_names(names)
    assert accepted.keys() == set(names)
    assert len(set(accepted.values())) == len(accepted)
    for name in accepted.values():
        _validate_metric(name, 1.0, 0, 0)
        _validate_param(name, "1")


def test_labels_of_targets_are_parameters_and_settings_of_their_name_are_kept():
    builder = GridBuilder("toy")
    cell = builder.add("step", {"method": "merge", "sets": ["v2", "r"], "merge": None}, seed=3, title="one")
    builder.target({"method": "ft", "model": "vit"}, cell)
    builder.target({"method": "wise-ft", "model": "vit", "alpha": 1}, cell)
    grid = builder.build()
    assert params_of(cell, labels_of(grid)[cell.id]) == {
        "kind": "step",
        "seed": "3",
        "method": "ft, wise-ft",
        "model": "vit",
        "alpha": "1",
        "config/method": "merge",
        "sets": "v2, r",
    }


def test_a_cell_has_one_run_below_the_largest_grid_that_holds_it(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    part = grid.select({"row": ["1"]})
    assert len(part) == len(grid)  # the sum needs all
    small = replace(grid, cells={key: grid.cells[key] for key in list(grid.cells)[:2]}, targets=())

    def show(some):
        shown = Experiment(uri, "toy", "mini", grid_id(some), len(some), ids=some.cells)
        shown.mirror(store, some.cells)
        return shown.parent

    first, whole, again = show(small), show(grid), show(small)
    assert first == again != whole
    assert len(children(uri)) == len(grid)
    assert {item.data.tags["mlflow.parentRunId"] for item in children(uri)} == {whole}


def test_a_result_that_was_made_again_takes_the_place_of_the_old_one(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    result = next(iter(store.results.read_many(grid.cells)[0].values()))
    shown = experiment(uri, grid)
    shown.show(result)
    new = replace(result, metrics={"sum": 77}, stamp="another")
    assert shown.shows(result)
    assert not shown.shows(new)
    experiment(uri, grid).show(new)
    (item,) = children(uri)
    assert item.data.metrics["sum"] == 77


def lines_of(uri, grid, *events):
    header = {"uri": uri, "task": "toy", "suite": "mini", "grid": grid_id(grid), "cells": len(grid)}
    return iter([json.dumps(header).encode(), *(json.dumps(event).encode() for event in events)])


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


def test_a_curve_of_another_attempt_does_not_stay_beside_the_result(grid, store, uri):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    result = next(iter(store.results.read_many(grid.cells)[0].values()))
    shown = experiment(uri, grid)
    shown.begin(result.cell, 500)
    shown.add_points(result.cell, [(1000, 0, {"loss": 9.0})])
    assert [item.info.status for item in children(uri)] == ["RUNNING"]
    shown.show(replace(result, curves={"loss": [[0, 3.0]]}))
    (item,) = children(uri)
    history = connect(uri).get_metric_history(item.info.run_id, "curve/loss")
    assert [point.value for point in history] == [3.0]


def test_the_window_shows_a_cell_while_it_runs(grid, store, uri, monkeypatch):
    monkeypatch.setattr("gridcell.mlflow.mirror.LIVE_S", 0.05)
    mirror = Mirror(uri, "toy", "mini", grid, store)
    seen = {}

    class Watcher:  # a listener that holds the first cell until MLflow shows its curve
        def reported(self, cell, step, metrics):
            while not seen:
                assert mirror._thread.is_alive()
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


def test_a_database_whose_making_was_interrupted_is_set_aside_and_made_anew(grid, store, uri, tmp_path):
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    database = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(database)) as opened:
        opened.execute("CREATE TABLE experiments (experiment_id INTEGER)")
        opened.execute("CREATE TABLE runs (run_uuid TEXT)")
        opened.commit()
    shown = experiment(uri, grid)
    assert shown.aside == tmp_path / "mlflow.db.unusable-1"
    assert shown.aside.exists()
    assert shown.mirror(store, grid.cells) == len(grid)
    assert experiment(uri, grid).aside is None


def test_a_database_that_holds_runs_and_a_file_of_another_kind_stay(grid, uri, tmp_path):
    database = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(database)) as opened:
        opened.execute("CREATE TABLE runs (run_uuid TEXT)")
        opened.execute("INSERT INTO runs VALUES ('mine')")
        opened.commit()
    before = database.read_bytes()
    with pytest.raises(Exception, match=r"(?i)table|revision|schema|column"):
        experiment(uri, grid)
    with contextlib.closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT run_uuid FROM runs").fetchall() == [("mine",)]
    assert before[:16] == database.read_bytes()[:16]
    database.write_text("name,value\n" * 20)
    with pytest.raises(UserError, match="no SQLite database"):
        experiment(uri, grid)
    assert database.read_text().startswith("name,value")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_a_writer_killed_while_it_makes_the_database_leaves_none_or_a_whole_one(grid, uri, tmp_path, seconds):
    code = (
        "from gridcell.mlflow.address import connect; connect('sqlite://'); print(flush=True)\n"
        f"from gridcell.mlflow.database import prepare; prepare({uri!r})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as making:
        making.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            making.wait(seconds)
        making.kill()
    assert experiment(uri, grid).aside is None
    assert not list(tmp_path.glob("*.making-*"))


def test_a_relative_database_and_an_experiment_deleted_in_the_pages(grid, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    uri = "sqlite:///relative.db"
    experiment(uri, grid).mirror(store, grid.cells)
    client = connect(uri)
    found = client.get_experiment_by_name("toy/mini")
    assert found.artifact_location == (tmp_path / "mlflow-artifacts").as_uri()
    client.delete_experiment(found.experiment_id)
    experiment(uri, grid).mirror(store, grid.cells)
    assert client.get_experiment_by_name("toy/mini").lifecycle_stage == "active"
    assert len(children(uri)) == len(grid)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("./mlruns", "can't keep runs in the folder './mlruns'"),
        ("file:///tmp/mlruns", "can't keep runs in the folder"),
        ("htp://there", "did you mean 'http'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////etc/passwd/mlflow.db", "can't be written"),
    ],
)
def test_an_address_that_mlflow_cannot_use_is_refused(store, uri, said):
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        tracking_uri(uri, store)


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:1", "postgresql+psycopg2://x:y@h/db", "sqlite:///new/mlflow.db", "databricks"],
)
def test_other_addresses_are_left_as_they_are(store, uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(uri, store) == uri
