"""Who is handed out when: what there is room for, and no worker is ended that is needed again at once."""

import json
import math
from dataclasses import asdict

import pytest
import rounds_task

from gridcell.cell import Resources
from gridcell.execute.cluster import Room
from gridcell.execute.driver import run_grid
from gridcell.execute.last_words import Process
from gridcell.execute.options import GridRun, RunOptions
from gridcell.execute.schedule import Schedule
from gridcell.execute.trial import OUTCOME, PROCESS, PROGRESS
from gridcell.grid import GridBuilder
from gridcell.notice import NOTICE

BEGUN = "begun"
DONE = {"outcome": json.dumps({"seconds": 0.0, "metrics": {}, "failure": None, "step": None})}


class Silent:
    """A listener that does nothing."""

    def __getattr__(self, _):
        return lambda *_: None


@pytest.fixture
def handing_out(store, monkeypatch):
    """Return a searcher of cells that ask for so many CPUs, on a cluster of four."""
    from gridcell.execute.searcher import CellSearcher

    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0})

    def make(cpus, gpus=(), **options):
        builder = GridBuilder("t")
        for number, each in enumerate(gpus):  # before the others
            resources = Resources(cpus=0, gpus=each)
            builder.target({"gpu": number}, builder.add("k", {"gpu": number}, resources=resources))
        for number, each in enumerate(cpus):
            builder.target({"n": number}, builder.add("k", {"n": number}, resources=Resources(cpus=each)))
        grid = builder.build()
        schedule = Schedule(grid, set())
        options = {"max_concurrent": math.inf, "ask_beyond": False, "processors": 4} | options
        return CellSearcher(GridRun(rounds_task.task, grid, schedule, store, Silent()), **options)

    return make


def trials(searcher, *names):
    """Ask for trials of these names; return which got a cell."""
    return [name for name in names if searcher.suggest(name) is not None]


def test_as_many_cells_are_handed_out_at_once_as_there_is_room_for(handing_out):
    searcher = handing_out([1] * 6)
    assert trials(searcher, *"abcdef") == [*"abcd"]
    searcher.on_trial_result("b", {BEGUN: True})
    searcher.on_trial_complete("b", DONE)
    assert trials(searcher, *"ef") == ["e"]


def test_a_large_cell_gets_its_room_and_no_small_one_overtakes_it(handing_out):
    searcher = handing_out([1, 1, 4])
    assert trials(searcher, *"abc") == [*"ab"]
    for name in "ab":
        assert trials(searcher, "c") == []
        searcher.on_trial_result(name, {BEGUN: True})
        searcher.on_trial_complete(name, DONE)
    assert trials(searcher, "c") == ["c"]


def test_of_a_cluster_that_may_grow_one_cell_more_is_asked_for(handing_out):
    searcher = handing_out([1] * 8, ask_beyond=True)
    assert trials(searcher, *"abcdef") == [*"abcd"]  # four workers are being started: first see them start
    for name in "abcd":
        searcher.on_trial_result(name, {BEGUN: True})
    assert trials(searcher, *"ef") == ["e"]


def test_a_cluster_that_has_nothing_yet_is_asked_for_many_machines_at_once(handing_out, monkeypatch):
    there = {"CPU": 0.0}
    monkeypatch.setattr("ray.cluster_resources", lambda: there)
    monkeypatch.setattr(Room, "LOOK_EVERY_S", -1.0)
    searcher = handing_out([1] * 40, ask_beyond=True)
    assert trials(searcher, *range(8)) == [*range(8)]
    monkeypatch.setattr(type(searcher), "PATIENCE_S", -1.0)  # a machine takes minutes to start
    assert trials(searcher, *range(8, 12)) == [*range(8, 12)]
    assert len(trials(searcher, *range(12, 40))) == type(searcher).ASK_AT_MOST - 12
    assert handing_out([1], ask_beyond=False).suggest("a") is None


def test_a_cluster_that_grew_is_asked_for_twice_as_many_more(handing_out, monkeypatch):
    monkeypatch.setattr(Room, "LOOK_EVERY_S", -1.0)
    searcher = handing_out([1] * 40, ask_beyond=True)
    names, beyond = iter(range(200)), []
    for room in (4.0, 4.0, 5.0, 7.0, 7.0):
        monkeypatch.setattr("ray.cluster_resources", lambda room=room: {"CPU": room})
        handed = trials(searcher, *(next(names) for _ in range(16)))
        for name in [*searcher._trials][: int(room)]:
            searcher.on_trial_result(name, {BEGUN: True})
        handed += trials(searcher, *(next(names) for _ in range(16)))
        beyond.append(len(searcher._trials) - int(room))
    assert beyond == [1, 1, 2, 4, 4]


def test_what_waits_for_want_of_room_is_not_overtaken(handing_out, monkeypatch):
    searcher = handing_out([1] * 6)
    assert trials(searcher, *"abc") == [*"abc"]
    monkeypatch.setattr(type(searcher), "PATIENCE_S", -1.0)
    assert trials(searcher, "d") == []
    for name in "abc":
        searcher.on_trial_result(name, {BEGUN: True})
    assert trials(searcher, "d") == ["d"]


def test_no_more_workers_start_at_once_than_there_are_processors(handing_out):
    searcher = handing_out([1] * 8, processors=2)
    assert trials(searcher, *"abc") == [*"ab"]
    searcher.on_trial_result("b", {BEGUN: True})
    assert trials(searcher, *"cd") == ["c"]
    searcher.on_trial_complete("b", DONE)  # its worker is free: the next cell starts none
    assert trials(searcher, *"de") == ["d"]
    searcher.on_trial_result("d", {BEGUN: True})
    searcher.on_trial_complete("a")  # lost with its worker while that started
    assert trials(searcher, *"ef") == ["e"]


def test_the_end_that_was_asked_for_waits_for_each_trial_until_it_has_left(handing_out, monkeypatch):
    searcher, left = handing_out([1] * 2), []
    monkeypatch.setattr(searcher._ending, "left", left.append)
    assert trials(searcher, *"ab") == [*"ab"]
    searcher.on_trial_complete("a", DONE)
    searcher.on_trial_complete("b")
    assert left == [*"ab"]


def test_workers_that_had_nothing_to_do_are_gone_and_start_anew_in_turns(handing_out):
    searcher = handing_out([1] * 8, processors=1)
    for name in "abc":
        assert trials(searcher, name) == [name]
        searcher.on_trial_result(name, {BEGUN: True})
    searcher._max_concurrent = 0  # a lull
    for name in "abc":
        searcher.on_trial_complete(name, DONE)
    assert trials(searcher, "d") == []
    searcher._max_concurrent = math.inf
    assert trials(searcher, *"def") == ["d"]


def test_cells_that_wait_for_a_machine_keep_nothing_from_those_that_are_there(handing_out, monkeypatch):
    searcher = handing_out([1] * 6, gpus=[1] * 40, ask_beyond=True)
    asked = trials(searcher, *range(60))
    beyond = [trial for trial in asked if searcher._trials[trial].resources.gpus]
    assert len(beyond) == type(searcher).ASK_AT_MOST
    assert len(asked) - len(beyond) == 4
    monkeypatch.setattr(type(searcher), "PATIENCE_S", -1.0)  # the machines take minutes
    for trial in asked:
        if trial not in beyond:
            searcher.on_trial_result(trial, {BEGUN: True})
            searcher.on_trial_complete(trial, DONE)
    for trial in (60, 61):
        assert trials(searcher, trial) == [trial]
        searcher.on_trial_result(trial, {BEGUN: True})


def test_what_a_cluster_grows_by_starts_workers_too(handing_out, monkeypatch):
    monkeypatch.setattr(Room, "LOOK_EVERY_S", -1.0)
    searcher = handing_out([1] * 8, processors=1)
    assert trials(searcher, *"ab") == ["a"]
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 6.0})
    assert trials(searcher, *"bcde") == [*"bc"]


def test_a_node_that_comes_back_is_no_growth_of_processors(monkeypatch):
    monkeypatch.setattr(Room, "LOOK_EVERY_S", -1.0)
    room = Room(processors=8)
    for there in (16.0, 8.0, 16.0, 8.0, 16.0):
        monkeypatch.setattr("ray.cluster_resources", lambda there=there: {"CPU": there})
        assert (room.starts_one_beside(7), room.starts_one_beside(8)) == (True, False)


def test_room_counts_what_all_workers_of_all_cells_ask_for(monkeypatch):
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 8.0, "GPU": 1.0})
    room = Room()
    assert room.holds([Resources(cpus=2, workers=3), Resources(cpus=2)])
    assert not room.holds([Resources(cpus=2, workers=3), Resources(cpus=3)])
    assert room.holds([Resources(gpus=0.1)] * 8 + [Resources(cpus=0, gpus=0.1)] * 2)
    assert not room.holds([Resources(gpus=0.5)] * 2 + [Resources(gpus=0.1)])


def test_room_tells_how_many_more_cells_fit(monkeypatch):
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 8.0, "GPU": 1.0})
    room = Room()
    assert room.more_of(Resources(cpus=2), [Resources(cpus=3)]) == 2
    assert room.more_of(Resources(cpus=2, workers=2), []) == 2
    assert room.more_of(Resources(gpus=0.3), [Resources(gpus=0.1)]) == 3
    assert room.more_of(Resources(gpus=2), []) == 0
    assert room.more_of(Resources(), [Resources()] * 9) == 0


@pytest.mark.slow
def test_workers_whose_cells_end_together_all_go_on(store, tmp_path):
    """Each round of four needs four workers at once; Tune would keep one of those that end together."""
    grid = rounds_task.plan(rounds=10, width=4, markers=tmp_path / "markers")
    schedule = run_grid(rounds_task.task, grid, store, RunOptions(num_cpus=4))
    assert schedule.finished == set(grid.cells)
    told = [store.results.read(cell).metrics for cell in grid.cells]
    assert len({metrics["process"] for metrics in told}) == 4


def test_tune_keeps_no_figures_of_results_and_no_configuration_twice():
    """Of each number in a result it would keep two kilobytes for ever."""
    from ray.tune.experiment import Trial

    from gridcell.execute.forgetful import Forgetful

    trial = Trial("nothing", stub=True)
    place = {"node_ip": "127.0.0.1", "pid": 1, "trial_id": trial.trial_id}
    times = {"training_iteration": 1, "time_total_s": 0.5, "timestamp": 1, "date": "today", "hostname": "h"}
    for given, kept in [
        ({BEGUN: True, "process": "{}", "done": False}, {}),
        ({"progress": "[1, {}]", "done": False}, {}),
        ({"outcome": "{}", "cell": "a", "done": False}, {}),  # of a pass; the searcher has heard it
        ({"outcome": "{}", "cell": "b", "done": True}, {"outcome": "{}", "cell": "b"}),
    ]:
        result = given | times | place | {"config": {"cells": []}}
        Forgetful().on_trial_result(1, [trial], trial, result)
        assert result == kept | place
        trial.update_last_result(result)
    assert trial.run_metadata.metric_analysis == {}
    assert trial.last_result["outcome"] == "{}"


def test_workers_that_have_begun_are_told_that_the_run_is_to_end(handing_out, monkeypatch):
    searcher, told = handing_out([1] * 3), []
    monkeypatch.setattr(searcher._ending, "tell", told.append)
    assert trials(searcher, *"abc") == [*"abc"]
    process = Process("node", folder="/there")
    searcher.on_trial_result("b", {BEGUN: True, PROCESS: json.dumps(asdict(process))})
    searcher.end_soon()
    assert told == [{"b": process}]


@pytest.fixture
def asked_to_end(monkeypatch):
    """Let the driver be asked to end, now or later."""
    yield NOTICE.give
    NOTICE.withdraw()


@pytest.mark.parametrize("ended", [None, {"not begun": True, "done": True}])
def test_what_no_worker_had_begun_when_the_end_was_asked_waits_again(handing_out, asked_to_end, ended):
    """A cell that was handed out, but waits for a worker: neither started, nor preempted, nor lost."""
    searcher = handing_out([1] * 6)
    heard = searcher._run.listener = Heard()
    assert trials(searcher, *"ab") == [*"ab"]
    searcher.on_trial_result("a", {BEGUN: True})
    asked_to_end()
    assert searcher.suggest("c") is None
    assert searcher._run.schedule.stopped == "asked to end"
    searcher.on_trial_complete("a", DONE)
    searcher.on_trial_complete("b", ended)
    assert [name for name, *_ in heard.calls] == ["started", "finished"]
    assert searcher._run.store.losses.read_all() == []
    assert len(searcher._run.schedule.queued()) == 5
    assert searcher.suggest("c") == "FINISHED"


def test_a_worker_that_begins_after_the_end_was_asked_is_told_and_counts_as_not_begun(
    handing_out, asked_to_end, monkeypatch
):
    searcher, told = handing_out([1] * 2), []
    monkeypatch.setattr("gridcell.execute.searcher.tell_late", told.append)
    monkeypatch.setattr(searcher._ending, "tell", lambda processes: None)
    heard = searcher._run.listener = Heard()
    assert trials(searcher, "a") == ["a"]
    asked_to_end()
    searcher.end_soon()
    process = Process("node", folder="/there")
    searcher.on_trial_result("a", {BEGUN: True, PROCESS: json.dumps(asdict(process))})
    searcher.on_trial_result("a", {PROGRESS: json.dumps([1, {}])})
    left = {"failure_class": "preempted", "message": "saved", "traceback": ""}
    ended = json.dumps({"seconds": 1.0, "metrics": {}, "failure": left, "step": 1})
    searcher.on_trial_complete("a", {OUTCOME: ended, "done": True})
    assert told == [process]
    assert heard.calls == []
    assert searcher._run.store.losses.read_all() == []
    assert len(searcher._run.schedule.queued()) == 2


def test_a_worker_of_which_is_heard_before_the_others_are_told_is_waited_for(
    handing_out, asked_to_end, monkeypatch
):
    """Its message was under way when the end was asked: it runs, and saves a checkpoint."""
    searcher, told = handing_out([1] * 2), []
    monkeypatch.setattr(searcher._ending, "tell", told.append)
    heard = searcher._run.listener = Heard()
    assert trials(searcher, "a") == ["a"]
    asked_to_end()
    process = Process("node", folder="/there")
    searcher.on_trial_result("a", {BEGUN: True, PROCESS: json.dumps(asdict(process))})
    searcher.end_soon()
    assert told == [{"a": process}]
    assert "started" in [name for name, *_ in heard.calls]


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *told: self.calls.append((name, *told))
