"""A storage that is moved while a run writes to it: the run stops, and makes no second one."""

import shutil
from pathlib import Path

import pytest
import toy_task

from gridcell.errors import UserError
from gridcell.execute import heartbeat
from gridcell.execute.driver import run_grid
from gridcell.execute.heartbeat import Heartbeat
from gridcell.execute.listener import Listener
from gridcell.execute.options import RunOptions
from gridcell.execute.schedule import Schedule
from gridcell.store import Store


class Mover(Listener):
    """Moves a storage once so many cells are done."""

    def __init__(self, storage, after):
        self.storage, self.left = Path(storage), after

    def finished(self, cell, outcome, again):
        self.left -= 1
        if self.left == 0:
            shutil.move(self.storage, self.storage.with_name("moved"))

    def __getattribute__(self, name):
        ignored = {"begun", "started", "joined", "placed", "reported", "grown", "ended"}
        return (lambda *_, **__: None) if name in ignored else object.__getattribute__(self, name)


def test_a_run_whose_storage_is_moved_stops_and_makes_no_other(store):
    grid = toy_task.plan(toy_task.Settings())
    schedule = run_grid(
        toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[Mover(store.uri, 1)]
    )
    assert "was moved or removed during the run" in schedule.stopped
    assert not Path(store.uri).exists()
    moved = Store(str(Path(store.uri).with_name("moved")))
    assert moved.exists()
    assert len(moved.results.done()) == 1


def test_the_command_says_so_and_is_no_success(gridcell, monkeypatch):
    begun = Heartbeat.begun

    def begun_and_moved(self, schedule):
        begun(self, schedule)
        shutil.move("runs", "moved")

    monkeypatch.setattr(Heartbeat, "begun", begun_and_moved)
    code, said, _ = gridcell("run", "toy", "--executor", "inline", "--out", "report")
    assert code == 1
    assert "Stopped: the storage" in said
    assert "was moved or removed during the run: bring it back" in said
    assert not Path("runs").exists()


def test_the_heartbeat_notices_it_while_a_cell_runs(store, monkeypatch):
    monkeypatch.setattr(heartbeat, "INTERVAL_S", 0.01)
    schedule = Schedule(toy_task.plan(toy_task.Settings()), set())
    store.hold()
    beat = Heartbeat(store)
    shutil.rmtree(store.uri)
    monkeypatch.setattr(heartbeat, "written_if_possible", lambda write: None)  # it was moved after its begin
    beat.begun(schedule)
    beat._thread.join(timeout=60)
    assert "was moved or removed" in schedule.stopped
    beat.ended(True)
    assert not Path(store.uri).exists()


def test_nothing_is_written_to_a_held_storage_that_is_gone(store, tmp_path):
    store.hold()
    store.folder.write("a", b"")
    shutil.move(store.uri, tmp_path / "moved")
    (tmp_path / "file").write_bytes(b"x")
    for write in (
        lambda: store.folder.write("b", b""),
        lambda: store.folder.create("b", b""),
        lambda: store.folder.put(tmp_path / "file", "b"),
        lambda: store.folder.move("a", "b"),
    ):
        with pytest.raises(UserError, match="was moved or removed during the run"):
            write()
    assert not Path(store.uri).exists()
    store.prepare().hold()  # one that is asked for is made
    store.folder.write("b", b"")
