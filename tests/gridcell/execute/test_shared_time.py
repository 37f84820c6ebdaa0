"""The time of a pass is counted once, however many cells share it: in lost work, and in the time left."""

import json
import math
import os
import subprocess
import sys
import time

import batch_task
import pytest
from hypothesis import given, strategies as st

from gridcell.cli.time_left import TimeLeft
from gridcell.execute import heartbeat
from gridcell.execute.attempt import Attempt
from gridcell.execute.batch import run_pass
from gridcell.execute.driver import run_grid
from gridcell.execute.heartbeat import Heartbeat, running_cells
from gridcell.execute.listener import HearsPasses, Listeners
from gridcell.execute.options import GridRun, RunOptions
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.run_cell import run_cell, run_cells
from gridcell.execute.schedule import Schedule
from gridcell.execute.searcher import CellSearcher
from gridcell.execute.settle import lost_seconds, settle
from gridcell.execute.shared_time import SharedTime
from gridcell.grid import GridBuilder

CRASH = Failure(FailureClass.CRASHED, "its process ended")


def pass_of(count):
    """Return a grid of one list, and the cells that one pass takes."""
    grid = batch_task.plan(batch_task.Settings(lists=1, cells=count))
    return grid, [cell for cell in grid.cells.values() if cell.kind == "score"]


def ended_pid():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    return gone.pid


def killed(store, beat, seconds):
    """Leave what a driver's last beat says, as of one that is killed so long after its cells began."""
    told = beat._now()
    running = dict.fromkeys(told["running"], told["time"] - seconds)
    told |= {"pid": ended_pid(), "running": running}
    store.folder.write("drivers/dead.json", json.dumps(told).encode())
    heartbeat._bury_the_dead(store)
    return {loss.cell: loss.seconds for loss in store.losses.read_all()}


@pytest.mark.parametrize("count", [2, 8])
def test_a_killed_driver_loses_the_time_of_a_pass_once(count, store):
    _, cells = pass_of(count)
    beat = Heartbeat(store)
    beat.joined(cells)
    for cell in cells:
        beat.started(cell)
    lost = killed(store, beat, 80.0)
    assert lost.keys() == {cell.id for cell in cells}
    assert sum(lost.values()) == pytest.approx(80.0, abs=0.1)
    assert len(set(lost.values())) == 1


def test_what_cells_of_a_pass_have_that_ended_is_not_lost(store):
    _, cells = pass_of(4)
    one, other, *rest = cells
    beat = Heartbeat(store)
    beat.joined(cells)
    for cell in cells:
        beat.started(cell)
    beat.finished(one, Outcome(one.id, 30.0, elapsed=40.0), again=False)
    # Its seconds are those of the other driver that has made it, long ago.
    beat.finished(other, Outcome(other.id, 900.0, elapsed=0.0), again=False)
    lost = killed(store, beat, 80.0)
    assert lost == {cell.id: pytest.approx(25.0, abs=0.1) for cell in rest}


def test_cells_beside_a_pass_lose_their_own_time(store):
    """Some run alone, some in two passes, and one again alone after its pass ended."""
    _, cells = pass_of(8)
    alone, again, *others = cells
    beat = Heartbeat(store)
    for together in ([again, *others[:3]], others[3:]):
        beat.joined(together)
        for cell in together:
            beat.started(cell)
    beat.finished(again, Outcome(again.id, 0.0, failure=CRASH, elapsed=0.0, shared=True), again=True)
    for cell in (alone, again):
        beat.started(cell)
    lost = killed(store, beat, 60.0)
    assert lost[alone.id] == lost[again.id] == pytest.approx(60.0, abs=0.1)
    assert [lost[cell.id] for cell in others] == pytest.approx([20.0] * 6, abs=0.1)


@pytest.mark.parametrize(
    "passes",
    [
        "x",
        [1],
        [{"cells": "ab", "spent": 1}],
        [{"cells": [["a"]], "spent": 1}],
        [{"cells": [], "spent": None}],
        [{"cells": []}],
    ],
)
def test_a_beat_that_says_nothing_sensible_of_passes_counts_cells_as_alone(passes, store):
    _, (cell, *_) = pass_of(2)
    beat = Heartbeat(store)
    beat.started(cell)
    told = {**beat._now(), "passes": passes}
    store.folder.write("drivers/other.json", json.dumps(told).encode())
    assert running_cells(store.folder)[cell.id].shared is None


def test_a_checkpoint_keeps_its_part_of_a_pass(store, tmp_path):
    """Of 80 s, which four cells share, 20 s came after one's checkpoint: it lost a quarter of its part."""
    _, cells = pass_of(4)
    now = time.time()
    (tmp_path / "state").write_text("x")
    store.checkpoints(cells[0].id).save(tmp_path / "state", 1)
    (path,) = (tmp_path / "store" / "checkpoints" / cells[0].id).iterdir()
    os.utime(path, (now - 20, now - 20))
    assert lost_seconds(store, cells[0].id, now - 80, now, 20.0) == pytest.approx(5.0, abs=0.1)
    assert lost_seconds(store, cells[1].id, now - 80, now, 20.0) == pytest.approx(20.0, abs=0.1)
    grid, _ = pass_of(4)
    schedule = Schedule(grid, set())
    run = GridRun(batch_task.task, grid, schedule, store, Listeners([]))
    failure = Failure(FailureClass.PREEMPTED, "gone")
    settle(cells[0], Outcome(cells[0].id, 20.0, failure=failure, elapsed=80.0, shared=True), run)
    (loss,) = store.losses.read_all()
    assert loss.seconds == pytest.approx(5.0, abs=0.5)


@given(
    st.lists(st.floats(0.0, 9.0), min_size=1, max_size=12),
    st.integers(0, 12),
    st.floats(0.0, 500.0),
)
def test_all_seconds_of_a_pass_are_its_own(spent, ended, more):
    """Those that ended have theirs, and the rest is shared: together the time of the pass."""
    shared = SharedTime(tuple(str(number) for number in range(len(spent))))
    ended = min(ended, len(spent) - 1)
    for number in range(ended):
        shared = shared.without(str(number), spent[number])
    elapsed = sum(spent[:ended]) + more
    parts = [shared.part(elapsed)] * len(shared.open)
    assert math.fsum([*spent[:ended], *parts]) == pytest.approx(elapsed)
    assert shared.part(0.0) >= 0.0


def test_the_outcomes_of_a_pass_that_ends_add_up_to_its_time(store, monkeypatch):
    """Two answer after 10 s of their own each, then it raises: the other two share what is left."""
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def two_of_four(contexts):
        clock[0] += 8.0
        for context in contexts[:2]:
            with context.own_time():
                clock[0] += 10.0
            yield context, {"sum": 0}
        clock[0] += 5.0
        raise ValueError("nobody knows whose")

    monkeypatch.setattr(batch_task, "score_together", two_of_four)
    _, cells = pass_of(4)
    ended = []
    run_pass([Attempt(cell, batch_task.task, store) for cell in cells], ended.append)
    assert sum(outcome.seconds for outcome in ended) == pytest.approx(33.0)
    assert [outcome.elapsed for outcome in ended] == pytest.approx([18.0, 28.0, 33.0, 33.0])


def test_a_pass_that_is_lost_with_its_process_loses_what_is_left_of_its_time(store, monkeypatch):
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 1.0})
    monkeypatch.setattr("gridcell.execute.searcher.ask_node", lambda process: CRASH)
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    grid, cells = pass_of(4)
    (numbers,) = (cell.id for cell in grid.cells.values() if cell.kind == "numbers")
    heard = []

    class Heard(Listeners):
        def joined(self, cells):
            heard.append([cell.id for cell in cells])

        def started(self, cell):
            assert cell.id in heard[0]

        def finished(self, cell, outcome, again):
            heard.append((outcome.seconds, outcome.elapsed))

    schedule = Schedule(grid, {numbers}, group_of=batch_task.task.group_of)
    run = GridRun(batch_task.task, grid, schedule, store, Heard([]))
    searcher = CellSearcher(run, max_concurrent=math.inf, ask_beyond=False, processors=1)
    first, *_ = (told["cell"] for told in searcher.suggest("a")["cells"])
    searcher.on_trial_result("a", {"begun": True, "process": json.dumps({"node": "n"})})
    outcome = {"seconds": 12.0, "elapsed": 20.0, "metrics": {}, "failure": None, "step": None}
    clock[0] = 20.0
    searcher.on_trial_result("a", {"outcome": json.dumps(outcome), "cell": first, "done": False})
    clock[0] = 72.0
    searcher.on_trial_complete("a", error=True)
    assert sorted(heard[0]) == sorted(cell.id for cell in cells)
    assert heard[1:] == [(12.0, 20.0), *[(20.0, 72.0)] * 3]


def test_a_cell_that_another_driver_made_took_nothing_of_this_run(store):
    _, (first, *others) = pass_of(3)
    grid = batch_task.plan(batch_task.Settings(lists=1, cells=3))
    need = next(cell for cell in grid.cells.values() if cell.kind == "numbers")
    for cell in (need, first):
        run_cell(Attempt(cell, batch_task.task, store))
    ended = []
    run_cells([Attempt(cell, batch_task.task, store) for cell in (first, *others)], ended.append)
    assert [outcome.spent == 0.0 for outcome in ended] == [True, False, False]


def test_every_executor_tells_which_cells_run_together(store):
    grid, cells = pass_of(4)
    told = []

    class Watch:
        begun = reported = grown = finished = ended = lambda self, *args, **more: None

        def joined(self, cells):
            told.append(("joined", {cell.id for cell in cells}))

        def started(self, cell):
            told.append(("started", cell.kind))

    assert isinstance(Watch(), HearsPasses)
    run_grid(batch_task.task, grid, store, RunOptions(executor="inline"), listeners=[Watch()])
    assert told == [
        ("started", "numbers"),
        ("joined", {cell.id for cell in cells}),
        *[("started", "score")] * 4,
    ]


# Time left.


def alike(count, kind="score"):
    builder = GridBuilder("t")
    for number in range(count):
        builder.target({"n": number}, builder.add(kind, {"n": number}))
    return list(builder.build().cells.values())


def begin(left, cells, now):
    if len(cells) > 1:
        left.joined(cells)
    for cell in cells:
        left.started(cell, now)


def test_a_pass_is_one_piece_of_work_in_the_time_left():
    """Two slots, passes of eight cells, 10 s a cell: 32 cells are left after the first two passes."""
    cells, left = alike(48), TimeLeft()
    begin(left, cells[:8], 0.0)
    begin(left, cells[8:16], 0.0)
    for cell in cells[:16]:
        left.finished(cell, 10.0)
    assert left.left(cells[16:], 80.0) == pytest.approx(32 * 10 / 2)
    begin(left, cells[16:24], 80.0)
    begin(left, cells[24:32], 80.0)
    assert left.running == 16
    assert left.left(cells[32:], 80.0) == pytest.approx(32 * 10 / 2)
    assert left.left(cells[32:], 120.0) == pytest.approx(32 * 10 / 2 - 40)
    assert left.left([], 120.0) == pytest.approx(40)
    for cell in cells[16:19]:
        left.finished(cell, 10.0)
    assert left.left([], 120.0) == pytest.approx(40)  # the rest of a pass is there, whoever of it has ended


def test_a_pass_counts_by_the_estimates_of_its_cells():
    cells = alike(6)
    left = TimeLeft({cell.id: 2.0 for cell in cells})
    begin(left, cells[:1], 0.0)
    left.finished(cells[0], 10.0)  # five times as long as estimated
    begin(left, cells[1:], 10.0)
    assert left.left([], 30.0) == pytest.approx(5 * 10 - 20)


def test_cells_of_a_pass_that_all_report_steps_go_on_in_step():
    cells = alike(5)
    left = TimeLeft()
    begin(left, cells[:1], 0.0)
    left.reported(cells[0], 100, 100.0)
    left.finished(cells[0], 100.0)
    begin(left, cells[1:], 100.0)
    for cell in cells[1:]:
        left.reported(cell, 0, 100.0)
        left.reported(cell, 50, 180.0)
    assert left.left([], 180.0) == pytest.approx(80.0)
    left.finished(cells[1], 20.0)
    assert left.left([], 180.0) == pytest.approx(80.0)
