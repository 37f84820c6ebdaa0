"""One attempt at a cell: what it leaves behind, what it gives back, and what it never tells."""

import ctypes
import errno
import gc
import os
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import toy_task

from gridcell.cell import Cell
from gridcell.errors import CorruptData, Diverged, UserError
from gridcell.execute import run_cell as running
from gridcell.execute.attempt import Attempt, run_in_this_process
from gridcell.execute.listener import Listeners
from gridcell.execute.options import GridRun
from gridcell.execute.outcome import Failure, FailureClass, Outcome, classify, failure_from, shortened
from gridcell.execute.run_cell import run_cell
from gridcell.execute.schedule import Schedule
from gridcell.execute.settle import settle
from gridcell.execute.stall import watched
from gridcell.fingerprint import Codes
from gridcell.grid import GridBuilder
from gridcell.task import Task

CELL = Cell("t", "k", {"a": 1}, title="the cell")
PASSWORD = "hunter22"


@pytest.fixture
def attempt(store, monkeypatch):
    """Return what makes an attempt whose cell function is the one given."""

    def make(function):
        monkeypatch.setattr(Task, "cell_function", lambda self, kind: function)
        task = Task("t", "", None, Path(), None, {"k": "toy_task:step"}, ":")
        return Attempt(CELL, task, store)

    return make


def test_a_done_cell_leaves_its_result_and_no_checkpoint(attempt, store):
    def function(cell, context):
        (context.scratch / "state").write_text("half")
        context.checkpoints.save(context.scratch / "state", 1)
        assert context.checkpoints.saved_step() == 1
        return {"x": 1.0}

    store.failures.record(CELL.id, {"title": "before"})
    assert run_in_this_process(attempt(function)).done
    assert store.results.read(CELL.id).metrics == {"x": 1.0}
    assert store.checkpoints(CELL.id).saved_step() is None
    assert store.folder.names(f"checkpoints/{CELL.id}") == []
    assert store.failures.read_all() == {}


def test_what_a_cell_reports_is_passed_on_and_kept_as_its_curves(attempt, store):
    def function(cell, context):
        for step in (1, 2):
            context.report(step, loss=1 / step)
        return {"x": 1.0}

    told = []
    one = replace(attempt(function), reporter=lambda step, metrics: told.append((step, dict(metrics))))
    assert run_in_this_process(one).done
    assert told == [(1, {"loss": 1.0}), (2, {"loss": 0.5})]
    assert store.results.read(CELL.id).curves == {"loss": [[1, 1.0], [2, 0.5]]}


def test_a_second_process_of_a_cell_commits_nothing(attempt, store):
    outcome = run_in_this_process(attempt(lambda cell, context: {"x": 1.0}), rank=1)
    assert outcome.metrics == {"x": 1.0}
    assert not store.results.done()


@pytest.mark.parametrize("answer", [None, [0.5], 0.5, "x"])
def test_a_function_that_returns_no_metrics_is_told_what_to_return(attempt, answer):
    failure = run_in_this_process(attempt(lambda cell, context: answer)).failure
    assert failure.failure_class is FailureClass.BUG
    assert "A cell's function must return its metrics, such as {'accuracy': 0.5}, and not" in failure.message
    assert failure.message.endswith(repr(answer))


def test_a_cell_that_spoils_its_surroundings_is_done_and_leaves_those_of_the_next(
    attempt, store, tmp_path, monkeypatch
):
    here = Path.cwd()
    for name, value in dict(os.environ).items():
        monkeypatch.setenv(name, value)  # which brings them back

    def function(cell, context):
        gone = tmp_path / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        os.environ.clear()
        return {"x": 1.0}

    assert run_in_this_process(attempt(function)).done
    assert Path.cwd() == here


def test_only_the_first_of_several_processes_commits(attempt, store):
    outcome = run_in_this_process(attempt(lambda cell, context: {"x": float(context.rank)}), rank=1)
    assert outcome.metrics == {"x": 1.0}
    assert store.results.done() == set()


class Large:
    """Stands for tensors: in a circle of references, so that only the collector frees it."""

    def __init__(self):
        self.me = self


@pytest.mark.parametrize(("error", "freed"), [(MemoryError, True), (ZeroDivisionError, False)])
def test_what_a_cell_held_is_freed_once_it_ran_out_of_memory(attempt, error, freed):
    seen = []

    def function(cell, context):
        large = Large()
        seen.append(weakref.ref(large))
        raise error("too large")

    gc.disable()
    try:
        run_in_this_process(attempt(function))
        assert (seen[0]() is None) == freed
    finally:
        gc.enable()


def test_what_a_failure_tells_holds_no_secret(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-value")
    try:
        raise OSError(f"https://me:{PASSWORD}@host/x refused s3cr3t-value")
    except OSError as error:
        failure = failure_from(error)
    for told in (failure.message, failure.traceback):
        assert PASSWORD not in told
        assert "s3cr3t-value" not in told
        assert "https://me:***@host/x refused ***" in told


def test_a_full_quota_is_a_full_disk():
    assert classify(OSError(errno.EDQUOT, "Disk quota exceeded")) is FailureClass.DISK_FULL
    assert classify(OSError(errno.EIO, "Input/output error")) is FailureClass.TRANSIENT


def run_of(store):
    grid = GridBuilder("t")
    for number in range(4):
        grid.target({"n": number}, grid.add("k", {"n": number}, title=str(number)))
    built = grid.build()
    task = Task("t", "", None, Path(), None, {"k": "toy_task:step"}, ":")
    return GridRun(
        task=task,
        grid=built,
        schedule=Schedule(built, set(), max_failures=2),
        store=store,
        listener=Listeners([]),
    )


def test_a_failure_is_recorded_only_when_it_is_the_last(store):
    run = run_of(store)
    cell = run.schedule.take()
    passing = Failure(FailureClass.TRANSIENT, "the network went away")
    for _ in range(3):
        settle(cell, Outcome(cell.id, 1.0, failure=passing), run)
        assert store.failures.read_all() == {}
        assert run.schedule.take() is cell
    settle(cell, Outcome(cell.id, 1.0, failure=passing), run)
    assert store.failures.read_all().keys() == {cell.id}
    assert len(store.losses.read_all()) == 4


def test_exactly_as_many_failures_as_are_allowed_stop_a_run(store):
    run = run_of(store)
    for stopped in (False, True):
        cell = run.schedule.take()
        settle(cell, Outcome(cell.id, 1.0, failure=Failure(FailureClass.BUG, "no")), run)
        assert bool(run.schedule.stopped) == stopped
    assert run.schedule.take() is None


def test_the_watch_on_a_cell_passes_on_what_it_reports(store):
    told = []
    with watched(Cell("t", "k", {}), store, lambda *seen: told.append(seen), 600.0) as report:
        report(3, {"loss": 0.5})
        report(4, {"loss": 0.25})
    assert told == [(3, {"loss": 0.5}), (4, {"loss": 0.25})]


def test_a_long_text_is_cut_in_its_middle_and_one_at_the_limit_is_whole():
    text = "begin" + "-" * 10 + "end"
    assert shortened(text, len(text)) == text
    assert shortened(text, 8) == "begi\n[... 10 characters left out ...]\n-end"


HOLDS_THE_LOCK = """
import ctypes, sys
from gridcell.cell import Cell
from gridcell.execute import stall
from gridcell.store import Store
stall._GRACE_S = 0.2
with stall.watched(Cell("t", "k", {}), Store(sys.argv[1]), None, 0.3):
    ctypes.PyDLL(None).sleep(60)  # in native code that never lets another thread of Python run
"""


@pytest.mark.skipif(not hasattr(ctypes.PyDLL(None), "sleep"), reason="the C library can't be called by name")
def test_a_cell_that_keeps_pythons_lock_is_ended_too(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", HOLDS_THE_LOCK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


def test_a_cell_that_another_driver_has_finished_takes_no_time(attempt, store):
    def function(cell, context):
        raise AssertionError("it is done already")

    (folder := store.folder.local("outputs")).mkdir(parents=True)
    made = store.results.commit(CELL, {"x": 2.0}, folder, {"seconds": 7.0})
    outcome = run_cell(attempt(function))
    assert (outcome.done, outcome.metrics, outcome.seconds) == (True, {"x": 2.0}, made.seconds)
    assert outcome.elapsed == 0.0


def test_a_cell_that_diverged_leaves_by_which_code_and_a_bug_does_not(store):
    grid = toy_task.plan(toy_task.Settings(width=2, length=1))
    run = GridRun(toy_task.task, grid, Schedule(grid, set()), store, Listeners([]))
    first, second = run.schedule.take(), run.schedule.take()
    settle(first, Outcome(first.id, 1.0, failure=Failure(FailureClass.DIVERGED, "nan")), run)
    settle(second, Outcome(second.id, 1.0, failure=Failure(FailureClass.BUG, "no")), run)
    failures = store.failures.read_all()
    of_first = Codes(toy_task.task).of(first)
    assert failures[first.id]["code"] == of_first.fingerprint
    assert "code" not in failures[second.id]
    assert store.codes.read([of_first.fingerprint])[of_first.fingerprint]["files"] == dict(of_first.files)


def test_a_record_that_is_damaged_fails_its_cell_and_is_raised_where_a_person_watches(attempt, store):
    one = attempt(lambda cell, context: {"x": 1.0})
    store.folder.write(f"results/{CELL.id}.json", b"{}")
    outcome = run_cell(one)
    assert outcome.cell == CELL.id
    assert "is damaged" in outcome.failure.message
    with pytest.raises(CorruptData):
        run_cell(replace(one, foreground=True))


@pytest.mark.parametrize("error", [SystemExit(3), ZeroDivisionError("no"), GeneratorExit()])
def test_what_would_end_the_process_fails_its_cell_alone(monkeypatch, attempt, error):
    def raises(_):
        raise error

    monkeypatch.setattr(running, "run_cell", raises)
    outcome = running.run_whatever_it_raises(attempt(None))
    assert outcome.cell == CELL.id
    assert outcome.failure is not None
    monkeypatch.setattr(running, "run_cell", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        running.run_whatever_it_raises(attempt(None))


@pytest.mark.parametrize(
    ("failure_class", "error"),
    [
        (FailureClass.INVALID, UserError),
        (FailureClass.CORRUPT_INPUT, UserError),
        (FailureClass.DIVERGED, Diverged),
        (FailureClass.BUG, RuntimeError),
    ],
)
def test_a_failure_comes_back_from_its_record_and_is_raised_as_what_it_was(failure_class, error):
    failure = Failure(failure_class, "the message", "the traceback", "the way out", ends_process=True)
    assert Failure.from_record({**failure.to_record(), "newer": 1}) == failure
    raised = failure.to_error()
    assert type(raised) is error
    assert str(raised) == ("the message\n\nthe traceback" if error is RuntimeError else "the message")
