"""What the terminal says of the time left, on a clock that the test turns."""

import io
import itertools
import re

import pytest
from rich.console import Console

from gridcell.cli.progress import TerminalProgress
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.schedule import Schedule
from gridcell.grid import GridBuilder


class Told:
    """A run of two cells at once, told to the progress."""

    def __init__(self, *kinds):
        grid = GridBuilder("t")
        for number, kind in enumerate(kinds):
            cell = grid.add(kind, {"n": number}, title=f"{kind} {number}")
            grid.target({"n": number}, cell)
        self.clock = 0.0
        self.schedule = Schedule(grid.build(), set())
        self.progress = TerminalProgress(Console(file=io.StringIO()), "loss", now=lambda: self.clock)
        self.progress.begun(self.schedule)

    def start(self):
        cell = self.schedule.take()
        self.progress.started(cell)
        return cell, self.clock

    def finish(self, started):
        cell, since = started
        outcome = Outcome(cell.id, self.clock - since)
        self.schedule.finish(outcome)
        self.progress.finished(cell, outcome, again=False)

    @property
    def left(self):
        return self.progress.time_left()


@pytest.mark.parametrize(("unit", "line"), [("nats", "loss 2.5 nats"), ("", "loss 2.5")])
def test_the_number_of_a_finished_cell_has_its_unit(unit, line):
    out, clock = io.StringIO(), itertools.count(0.0, 100.0)
    grid = GridBuilder("t")
    grid.target({"n": 0}, grid.add("train", {"n": 0}, title="train 0"))
    schedule = Schedule(grid.build(), set())
    progress = TerminalProgress(Console(file=out), "loss", now=lambda: next(clock), unit=unit)
    progress.begun(schedule)
    cell = schedule.take()
    progress.started(cell)
    outcome = Outcome(cell.id, 1.0, metrics={"loss": 2.5})
    schedule.finish(outcome)
    progress.finished(cell, outcome, again=False)
    progress.ended(stopped=False)
    assert any(part.strip() == f"train 0 {line}" for part in re.split(r"[·\n]", out.getvalue()))


def test_running_cells_are_part_of_the_time_left():
    told = Told(*["train"] * 4)
    one, other = told.start(), told.start()
    assert told.left is None  # nothing has told yet how long a cell takes
    told.clock = 100.0
    told.finish(one)
    told.finish(other)
    assert told.left == 100.0  # two cells of 100 s, two at once
    third = told.start()
    told.clock = 110.0
    told.start()
    assert told.left == pytest.approx(100.0)  # the last has just begun, whatever the third does
    told.clock = 150.0
    told.finish(third)
    mean = (100 + 100 + 50) / 3
    assert told.left == pytest.approx(mean - 40)
    told.clock = 400.0
    assert told.left == 0.0  # longer than any before: no telling


def test_a_kind_not_yet_seen_makes_it_unknown():
    told = Told("train", "train", "train", "video")
    train, video = told.start(), told.start()
    assert video[0].kind == "video"
    told.clock = 10.0
    told.finish(train)
    assert told.left is None
    told.clock = 30.0
    told.finish(video)
    assert told.left == 10.0  # two of 10 s, two at once
    told.finish(told.start())
    assert told.left == 5.0  # the last can't be shared; its kind takes (10 + 0) / 2


def with_estimates(told, **seconds):
    """Give each kind an estimate, in the task's seconds."""
    cells = {cell.id: seconds[cell.kind] for cell in told.schedule.queued() if cell.kind in seconds}
    told.progress._left.estimates = cells
    return told


def test_a_kind_not_yet_seen_takes_its_estimate_at_the_pace_of_the_others():
    told = with_estimates(Told(*["short"] * 3, "long"), short=2.0, long=100.0)
    short, long = told.start(), told.start()
    assert {short[0].kind, long[0].kind} == {"short", "long"}
    if short[0].kind == "long":
        short, long = long, short
    told.clock = 6.0  # three times as long as estimated
    told.finish(short)
    assert told.left == pytest.approx(300.0 - 6.0)
    told.clock = 300.0
    assert told.left == pytest.approx((2 * 6.0 + 0) / 2)


def test_many_short_cells_say_nothing_of_a_kind_without_an_estimate():
    told = Told(*["short"] * 40, "long")
    first, long = told.start(), told.start()
    if first[0].kind == "long":
        first, long = long, first
    told.finish(first)
    for _ in range(30):
        told.clock += 1.0
        told.finish(told.start())
    assert told.left is None


def test_a_cell_in_its_middle_counts_by_its_steps():
    told = Told("train", "train")
    one, other = told.start(), told.start()
    told.clock = 100.0
    told.progress.reported(one[0], 50, {})
    told.finish(one)
    told.progress.reported(other[0], 10, {})  # it went on from a checkpoint at step 9, say
    told.clock = 140.0
    told.progress.reported(other[0], 20, {})
    assert told.left == pytest.approx(30 * 4.0)
    told.clock = 150.0
    assert told.left == pytest.approx(30 * 4.0 - 10.0)


def test_what_makes_the_time_left_unknown_is_named():
    told = Told("train", "train", "video")
    train, _ = told.start(), told.start()
    assert told.progress._told_left() == "left ? (no train or video is done yet)"
    told.clock = 10.0
    told.finish(train)
    assert told.progress._told_left() == "left ? (no video is done yet)"


def test_an_estimate_of_nothing_is_no_estimate():
    """A kind that the task has no figure for is measured, as one that it leaves out."""
    told = with_estimates(Told(*["features"] * 3, "train"), train=100.0, features=0.0)
    one, other = told.start(), told.start()
    assert told.left is None
    features, train = (one, other) if one[0].kind == "features" else (other, one)
    told.clock = 50.0
    told.finish(features)
    assert told.left is None  # nor does a kind without an estimate tell how fast this machine is
    told.clock = 100.0
    told.finish(train)
    assert told.left == pytest.approx(2 * 50 / 2)


def test_of_many_kinds_two_are_named_and_the_others_counted():
    told = Told("data", "fisher", "train", "video")
    told.start()
    assert told.progress._told_left() == "left ? (no data or fisher or 2 other kinds is done yet)"


def test_the_first_cell_is_told_at_once_and_then_not_more_than_every_ten_seconds():
    told = Told("train", "train", "video")
    out = told.progress._console.file
    assert out.getvalue().splitlines() == ["3 cells to run"]
    told.start()
    told.start()
    (line,) = out.getvalue().splitlines()[1:]
    assert line.startswith("0 of 3 done · running 1 · 0:00 · left ? (")
    assert line.endswith("starts with train 0")


def test_what_diverged_and_is_blocked_is_no_progress_and_what_ended_is_not_said_to_start():
    grid = GridBuilder("t")
    first = grid.add("train", {"n": 0}, title="train 0")
    grid.target({"n": 0}, grid.add("test", {"n": 0}, needs={"weights": first}, title="test 0"))
    grid.target({"n": 1}, grid.add("train", {"n": 1}, title="train 1"))
    out, clock = io.StringIO(), itertools.count(0.0, 100.0)
    schedule = Schedule(grid.build(), set())
    progress = TerminalProgress(Console(file=out, width=200), "loss", now=lambda: next(clock))
    progress.begun(schedule)
    cell = schedule.take()
    progress.started(cell)
    assert "starts with train 0" in out.getvalue().splitlines()[-1]
    failure = Failure(FailureClass.DIVERGED, "The loss became nan.")
    outcome = Outcome(cell.id, 1.0, failure=failure)
    progress.finished(cell, outcome, again=schedule.finish(outcome))
    last = out.getvalue().splitlines()[-1]
    assert last.startswith("0 of 3 done · 1 diverged · 1 blocked · running 0 · ")
    assert "starts with" not in last


def test_a_run_that_grows_says_what_is_to_come_and_never_that_nothing_is_left():
    run = Told("train", "train", "train")
    run.progress._to_come = lambda: "7 trials"  # as of a search
    first = run.start()
    run.clock = 10.0
    run.finish(first)
    second = run.start()
    run.clock = 14.0
    assert run.progress._told_left() == "left 0:16, then 7 trials"
    run.clock = 30.0  # twice as long as the first
    assert run.progress._told_left() == "left 0:10, then 7 trials"  # of the third
    run.finish(second)
    third = run.start()
    run.clock = 90.0
    assert run.progress._told_left() == "left ? (longer than cells like it; 7 trials to come)"
    run.finish(third)
    assert run.progress._told_left() == "left ? (7 trials to come)"
    run.progress._to_come = str
    assert run.progress._told_left() == ""
