"""A commit is whole, once, and on the disk, also where there are no hard links."""

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import toy_task

from gridcell.cell import Cell
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store, commit
from gridcell.store.filesystem import Folder

CELL = Cell("t", "k", {"a": 1})


@pytest.fixture(params=[errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def no_links(request, monkeypatch):
    def link(*_, **__):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(os, "link", link)


def everything(folder):
    return sorted(path.name for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_a_grid_runs_to_its_end(tmp_path):
    store = Store(str(tmp_path / "store")).prepare()
    grid = toy_task.plan(toy_task.Settings(width=2, length=2))
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    assert schedule.finished == set(grid.cells) == store.results.done()
    assert not [name for name in everything(tmp_path) if "lock" in name]


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_exactly_one_of_many_writers_wins_and_its_file_is_whole(tmp_path):
    folder = Folder.open(str(tmp_path))
    gate = threading.Barrier(8)

    def write(number):
        gate.wait()
        return folder.create("results/x.json", str(number).encode() * 10_000)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert sum(won) == 1
    assert folder.read("results/x.json") == str(won.index(True)).encode() * 10_000
    assert everything(tmp_path) == ["x.json"]


@pytest.mark.usefixtures("no_links")
def test_a_dead_writers_lock_is_taken_over_and_a_living_ones_waited_for(tmp_path, monkeypatch):
    folder = Folder.open(str(tmp_path))
    lock = tmp_path / ".x.lock"
    lock.write_text("of a writer that died")
    long_ago = time.time() - 2 * commit.LOCK_S
    os.utime(lock, (long_ago, long_ago))
    assert folder.create("x", b"1")
    assert everything(tmp_path) == ["x"]

    other = tmp_path / ".y.lock"
    other.write_text("of a writer that lives")
    monkeypatch.setattr(commit.time, "sleep", lambda _: (tmp_path / "y").write_bytes(b"theirs"))
    assert not folder.create("y", b"ours")
    assert folder.read("y") == b"theirs"


def test_other_errors_of_linking_are_told(tmp_path, monkeypatch):
    def link(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(OSError, match="No space left"):
        Folder.open(str(tmp_path)).create("x", b"1")
    assert everything(tmp_path) == []


def test_a_folder_in_which_both_of_two_writers_win_is_refused_before_anything_runs(tmp_path, monkeypatch):
    from gridcell.errors import UserError

    monkeypatch.setattr("gridcell.store.filesystem.put_if_absent", lambda one, two: bool(one.replace(two)))
    with pytest.raises(UserError, match="both win"):
        Store(str(tmp_path / "store")).prepare()


@pytest.fixture
def events(monkeypatch):
    """What is done to files, in order: ("sync" | "name", the file's name)."""
    told = []
    fsync, link, replace = os.fsync, os.link, Path.replace

    def name_of(descriptor):
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    monkeypatch.setattr(os, "fsync", lambda each: (told.append(("sync", name_of(each))), fsync(each)))
    monkeypatch.setattr(os, "link", lambda one, two: (link(one, two), told.append(("name", Path(two).name))))

    def renamed(self, target):
        told.append(("name", Path(target).name))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", renamed)
    return told


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="this system doesn't tell the names of open files"
)
def test_a_commit_is_on_the_disk_before_it_has_its_name_and_its_name_after(store, tmp_path, events):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "w.pt").write_text("weights")
    store.results.commit(CELL, {"x": 1}, tmp_path / "outputs", {})
    record = f"{CELL.id}.json"
    what = [
        (kind, name.removeprefix(".").rpartition(".")[0] if kind == "sync" and name[0] == "." else name)
        for kind, name in events
    ]
    order = [
        *(("sync", "w.pt"), ("name", "w.pt")),
        *(("sync", record), ("name", record), ("sync", "results")),
    ]
    places = [what.index(each) for each in order]
    assert places == sorted(places)


def test_a_heartbeat_waits_for_no_disk(store, events):
    store.folder.write("drivers/me.json", b"{}")
    assert [kind for kind, _ in events] == ["name"]


def test_a_filesystem_that_cannot_sync_folders_is_no_error(tmp_path, monkeypatch):
    fsync = os.fsync

    def no_folders(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", no_folders)
    assert Folder.open(str(tmp_path)).create("x", b"1")
    commit.sync_folder(tmp_path / "nowhere")


def test_waiting_for_the_disk_leaves_no_file_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        commit.sync_folder(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
