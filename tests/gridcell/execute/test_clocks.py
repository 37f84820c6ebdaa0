"""Drivers are told alive or dead by the storage's clock, however far their own are apart."""

import json
import os
import platform
import sys
import time
from pathlib import Path

import pytest
import toy_task

from gridcell.answers.retention import others_beside
from gridcell.cell import Cell
from gridcell.execute import heartbeat
from gridcell.execute.heartbeat import STALE_S, Heartbeat, running_cells
from gridcell.execute.outcome import Outcome
from gridcell.execute.schedule import Schedule

HERE = {"host": platform.node(), "pid": 4242}


def beat(store, name, *, clock=0.0, age=0.0, running=()):
    """Leave the beat of a driver elsewhere, whose clock is off by so many seconds."""
    told = {"host": "elsewhere", "pid": 1, "time": time.time() + clock - age}
    cells = dict.fromkeys(running, told["time"] - 7)
    store.folder.write(f"drivers/{name}.json", json.dumps({**told, "running": cells}).encode())
    written = time.time() - age
    os.utime(store.folder.local(f"drivers/{name}.json"), (written, written))


@pytest.mark.parametrize("clock", [-3600.0, -25.0, 0.0, 25.0, 3600.0])
def test_a_driver_whose_clock_is_off_is_neither_dead_nor_undying(store, clock):
    grid = toy_task.plan(toy_task.Settings(width=2, length=1))
    one, other, _ = grid.cells
    beat(store, "alive", clock=clock, running=[one])
    beat(store, "dead", clock=clock, age=STALE_S + 5, running=[other])
    assert set(running_cells(store.folder)) == {one}
    mine = Heartbeat(store)
    schedule = Schedule(grid, set())
    mine.begun(schedule)
    mine.ended(False)
    assert schedule.elsewhere == {one}
    assert store.folder.names("drivers") == ["alive.json"]
    (loss,) = store.losses.read_all()
    assert loss.cell == other
    assert loss.seconds == pytest.approx(7, abs=1)


def test_who_may_only_read_goes_by_the_own_clock(store, monkeypatch):
    beat(store, "alive", running=["ab"])
    beat(store, "dead", age=STALE_S + 5, running=["cd"])

    def refused(*_, **__):
        raise PermissionError

    monkeypatch.setattr(store.folder, "write", refused)
    assert set(running_cells(store.folder)) == {"ab"}
    assert heartbeat._now_of(store.folder) is None


def test_looking_leaves_nothing_behind(store, tmp_path):
    beat(store, "alive")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    running_cells(store.folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("answer", "alive"), [(None, True), (PermissionError(), True), (ProcessLookupError(), False)]
)
def test_a_driver_here_lives_as_long_as_its_process_whoever_owns_it(store, monkeypatch, answer, alive):
    beat(store, "one", running=["ab"])
    told = json.loads(store.folder.read("drivers/one.json")) | HERE | heartbeat._processes()
    store.folder.write("drivers/one.json", json.dumps(told).encode())

    def kill(pid, number):
        assert (pid, number) == (4242, 0)
        if answer is not None:
            raise answer

    monkeypatch.setattr(os, "kill", kill)
    assert set(running_cells(store.folder)) == ({"ab"} if alive else set())


def test_a_driver_says_of_each_cell_what_it_runs_and_nothing_of_those_that_ended(store):
    first, second = (Cell("t", "k", {"n": number}) for number in range(2))
    beat = Heartbeat(store)
    for cell, host in ((first, "one"), (second, "two")):
        beat.started(cell)
        beat.placed(cell, host)
        beat.reported(cell, 3, {})
        beat.reported(cell, 5, {})
    beat.finished(first, Outcome(first.id, 1.0), again=False)
    beat._beat_once()
    (told,) = (json.loads(store.folder.read(f"drivers/{name}")) for name in store.folder.names("drivers"))
    for about in ("running", "steps", "places", "paces"):
        assert told[about].keys() == {second.id}, about
    (running,) = running_cells(store.folder).values()
    assert (running.host, running.step, running.pace[0]) == ("two", 5, 3)


BEAT = {"host": "elsewhere", "pid": 7, "time": 1_800_000_000.0, "running": {"ab": 1_799_999_990.0}}
DAMAGED = [
    *({"running": {"ab": told}} for told in ("soon", None, [1], True, 10**400, float("inf"), float("nan"))),
    *({"pid": told} for told in (10**30, 0, -1, True, 2**31)),
    *({"time": told} for told in (10**400, float("inf"), float("nan"), True, -(10**30))),
    {"running": {"../../victim": 1.0}},
]


def leave(store, name, told):
    store.folder.write(f"drivers/{name}.json", json.dumps(told).encode())


@pytest.mark.parametrize("change", DAMAGED, ids=lambda change: str(change)[:40])
def test_a_damaged_beat_of_another_driver_stops_nothing(store, caplog, change):
    grid = toy_task.plan(toy_task.Settings(width=2, length=1))
    leave(store, "bbb", {**BEAT, **change})
    beat(store, "alive", running=["cd"])
    mine = Heartbeat(store)
    schedule = Schedule(grid, set())
    mine.begun(schedule)
    assert mine._thread.is_alive()
    mine.ended(False)
    assert schedule.elsewhere == {"cd"}
    assert set(running_cells(store.folder)) == {"cd"}
    assert heartbeat.living_drivers(store.folder) == ["elsewhere:1"]
    assert "drivers/bbb.json of the storage is damaged" in caplog.text
    assert store.folder.names("drivers") == ["alive.json", "bbb.json"]
    assert store.losses.read_all() == []


@pytest.mark.parametrize(
    "more",
    [
        *({"steps": told} for told in ([], {"ab": "many"}, {"ab": None}, {"ab": 1e400}, {"ab": True})),
        *({"paces": told} for told in (7, {"ab": [1, 2, 3, float("nan")]}, {"ab": [1, 2, 10**400, 3]})),
        *({"passes": [{"cells": ["ab"], "spent": told}]} for told in (10**400, float("nan"))),
        *({"places": 7}, {"code": 7, "task": []}),
    ],
    ids=lambda more: str(more)[:40],
)
@pytest.mark.parametrize("age", [0.0, STALE_S + 5])
def test_what_a_beat_need_not_say_is_passed_over_where_it_makes_no_sense(store, more, age):
    beat(store, "one", age=age, running=["ab"])
    leave(store, "one", json.loads(store.folder.read("drivers/one.json")) | more)
    written = time.time() - age
    os.utime(store.folder.local("drivers/one.json"), (written, written))
    found = running_cells(store.folder)
    assert set(found) == (set() if age else {"ab"})
    assert all(each.step is None and each.shared is None for each in found.values())
    mine = Heartbeat(store)
    mine.begun(Schedule(toy_task.plan(toy_task.Settings(width=1, length=1)), set()))
    mine.ended(False)
    losses = store.losses.read_all()
    assert [(loss.cell, loss.steps) for loss in losses] == ([("ab", None)] if age else [])


SPACE = {"boot": "4e1f", "pid_namespace": "pid:[1]"}
OTHERS = [
    *({**SPACE, "boot": "another"}, {**SPACE, "pid_namespace": "pid:[2]"}),
    *({}, {"boot": "4e1f"}, {"boot": None, "pid_namespace": None}, {"boot": 7, "pid_namespace": []}),
]


def no_such_process(*_):
    raise ProcessLookupError


@pytest.mark.parametrize("told", OTHERS, ids=str)
@pytest.mark.parametrize("age", [0.0, STALE_S + 5])
def test_whether_a_driver_of_other_processes_lives_is_told_by_its_age_alone(store, monkeypatch, told, age):
    """Containers may share the name of a host, and each counts its processes from 1."""
    monkeypatch.setattr(heartbeat, "_processes", lambda: SPACE)
    monkeypatch.setattr(os, "kill", no_such_process)
    beat(store, "one", age=age, running=["ab"])
    leave(store, "one", json.loads(store.folder.read("drivers/one.json")) | HERE | told)
    written = time.time() - age
    os.utime(store.folder.local("drivers/one.json"), (written, written))
    assert set(running_cells(store.folder)) == (set() if age else {"ab"})


def test_a_driver_of_these_processes_is_dead_at_once_when_its_process_is_gone(store, monkeypatch):
    mine = Heartbeat(store)
    mine.started(Cell("t", "k", {}))
    mine._beat_once()
    assert len(running_cells(store.folder)) == 1
    monkeypatch.setattr(os, "kill", no_such_process)
    assert running_cells(store.folder) == {}


@pytest.mark.parametrize(("system", "found"), [("linux", {"ab"}), ("darwin", set())])
def test_processes_that_nothing_tells_apart_are_this_hosts_where_there_are_no_containers(
    store, monkeypatch, system, found
):
    monkeypatch.setattr(heartbeat, "_processes", lambda: {"boot": None, "pid_namespace": None})
    monkeypatch.setattr(heartbeat.sys, "platform", system)
    monkeypatch.setattr(os, "kill", no_such_process)
    beat(store, "one", running=["ab"])
    told = json.loads(store.folder.read("drivers/one.json")) | HERE | heartbeat._processes()
    leave(store, "one", told)
    assert set(running_cells(store.folder)) == found
    leave(store, "one", told | {"host": "elsewhere"})
    assert set(running_cells(store.folder)) == {"ab"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces of processes")
def test_processes_of_linux_are_told_apart_by_boot_and_namespace():
    about = heartbeat._processes()
    assert about == {
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "pid_namespace": str(Path("/proc/self/ns/pid").readlink()),
    }


def test_without_proc_nothing_tells_processes_apart(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    heartbeat._processes.cache_clear()
    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(Path, "readlink", missing)
    try:
        assert heartbeat._processes() == {"boot": None, "pid_namespace": None}
    finally:
        heartbeat._processes.cache_clear()


def test_another_driver_of_the_same_host_and_number_is_not_taken_for_ones_own(store, monkeypatch):
    mine = Heartbeat(store)
    mine._beat_once()
    assert others_beside(store, but_own=True) == []
    own = f"{platform.node()}:{os.getpid()}"
    assert others_beside(store) == [own]
    told = mine._now() | {"pid_namespace": "pid:[2]"}
    leave(store, "container", told)
    assert others_beside(store, but_own=True) == [own]
