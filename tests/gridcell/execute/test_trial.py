"""The process that runs cells: what it tells the driver, and what ends in it."""

import contextlib
import json
import sys
from pathlib import Path

import batch_task
import pytest
import toy_task

from gridcell.execute.last_words import Process, take_last_words
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.searcher import _outcome
from gridcell.execute.trial import BEGUN, CELL, NOT_BEGUN, OUTCOME, PROCESS, PROGRESS, CellTrial, GridWork
from gridcell.grid import Grid
from gridcell.notice import NOTICE
from gridcell.store.scratch import Scratch


@pytest.fixture
def trial_of(store, tmp_path, monkeypatch):
    """Make a trial for a grid, set to its first cell."""
    monkeypatch.chdir(tmp_path)  # and back at the end
    monkeypatch.setattr("gridcell.execute.trial.this_process", lambda: Process("node"))

    def make(grid: Grid, report_every_s: float = 0.0):
        work = GridWork(None, (), None, store.uri, dict(grid.locations), {}, report_every_s, None)
        vars(work)["task"] = toy_task.task
        vars(work)["cells"] = {cell.id: cell.to_record() for cell in grid.cells.values()}
        trial = CellTrial.__new__(CellTrial)  # without Tune's own surroundings
        take(trial, next(iter(grid.cells)))
        trial.setup(trial.config, work)
        return trial

    return make


def take(trial, cell_id):
    trial.config = {"cells": [{"cell": cell_id}], "attempt": "one"}
    assert trial.reset_config(trial.config)


def chain(**settings):
    return toy_task.plan(toy_task.Settings(width=1, length=2, **settings))


def run(trial, grid):
    """Step until the cell has ended; return what it said before, and how it ended."""
    said = [trial.step()]
    while not said[-1]["done"]:
        said.append(trial.step())
    *before, last = said
    cell = grid.cells[trial.config["cells"][0]["cell"]]
    return before, _outcome(cell, json.loads(last[OUTCOME]))


def test_it_says_that_it_began_each_report_and_then_how_the_cell_ended(trial_of, store):
    grid = chain()
    trial = trial_of(grid)
    first, second, total = grid.cells
    begun = {
        BEGUN: True,
        PROCESS: json.dumps(vars(Process("node", folder=str(trial._folder.path)))),
        "done": False,
    }
    before, outcome = run(trial, grid)
    assert before == [begun, {PROGRESS: '[0, {"sum": 0}]', "done": False}]
    assert outcome.metrics == {"sum": 0}
    for cell_id in (second, total):
        take(trial, cell_id)
        before, outcome = run(trial, grid)
        assert before[0] == begun
        assert outcome.done
    assert store.results.done() == {first, second, total}
    trial.cleanup()


def test_reports_that_come_sooner_than_the_driver_wants_are_left_out(trial_of):
    grid = chain()
    before, outcome = run(trial_of(grid, report_every_s=60), grid)
    assert outcome.done
    assert [set(each) for each in before] == [{BEGUN, PROCESS, "done"}]


def test_a_process_that_may_be_unusable_says_so_and_ends(trial_of, store, monkeypatch):
    grid = chain()
    trial = trial_of(grid)
    ended = []
    monkeypatch.setattr("os._exit", lambda code: (ended.append(code), sys.exit(code)))

    def broken(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(toy_task, "step", broken)
    with pytest.raises(SystemExit):
        run(trial, grid)
    assert ended == [1]
    said = take_last_words(next(iter(grid.cells.values())), store, "one")
    assert isinstance(said, Failure)
    assert said.failure_class is FailureClass.DEVICE


def test_on_a_drained_node_a_pass_ends_with_its_last_cell(trial_of, store, monkeypatch):
    """A cell that fails by itself leaves the others the time that their node has left."""
    grid = chain()
    trial = trial_of(grid)
    first, second = list(grid.cells)[:2]
    trial.config["cells"].append({**trial.config["cells"][0], "cell": second})
    own = Outcome(first, 0.0, failure=Failure(FailureClass.DIVERGED, "its loss"))
    left = Outcome(second, 0.0, failure=Failure(FailureClass.PREEMPTED, "saved at step 3"))
    monkeypatch.setattr("gridcell.execute.trial.run_cells", lambda _, ended: (ended(own), ended(left)))
    monkeypatch.setattr("os._exit", sys.exit)
    trial.step()
    trial._drained = True
    said = trial.step()
    assert (said[CELL], json.loads(said[OUTCOME])["failure"]["message"]) == (first, "its loss")
    with pytest.raises(SystemExit):
        trial.step()
    assert take_last_words(grid.cells[first], store, "one") == left.failure


@pytest.mark.parametrize("cells", [1, 2])
def test_what_ends_a_pass_from_outside_is_shared_by_its_cells(trial_of, monkeypatch, cells):
    grid = chain()
    trial = trial_of(grid)
    for more in list(grid.cells)[1:cells]:
        trial.config["cells"].append({**trial.config["cells"][0], "cell": more})

    def broken(*_):
        raise OSError("the store is gone")

    monkeypatch.setattr("gridcell.execute.trial.run_cells", broken)
    told = [trial.step() for _ in range(1 + cells)][1:]  # the first says that it began
    outcomes = [json.loads(said[OUTCOME]) for said in told]
    messages = [(one["failure"]["message"], one.get("shared", False)) for one in outcomes]
    assert messages == [("OSError: the store is gone", cells > 1)] * cells


def test_a_cell_that_is_kept_off_a_node_asks_for_another():
    config = {"cpus": 2, "gpus": 0, "workers": 1, "avoid": ()}
    anywhere = CellTrial.default_resource_request(config)
    elsewhere = CellTrial.default_resource_request({**config, "avoid": ("a", "b")})
    assert anywhere.bundles == elsewhere.bundles
    assert anywhere != elsewhere
    assert elsewhere == CellTrial.default_resource_request({**config, "avoid": ("a", "b")})


def test_a_cell_that_exits_fails_and_leaves_the_process_to_the_next(trial_of, monkeypatch):
    grid = chain()
    trial = trial_of(grid)
    with monkeypatch.context() as patch:
        patch.setattr(toy_task, "step", lambda *_: sys.exit(3))
        _, outcome = run(trial, grid)
    assert outcome.failure is not None
    assert outcome.failure.failure_class is FailureClass.BUG
    assert outcome.failure.message == "SystemExit: 3"
    take(trial, next(iter(grid.cells)))
    _, outcome = run(trial, grid)
    assert outcome.done


def test_each_answer_of_a_pass_is_a_sign_of_life(trial_of, store, monkeypatch):
    """Cells that report nothing, each shorter than the limit, are no stall because they are done together."""
    grid = batch_task.plan(batch_task.Settings(lists=1, cells=3))
    trial = trial_of(grid)
    vars(trial._work)["task"] = batch_task.task
    _, _ = run(trial, grid)
    signs = []

    @contextlib.contextmanager
    def watched(cell, *_):
        yield lambda step, metrics: signs.append(step)

    def silent(contexts):
        for context in contexts:
            yield context, {"sum": len(signs)}

    monkeypatch.setattr("gridcell.execute.trial.watched", watched)
    monkeypatch.setattr(batch_task, "score_together", silent)
    scores = [cell.id for cell in grid.cells.values() if cell.kind == "score"]
    trial.config = {"cells": [{"cell": each} for each in scores], "attempt": "two"}
    run(trial, grid)
    assert [store.results.read(each).metrics["sum"] for each in scores] == [0, 1, 2]
    trial.cleanup()


def test_a_worker_begins_in_an_empty_folder_and_removes_those_of_dead_ones(trial_of, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    dead = Scratch("worker")
    dead._lock.release()  # as the end of its process does
    trial = trial_of(chain())
    assert not dead.path.exists()
    assert Path.cwd() == trial._folder.path
    assert not any(Path.cwd().iterdir())
    trial.cleanup()
    assert not trial._folder.path.exists()


def test_a_worker_whose_node_is_drained_begins_no_other_cell(trial_of, store, monkeypatch):
    grid = chain()
    trial = trial_of(grid)
    monkeypatch.setattr("os._exit", sys.exit)
    monkeypatch.setattr(NOTICE, "give", lambda: None)
    trial._leave_node()
    with pytest.raises(SystemExit):
        trial.step()
    said = take_last_words(next(iter(grid.cells.values())), store, "one")
    assert (said.failure_class, said.message) == (FailureClass.PREEMPTED, "its node is drained")
    assert store.results.done() == set()


def test_a_worker_that_was_told_to_end_begins_no_other_cell(trial_of, store):
    grid = chain()
    trial = trial_of(grid)
    try:
        run(trial, grid)
        _, second, *_ = grid.cells
        take(trial, second)
        NOTICE.give()
        assert trial.step() == {NOT_BEGUN: True, "done": True}
    finally:
        NOTICE.withdraw()
    assert len(store.results.done()) == 1
    assert run(trial, grid)[1].failure is None
