"""A grid's runs in MLflow: one a cell, as the store has it, whatever was there before."""

from dataclasses import replace

import pytest
import toy_task
from tests.mlflow_runs import by_title, children, experiment

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.mlflow.address import connect
from gridcell.mlflow.experiment import Experiment
from gridcell.mlflow.writer import remarks
from gridcell.store.plans import grid_id


def test_grids_of_one_suite_name_have_parents_of_their_own_names(grid, uri):
    other = toy_task.plan(toy_task.Settings(width=5))
    parents = [experiment(uri, one).parent for one in (grid, other, grid)]
    assert parents[0] == parents[2] != parents[1]
    names = [connect(uri).get_run(parent).info.run_name for parent in parents]
    assert names[:2] == [f"mini {grid_id(grid)}", f"mini {grid_id(other)}"]


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
    assert shown.renamed["acc@1"] == "acc_1_2"
    named = ", ".join(f"'{name}' as '{new}'" for name, new in sorted(shown.renamed.items())[:3])
    more = len(shown.renamed) - 3
    assert sentence == f"MLflow refuses some names and shows {named}, and {more} more alike"


def test_one_column_never_shows_two_metrics_whoever_writes_which_cell(grid, store, uri):
    """One cell alone has 'acc@1', so that it becomes 'acc_1', which is a metric of another cell."""
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    first, second, third, *_ = store.results.read_many(grid.cells)[0].values()
    experiment(uri, grid).show(replace(first, metrics={"acc@1": 1.0}))
    later = experiment(uri, grid)  # another run, or sync
    later.show(replace(second, metrics={"acc_1": 2.0, "acc@1": 3.0}))
    later.show(replace(third, metrics={"acc#1": 4.0}))
    shown = by_title(uri)
    columns = [
        {name: value for name, value in shown[each.cell.title].data.metrics.items() if name[:3] == "acc"}
        for each in (first, second, third)
    ]
    assert columns == [{"acc_1": 1.0}, {"acc_1_2": 2.0, "acc_1": 3.0}, {"acc_1_3": 4.0}]


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
