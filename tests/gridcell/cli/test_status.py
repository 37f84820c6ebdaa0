"""``gridcell status`` says what runs where since when, and how long the rest takes."""

import json
import os
import platform
import re
import time

import pytest
import toy_task

from gridcell.cli import status as status_module
from gridcell.execute.driver import run_grid
from gridcell.execute.heartbeat import Heartbeat, running_cells
from gridcell.execute.options import RunOptions
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.schedule import Schedule
from gridcell.store import Store

ARGUMENTS = ("status", "toy", "--storage", "runs", "--set", "width=4", "--set", "length=1")


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """Four cells of ten seconds by the task's estimate, of which one took 20 s; and their sum."""
    monkeypatch.chdir(tmp_path)
    done, *others = planned().cells.values()
    store = Store("runs").prepare()
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "sum.txt").write_text("0")
    curves = {"sum": [(0, 1.0), (100, 2.0)]}
    store.results.commit(done, {"sum": 0}, tmp_path / "outputs", {"seconds": 20.0}, curves)
    return store, others


def planned():
    return toy_task.plan(toy_task.Settings(width=4, length=1))


def beat(store, cell, *, seconds, pace=None):
    told = {"host": "elsewhere", "pid": 7, "time": time.time(), "running": {cell.id: time.time() - seconds}}
    told |= {"places": {cell.id: "node3"}, "paces": {cell.id: pace}}
    store.folder.write("drivers/a.json", json.dumps(told).encode())


def test_it_says_what_runs_where_and_for_how_long(gridcell, cells):
    store, (first, *_) = cells
    beat(store, first, seconds=65, pace=[10, 5, 40, 60])
    _, output, _ = gridcell(*ARGUMENTS)
    line = rf"{first.id} {first.title}: runs on node3 for 1:\d\d, step 40 \(driver elsewhere:7\)"
    assert re.search(line, output)
    _, output, _ = gridcell(*ARGUMENTS, "--json")
    told = json.loads(output)
    assert told["running"][first.id]["host"] == "node3"
    assert told["running"][first.id]["step"] == 40
    assert told["running"][first.id]["seconds"] == pytest.approx(65, abs=10)


@pytest.mark.parametrize(
    ("seconds", "pace", "left"),
    [
        (5, None, 20 - 5 + 3 * 20),  # twice the estimate, as its kind took; with one cell at once
        (
            10,
            [50, 2, 70, 10],
            30 * 8 / 20 + 3 * 20,
        ),  # resumed at step 50 of 100: by the steps of this attempt
    ],
)
def test_the_time_left_is_honest(gridcell, cells, seconds, pace, left):
    store, (first, *_) = cells
    beat(store, first, seconds=seconds, pace=pace)
    _, output, _ = gridcell(*ARGUMENTS, "--json")
    assert json.loads(output)["seconds_left"] == pytest.approx(left, abs=10)


def test_where_nothing_runs_no_time_is_given(gridcell, cells):
    _, output, _ = gridcell(*ARGUMENTS, "--json")
    assert json.loads(output)["seconds_left"] is None
    _, output, _ = gridcell(*ARGUMENTS)
    assert "Left" not in output


def test_a_damaged_beat_tells_no_pace(cells):
    store, (first, *_) = cells
    for pace in ([1, 2], ["a", 1, 2, 3], {"a": 1}):
        beat(store, first, seconds=1, pace=pace)
        assert running_cells(store.folder)[first.id].step is None


def test_it_looks_again_until_nothing_is_left(gridcell, cells, monkeypatch):
    looks = []

    def wait(seconds):
        looks.append(seconds)
        if len(looks) == 2:
            run_grid(toy_task.task, planned(), cells[0], RunOptions(executor="inline"))

    monkeypatch.setattr(status_module.time, "sleep", wait)
    code, _, _ = gridcell(*ARGUMENTS, "--watch")
    assert code == 0
    assert len(looks) == 2
    code, _, errors = gridcell(*ARGUMENTS, "--watch", "--json")
    assert code == 2
    assert "--watch" in errors


def test_a_driver_tells_where_its_cells_are(store):
    grid = toy_task.plan(toy_task.Settings(width=2, length=1))
    one, other, _ = grid.cells.values()
    mine = Heartbeat(store)
    mine.begun(Schedule(grid, set()))
    for cell in (one, other):
        mine.started(cell)
    mine.placed(one, "node5")
    mine.reported(one, 3, {})
    mine.reported(one, 9, {})
    mine._beat_once()
    found = running_cells(store.folder)
    assert (found[one.id].host, found[one.id].step) == ("node5", 9)
    assert found[one.id].pace[0] == 3
    assert (found[other.id].host, found[other.id].step) == (platform.node(), None)
    assert found[other.id].driver == f"{platform.node()}:{os.getpid()}"
    mine.ended(False)


def test_a_pass_is_one_piece_of_work(gridcell, cells):
    """Of three cells of 10 s by the estimate, in one pass at twice its pace, one has ended: 40 s in all."""
    store, (first, other, last, *_) = cells
    mine = Heartbeat(store)
    mine.joined([first, other, last])
    for cell in (first, other, last):
        mine.started(cell)
    mine.finished(first, Outcome(first.id, 5.0, elapsed=20.0), again=True)
    told = mine._now()
    told["running"] = dict.fromkeys(told["running"], told["time"] - 15)
    store.folder.write("drivers/a.json", json.dumps(told).encode())
    _, output, _ = gridcell(*ARGUMENTS)
    assert output.count(", in a pass of 2 cells") == 2
    assert "Left, with 1 at once: " in output
    _, output, _ = gridcell(*ARGUMENTS, "--json")
    now = json.loads(output)
    assert [each["together"] for each in now["running"].values()] == [2, 2]
    waiting = 2 * 20  # the first, again, and the sum
    assert now["seconds_left"] == pytest.approx(2 * 20 - (15 - 5) + waiting, abs=5)


def test_before_any_cell_is_done_the_estimate_counts_and_is_called_so(gridcell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store("runs").prepare()
    beat(store, next(iter(planned().cells.values())), seconds=4)
    _, output, _ = gridcell(*ARGUMENTS)  # on CPUs, and the estimate is for a GPU
    assert "Left, with 1 at once: unknown, for no step or total is done yet" in output
    on_gpus = ("--set", "resources.step.gpus=1", "--set", "resources.total.gpus=1")
    _, output, _ = gridcell(*ARGUMENTS, *on_gpus)
    assert "by the task's estimate: none of its cells is done yet" in output
    _, output, _ = gridcell(*ARGUMENTS, *on_gpus, "--json")
    now = json.loads(output)
    assert not now["seconds_left_measured"]
    assert now["seconds_left"] == pytest.approx(5 * 10 - 4, abs=5)


def test_a_cell_that_failed_when_it_was_made_again_is_named_with_its_reason(gridcell, cells):
    """Its earlier result stays, and so does the failure of the later attempt."""
    store, _ = cells
    (done,) = store.results.done()
    failure = Failure(FailureClass.BUG, "ValueError: the edit is wrong")
    store.failures.record(done, {"title": "m0", **failure.to_record()})
    _, output, _ = gridcell(*ARGUMENTS)
    assert "1 cell is done by an earlier attempt, and failed when made again; the earlier result" in output
    assert f"{done} m0: bug: ValueError: the edit is wrong" in output
    _, output, _ = gridcell(*ARGUMENTS, "--json")
    now = json.loads(output)
    assert now["failures"] == {}
    assert now["failed_again"][done]["message"] == "ValueError: the edit is wrong"
