"""What a run does about failures: limits, full disks, stalls, and the account of lost work."""

import errno
import json
import os
import platform
import random
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import toy_task

from gridcell.cell import Cell
from gridcell.context import Context
from gridcell.errors import CorruptData, UserError
from gridcell.execute import heartbeat
from gridcell.execute.driver import read_whole, run_grid
from gridcell.execute.last_words import take_last_words
from gridcell.execute.options import GridRun, RunOptions
from gridcell.execute.outcome import Failure, FailureClass, Outcome, classify
from gridcell.execute.schedule import Schedule
from gridcell.execute.settle import lost_seconds, lost_steps, settle
from gridcell.store import Loss, Store
from gridcell.store.losses import describe_lost, lost_by_class
from gridcell.store.patience import written_if_possible


class Silent:
    """A listener that does nothing."""

    def __getattr__(self, _):
        return lambda *_: None


def planned(**settings):
    return toy_task.plan(toy_task.Settings(**settings))


def bugs(width):
    return {f"r{row}c0": "bug" for row in range(width)}


def test_a_run_hands_out_nothing_more_after_so_many_failures(store):
    grid = planned(width=5, length=1, fail=bugs(5))
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline", max_failures=2))
    assert len(schedule.failed) == 2
    assert "--max-failures" in schedule.stopped
    assert len(store.failures.read_all()) == 2


def test_fewer_failures_than_the_limit_stop_nothing(store):
    grid = planned(width=5, length=1, fail=bugs(2))
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline", max_failures=3))
    assert not schedule.stopped
    assert len(schedule.finished) == 3


@pytest.mark.parametrize("limit", [{"max_failures": 0}, {"stall_timeout_s": 1.0}])
def test_a_limit_that_makes_no_sense_is_refused(store, limit):
    with pytest.raises(UserError, match=r"max-failures|stall-timeout"):
        run_grid(toy_task.task, planned(), store, RunOptions(executor="inline", **limit))


def test_a_full_disk_is_tried_twice_more_and_then_stops_the_run():
    grid = planned(width=4, length=1)
    schedule = Schedule(grid, set())
    first = schedule.take()
    full = Failure(classify(OSError(errno.ENOSPC, "No space left on device")), "No space left")
    assert full.failure_class is FailureClass.DISK_FULL
    for _ in range(2):
        assert schedule.finish(Outcome(first.id, 1.0, failure=full))
        assert schedule.take() is first
    assert not schedule.finish(Outcome(first.id, 1.0, failure=full))
    assert schedule.take() is None
    assert schedule.exhausted
    assert "disk is full" in schedule.stopped


def test_a_run_survives_that_a_failure_cannot_be_recorded(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    grid = planned(width=2, length=1, fail=bugs(1))
    monkeypatch.setattr(store.failures, "record", full)
    monkeypatch.setattr(store.losses, "add", full)
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    assert len(schedule.failed) == 1
    assert len(schedule.finished) == 1


def test_an_error_of_the_code_is_not_passed_over():
    with pytest.raises(ZeroDivisionError):
        written_if_possible(lambda: 1 // 0)


def test_work_is_lost_from_the_last_checkpoint_on(store, tmp_path):
    cell, now = Cell("t", "k", {}), time.time()
    assert lost_seconds(store, cell.id, now - 50, now) == pytest.approx(50)
    (tmp_path / "state").write_text("x")
    store.checkpoints(cell.id).save(tmp_path / "state", 1)
    (path,) = (tmp_path / "store" / "checkpoints" / cell.id).iterdir()
    os.utime(path, (now - 20, now - 20))
    assert lost_seconds(store, cell.id, now - 50, now) == pytest.approx(20, abs=0.1)
    assert lost_seconds(store, cell.id, now - 10, now) == pytest.approx(10)  # an earlier attempt's


def test_steps_are_lost_from_the_last_checkpoint_on(store, tmp_path):
    cell = Cell("t", "k", {})
    assert lost_steps(store, cell.id, 7) == 7
    assert lost_steps(store, cell.id, None) is None
    for step in (2, 5):
        (tmp_path / "state").write_text(f"{step}")
        store.checkpoints(cell.id).save(tmp_path / "state", step)
    assert lost_steps(store, cell.id, 7) == 2
    assert lost_steps(store, cell.id, 5) == 0


def test_each_failed_attempt_is_counted_by_its_class(store):
    grid = planned(width=2, length=1)
    schedule = Schedule(grid, set())
    cell = schedule.take()
    lost = Failure(FailureClass.PREEMPTED, "gone")
    run = GridRun(toy_task.task, grid, schedule, store, Silent())
    settle(cell, Outcome(cell.id, 4.0, failure=lost), run)
    settle(schedule.take(), Outcome(cell.id, 2.0, failure=lost), run)
    found = lost_by_class([*store.losses.read_all(), Loss("another grid's", "bug", 9.0)], grid.cells)
    assert found == {"preempted": {"attempts": 2, "seconds": 6.0}}
    assert describe_lost(found) == (
        "Attempts without a result: 2 preempted. What they did since their last checkpoint (or since their "
        "start, where there was none) is lost: 6 s of computing."
    )
    more = [
        Loss(cell.id, "transient", 1.0, 30),
        Loss(cell.id, "transient", 1.0),
        Loss(cell.id, "bug", 0.0, 4),
    ]
    found = lost_by_class(more, grid.cells)
    assert found["transient"] == {"attempts": 2, "seconds": 2.0, "steps": 30}
    assert describe_lost(found).endswith("2 s of computing and 34 of the steps that cells reported.")


def test_what_a_dead_driver_was_running_is_counted_once(store):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    grid = planned(width=2, length=1)
    cell = next(iter(grid.cells.values()))
    beat = heartbeat.Heartbeat(store)
    beat.started(cell)
    beat.reported(cell, 40, {})
    told = {**beat._now(), "pid": gone.pid, "running": {cell.id: time.time() - 7}}
    store.folder.write("drivers/dead.json", json.dumps(told).encode())
    assert heartbeat.running_cells(store.folder) == {}
    for _ in range(2):
        run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
        (loss,) = store.losses.read_all()
        assert (loss.cell, loss.failure_class, loss.steps) == (cell.id, "preempted", 40)
        assert loss.seconds == pytest.approx(7, abs=1)
        (store.folder.local(f"results/{cell.id}.json")).unlink()


def test_two_drivers_with_different_code_are_told_of_each_other_once(store, caplog):
    grid = planned(width=1, length=1)
    one = heartbeat.Heartbeat(store, "toy", {"ewc": "old", "shared": "same", "mine": "x"})
    others = heartbeat.Heartbeat(store, "other", {"ewc": "another task's"})
    two = heartbeat.Heartbeat(store, "toy", {"ewc": "new", "shared": "same", "theirs": "y"})
    begun = []
    try:
        for beat in (one, others):
            beat.begun(Schedule(grid, set()))
            begun.append(beat)
        assert caplog.messages == []
        two.begun(Schedule(grid, set()))
        begun.append(two)
        (said,) = caplog.messages
        assert f"(process {os.getpid()} on" in said
        assert "runs other code on this storage: ewc. Of a cell that both want, the result of the" in said
        for _ in range(2):
            one._look_around()
            two._look_around()
        assert caplog.messages == [said, said]  # each driver to its own user
    finally:
        for beat in begun:
            beat.ended(stopped=False)


def test_a_driver_says_which_code_its_missing_cells_are_of(store):
    beats = []

    class Looks:
        def begun(self, schedule): ...

        def started(self, cell):
            names = [f"drivers/{name}" for name in store.folder.names("drivers")]
            beats.extend(json.loads(data) for data in store.folder.read_many(names).values())

        def reported(self, cell, step, metrics): ...

        def finished(self, cell, outcome, again): ...

        def ended(self, stopped): ...

    grid = planned(width=1, length=1)
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[Looks()])
    assert len(beats) == len(grid)  # one driver, seen at the start of each cell
    for beat in beats:
        assert beat["task"] == "toy"
        assert set(beat["code"]) == {"toy_task"}


STALL = """
import sys, time
from gridcell.cell import Cell
from gridcell.execute.stall import watched
from gridcell.store import Store
with watched(Cell("t", "k", {}), Store(sys.argv[1]), None, float(sys.argv[2])) as report:
    for step in range(int(sys.argv[3])):
        report(step, {})
        time.sleep(0.02)
    if sys.argv[4:]:
        time.sleep(600)
"""


def stall(store, timeout, reports, *more):
    command = [sys.executable, "-c", STALL, store.uri, str(timeout), str(reports), *more]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def test_a_cell_that_reports_nothing_ends_its_process_and_says_where_it_was(store):
    cell = Cell("t", "k", {})
    assert stall(store, 0.5, 1, "and then nothing") == 1
    failure = take_last_words(cell, store)
    assert failure.failure_class is FailureClass.STALLED
    assert "reported nothing for 0.5 s" in failure.message
    assert "time.sleep(600)" in failure.traceback or "<string>" in failure.traceback
    assert take_last_words(cell, store) is None


def test_a_cell_that_reports_now_and_then_is_left_alone(store):
    assert stall(store, 1.0, 80) == 0  # 1.6 s in all
    assert take_last_words(Cell("t", "k", {}), Store(store.uri)) is None


def test_a_needed_result_that_is_gone_is_made_again(store, tmp_path):
    grid = planned(width=2, length=1)
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    total = next(cell for cell in grid.cells.values() if cell.kind == "total")
    (victim,) = {total.needs["row1"]}
    context = Context(total, store, tmp_path, tmp_path, tmp_path)
    store.results.quarantine(victim)
    with pytest.raises(CorruptData, match="gone") as gone:
        context.need("row1")
    assert gone.value.cell_id == victim
    assert classify(gone.value) is FailureClass.CORRUPT_INPUT


def test_a_cell_that_once_diverged_is_made_again_when_its_later_result_is_damaged(store):
    grid = planned(width=1, length=2)
    first, second = list(grid.cells.values())[:2]
    diverged = {"title": first.title, **Failure(FailureClass.DIVERGED, "once").to_record()}
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    store.failures.record(first.id, diverged)  # as another driver may, after this one's success
    record = store.folder.local(f"results/{first.id}.json")
    record.write_text(record.read_text().replace('"sum":0', '"sum":7'))
    store.folder.remove(f"results/{second.id}.json")
    assert read_whole(grid, store)[1] == [first.id]
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    assert schedule.finished == {first.id, second.id}
    assert not schedule.blocked


def test_a_failure_is_forgotten_when_its_cell_succeeds(store):
    grid = planned(width=1, length=1)
    first = next(iter(grid.cells.values()))
    store.failures.record(first.id, {"title": "", **Failure(FailureClass.BUG, "once").to_record()})
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    assert store.failures.read_all() == {}


class Order(Silent):
    """Notes in which order cells start."""

    def __init__(self):
        self.cells = []

    def started(self, cell):
        self.cells.append(cell.id)


@pytest.mark.parametrize("alive", [True, False])
def test_what_another_living_driver_runs_comes_last(store, alive):
    grid = planned(width=6, length=1)
    steps = [cell for cell in grid.cells.values() if cell.kind == "step"]
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    beat = {
        "host": platform.node(),
        "pid": os.getpid() if alive else gone.pid,
        "time": time.time(),
        "running": {cell.id: time.time() for cell in steps[:3]},
        **heartbeat._processes(),
    }
    store.folder.write("drivers/other.json", json.dumps(beat).encode())
    order = Order()
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[order])
    assert schedule.finished == set(grid.cells)
    started = order.cells[: len(steps)]
    if alive:
        assert set(started[3:]) == set(beat["running"])
    else:
        assert started == [cell.id for cell in steps]


def test_a_driver_that_joins_has_an_order_of_its_own():
    grid = planned(width=30, length=1)
    orders = []
    for seed in (None, 1, 2):
        schedule = Schedule(grid, set())
        if seed is not None:
            schedule.shuffle(random.Random(seed))
        orders.append([schedule.take().id for _ in range(30)])
    assert all(set(order) == set(orders[0]) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stall_timeout_s": 3.0}, "--stall-timeout needs --executor ray"),
        ({"address": "auto"}, "--address needs --executor ray"),
        ({"max_failures": 0}, "--max-failures must be at least 1"),
        ({"max_concurrent": 0}, "--max-concurrent must be at least 1"),
        ({"executor": "ray", "debugger": True}, "--pdb needs --executor inline"),
        ({"executor": "ray", "stall_timeout_s": 0.0}, "--stall-timeout"),
        ({"max_failures": 1, "max_concurrent": 1, "debugger": True}, ""),
        ({"executor": "ray", "stall_timeout_s": 3.0, "address": "auto"}, ""),
    ],
)
def test_what_an_executor_can_not_do_is_refused_and_all_else_is_not(options, said):
    given = {"executor": "inline", **options}
    if not said:
        assert RunOptions(**given).executor == given["executor"]
        return
    with pytest.raises(UserError, match=said):
        RunOptions(**given)


@pytest.mark.parametrize(
    ("saved", "lost"), [(None, 20.0), (80.0, 20.0), (90.0, 20.0), (91.0, 19.0), (109.0, 1.0), (111.0, 20.0)]
)
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_an_attempt_loses_what_came_after_its_own_checkpoint(store, monkeypatch, saved, lost, share):
    """One from before it, or after its end by the storage's clock, says nothing of it."""
    kept = SimpleNamespace(saved_at=lambda: saved)
    monkeypatch.setattr(type(store), "checkpoints", lambda self, cell_id: kept)
    assert lost_seconds(store, "a", 90.0, 110.0, spent=20 * share) == lost * share
    assert lost_seconds(store, "a", 90.0, 110.0) == lost
