"""The store: commits are whole or absent, the first one stays, damage is noticed."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from gridcell.cell import Cell
from gridcell.errors import CorruptData, UserError
from gridcell.grid import GridBuilder
from gridcell.store import Loss, Store, results
from gridcell.store.checkpoints import Checkpoints
from gridcell.store.filesystem import Folder

CELL = Cell("t", "k", {"a": 1}, seed=0, title="a cell")
PROVENANCE = {"started": 0.0, "seconds": 1.5}


@pytest.fixture
def any_store(uri):
    return Store(uri).prepare()


@pytest.fixture
def outputs(tmp_path):
    folder = tmp_path / "outputs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("content of a")
    (folder / "deep" / "b.bin").write_bytes(bytes(range(256)))
    return folder


def test_a_commit_reads_back_whole(any_store, outputs, tmp_path):
    curves = {"loss": [(0, 2.0), (1, 1.0)]}
    any_store.results.commit(CELL, {"x": 0.1, "n": {"m": [1, None]}}, outputs, PROVENANCE, curves)
    assert any_store.results.done() == {CELL.id}
    result = any_store.results.read(CELL.id)
    assert (result.cell, result.metrics, result.seconds) == (CELL, {"x": 0.1, "n": {"m": [1, None]}}, 1.5)
    assert result.curves == {"loss": [[0, 2.0], [1, 1.0]]}
    assert set(result.artifacts) == {"a.txt", "deep/b.bin"}
    fetched = any_store.results.fetch(result, "deep/b.bin", tmp_path / "cache")
    assert fetched.read_bytes() == bytes(range(256))


def test_a_cell_that_is_not_done_has_no_result(any_store):
    assert any_store.results.done() == set()
    with pytest.raises(KeyError):
        any_store.results.read(CELL.id)


def test_the_first_commit_stays(any_store, outputs):
    any_store.results.commit(CELL, {"x": 1}, outputs, PROVENANCE)
    second = any_store.results.commit(CELL, {"x": 2}, outputs, PROVENANCE)
    assert second.metrics == {"x": 1}
    assert any_store.results.read(CELL.id).metrics == {"x": 1}


@pytest.fixture
def hasty_threads():
    """Let threads take turns so often that each of their races is run."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_of_concurrent_writers_exactly_one_commits(any_store):
    folder = any_store.folder
    rounds = 40
    barrier = threading.Barrier(8)
    won = [[] for _ in range(rounds)]

    def write(index):
        for race, winners in enumerate(won):
            barrier.wait()
            if folder.create(f"race-{race}", str(index).encode()):
                winners.append(index)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(winners) for winners in won] == [1] * rounds
    assert [folder.read(f"race-{race}") for race in range(rounds)] == [str(w).encode() for (w,) in won]


def test_what_is_being_fetched_again_stays_whole_for_others(any_store, tmp_path, monkeypatch):
    folder, copy = any_store.folder, tmp_path / "cache" / "copy"
    folder.write("file", b"whole")
    folder.get("file", copy)
    get_file, seen = folder.filesystem.get_file, []

    def in_pieces(source, target, **options):
        Path(target).write_bytes(b"who")
        seen.append(copy.read_bytes())
        get_file(source, target, **options)

    monkeypatch.setattr(folder.filesystem, "get_file", in_pieces)
    folder.get("file", copy)
    assert [*seen, copy.read_bytes()] == [b"whole", b"whole"]
    assert list(copy.parent.iterdir()) == [copy]


def test_without_a_record_artifacts_do_not_count(any_store, outputs, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(any_store.folder, "create", killed)
    with pytest.raises(KeyboardInterrupt):
        any_store.results.commit(CELL, {}, outputs, PROVENANCE)
    assert any_store.results.done() == set()


def test_metrics_that_are_not_json_are_refused_before_anything_counts(any_store, outputs):
    with pytest.raises(TypeError, match=r"metrics\.x is a complex"):
        any_store.results.commit(CELL, {"x": 1j}, outputs, PROVENANCE)
    assert any_store.results.done() == set()


RECORD = f"results/{CELL.id}.json"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'"x":1', b'"x":2'),
        lambda data: b"",
        lambda data: b"not json",
        lambda data: b"{}",
    ],
    ids=["truncated", "changed", "empty", "not-json", "no-body"],
)
def test_a_damaged_record_is_noticed_and_set_aside(any_store, outputs, damage):
    any_store.results.commit(CELL, {"x": 1}, outputs, PROVENANCE)
    any_store.folder.write(RECORD, damage(any_store.folder.read(RECORD)))
    with pytest.raises(CorruptData, match="damaged"):
        any_store.results.read(CELL.id)
    assert any_store.results.read_many([CELL.id, "absent"]) == ({}, [CELL.id])
    aside = any_store.results.quarantine(CELL.id)
    assert any_store.results.done() == set()
    assert any_store.folder.read(aside) is not None
    any_store.results.restore(CELL.id, aside)
    assert any_store.results.done() == {CELL.id}


def record(store):
    return Path(store.uri) / RECORD


def test_every_flipped_bit_of_a_record_is_noticed(store, outputs):
    store.results.commit(CELL, {"x": 1}, outputs, PROVENANCE)
    whole = record(store).read_bytes()
    for position in range(0, len(whole) - 1, 7):
        flipped = bytearray(whole)
        flipped[position] ^= 4
        record(store).write_bytes(flipped)
        try:
            assert store.results.read(CELL.id).metrics == {"x": 1}
        except CorruptData:
            continue
        assert json.loads(flipped)["body"] == json.loads(whole)["body"]


def test_a_record_under_another_id_is_noticed(store, outputs):
    other = Cell("t", "k", {"a": 2})
    store.results.commit(CELL, {"x": 1}, outputs, PROVENANCE)
    record(store).rename(record(store).with_name(f"{other.id}.json"))
    with pytest.raises(CorruptData, match=CELL.id):
        store.results.read(other.id)


def test_a_damaged_artifact_is_noticed(any_store, outputs, tmp_path):
    result = any_store.results.commit(CELL, {}, outputs, PROVENANCE)
    path = result.artifacts["a.txt"].path
    any_store.folder.write(path, b"CONTENT of a")
    with pytest.raises(CorruptData, match="checksum"):
        any_store.results.fetch(result, "a.txt", tmp_path)
    any_store.folder.remove(path)
    with pytest.raises(CorruptData, match="missing"):
        any_store.results.fetch(result, "a.txt", tmp_path / "elsewhere")


ODD = ("w*.txt", "w?.txt", "w[12].txt", "**")


@pytest.mark.parametrize("root", ["", "[1]"])
def test_a_name_with_signs_of_patterns_is_that_file_alone(uri, root, tmp_path):
    """As artifacts of any name, and storages of any address, are moved, fetched and removed."""
    folder = Folder.open(f"{uri}{root}")
    names = sorted(f"a/b/{name}" for name in ("w1.txt", "w2.txt", "wx.txt", *ODD))

    def there():
        return {f"a/b/{name}" for name in folder.names("a/b")}

    for name in names:
        folder.write(name, name.encode())
    left = set(names)
    assert there() == left
    for number, name in enumerate(f"a/b/{odd}" for odd in ODD):
        folder.get(name, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == folder.read(name) == name.encode()
        assert folder.modified(name)
        folder.move(name, f"moved*/{number}[0]")
        assert folder.read(f"moved*/{number}[0]") == name.encode()
        left -= {name}
        assert there() == left
        folder.move(f"moved*/{number}[0]", name)
        folder.remove(name)
        assert there() == left
    folder.remove("a/b/w1.txt")
    assert there() == left - {"a/b/w1.txt"}
    folder.write("a/b[1]/deep/[x]", b"")
    folder.write("a/b1/deep/x", b"")
    folder.remove("a/b[1]")
    assert set(folder.read_many(["a/b[1]/deep/[x]", "a/b1/deep/x"])) == {"a/b1/deep/x"}
    folder.remove("a/b[1]")  # there is none any more
    folder.remove("a")
    assert there() == set()
    assert set(folder.read_many(["a/b1/deep/x"])) == set()


def test_what_lies_beside_a_storage_whose_address_looks_like_a_pattern_stays(uri):
    folder, beside = Folder.open(f"{uri}[1]"), Folder.open(f"{uri}1")
    for each in (folder, beside):
        each.write("failures/x.json", b"{}")
        each.write("failures/y.json", b"{}")
    folder.remove("failures/x.json")
    assert (folder.names("failures"), beside.names("failures")) == (["y.json"], ["x.json", "y.json"])
    folder.remove("failures")
    assert (folder.names("failures"), beside.names("failures")) == ([], ["x.json", "y.json"])


def test_a_loss_is_remembered_once_for_each_attempt(any_store):
    for attempt in ("one", "two", "two"):
        any_store.losses.add(Loss("a", "preempted", 1.5), attempt)
    assert any_store.losses.read_all() == [Loss("a", "preempted", 1.5)] * 2


def test_the_time_of_the_newest_checkpoint_is_known(any_store, tmp_path):
    checkpoints = any_store.checkpoints(CELL.id)
    assert checkpoints.saved_at() is None
    (tmp_path / "checkpoint").write_text("state")
    before = time.time()
    checkpoints.save(tmp_path / "checkpoint", 1)
    assert before - 2 <= checkpoints.saved_at() <= time.time() + 2


def test_the_newest_undamaged_checkpoint_is_used(any_store, tmp_path):
    checkpoints = any_store.checkpoints(CELL.id)
    assert checkpoints.latest(tmp_path / "x") is None
    file = tmp_path / "checkpoint"
    for step in (5, 10, 15):
        file.write_text(f"state {step}")
        checkpoints.save(file, step)
    assert checkpoints.latest(tmp_path / "x").read_text() == "state 15"
    names = any_store.folder.names(f"checkpoints/{CELL.id}")
    assert len(names) == 2
    any_store.folder.write(f"checkpoints/{CELL.id}/{names[-1]}", b"stat")
    assert checkpoints.latest(tmp_path / "y").read_text() == "state 10"
    checkpoints.clear()
    assert checkpoints.latest(tmp_path / "z") is None


def test_the_last_failure_is_remembered(any_store):
    failure = {"title": "a", "failure_class": "bug", "traceback": ""}
    any_store.failures.record("a", {**failure, "message": "one"})
    any_store.failures.record("a", {**failure, "message": "two"})
    assert any_store.failures.read_all() == {"a": {**failure, "message": "two"}}


def test_cells_are_found_in_stored_plans(any_store):
    builder = GridBuilder("t")
    cell = builder.add("k", {"a": 1}, title="one")
    builder.locate("data", "/somewhere")
    any_store.plans.save("t", "mini", builder.build())
    plan, found = any_store.plans.find(cell.id[:6])
    assert (plan.suite, plan.locations, found) == ("mini", {"data": "/somewhere"}, cell)
    with pytest.raises(UserError, match="No cell"):
        any_store.plans.find("zz")


def test_the_plans_of_a_copied_store_come_in_the_order_in_which_they_were_written(store):
    builder = GridBuilder("t")
    names = [f"suite-{number}" for number in range(4)]
    for number, name in enumerate(names):
        builder.add("k", {"grid": name})
        store.plans.save("t", name, builder.build())
        path = max(Path(store.uri, "plans").iterdir(), key=lambda file: file.stat().st_mtime_ns)
        os.utime(path, (10_000 - number, 10_000 - number))  # as a copy has them, in any order
    assert [plan.suite for plan in store.plans.read_all()] == names
    store.plans.save("t", "suite-4", builder.build())  # the last grid again: it replaces itself
    assert [plan.suite for plan in store.plans.read_all()] == [*names[:3], "suite-4"]


def test_stored_plans_come_oldest_first_and_a_cell_of_several_is_of_the_newest(store):
    """Plans that don't say when they were written go by the times of their files."""
    shared = GridBuilder("t")
    cell = shared.add("k", {"a": 1})
    for number, name in enumerate(["first", "second", "third", "fourth"]):
        shared.add("k", {"grid": name})
        store.plans.save("t", name, shared.build())
        path = max(Path(store.uri, "plans").iterdir(), key=lambda file: file.stat().st_mtime_ns)
        body = json.loads(path.read_text())
        del body["written"]
        path.write_text(json.dumps(body))
        os.utime(path, (10_000 - number, 10_000 - number))  # so that it isn't the order of writing by chance
    assert [plan.suite for plan in store.plans.read_all()] == ["fourth", "third", "second", "first"]
    assert store.plans.find(cell.id)[0].suite == "first"


def test_a_storage_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        Store(str(tmp_path / "file" / "store")).prepare()
    with pytest.raises(UserError, match="can't be opened"):
        Store("nosuch://bucket/x")


def test_another_format_is_refused(any_store):
    any_store.folder.write("gridcell.json", b'{"format": 99}')
    with pytest.raises(UserError, match="format 99"):
        any_store.prepare()


def test_replaced_results_of_several_cells_are_those_of_each(store, tmp_path):
    cells = [Cell("t", "k", {"n": number}) for number in range(3)]
    (tmp_path / "outputs").mkdir()
    for cell in cells:
        store.results.commit(cell, {"x": 0.0}, tmp_path / "outputs", {})
    for value in (1.0, 2.0):
        for cell in cells[:2]:
            stamp = store.results.read(cell.id).stamp
            store.results.commit(cell, {"x": value}, tmp_path / "outputs", {}, replaces=stamp)
    found = store.results.superseded_of([cells[0].id, cells[2].id])
    assert found.keys() == {cells[0].id}
    assert sorted(result.metrics["x"] for result in found[cells[0].id]) == [0.0, 1.0]
    assert {result.stamp for result in store.results.superseded(cells[0].id)} == {
        result.stamp for result in found[cells[0].id]
    }
    assert len(store.results.beside("superseded")) == 4
    assert store.results.beside("tried") == []


@pytest.fixture
def stale(any_store, outputs):
    """A store with a stale result, another driver's view of it, and how each replaces it."""

    def replaced_by(store, value):
        return store.results.commit(CELL, {"x": value}, outputs, PROVENANCE, replaces=stamp).metrics["x"]

    stamp = any_store.results.commit(CELL, {"x": 0}, outputs, PROVENANCE).stamp
    return any_store, Store(any_store.uri), replaced_by


def check_replaced_once(store, value, copies=1):
    """The result of one is in the store with its files, what it replaced beside it, and nothing else."""
    kept = store.results.read(CELL.id)
    assert kept.metrics == {"x": value}
    superseded = store.results.superseded(CELL.id)
    assert [result.metrics for result in superseded] == [{"x": 0}] * copies
    files = {item.path for result in (kept, *superseded) for item in result.artifacts.values()}
    assert all(store.folder.read(file) for file in files)
    assert len(store.folder.filesystem.find(store.folder.path("artifacts"), refresh=True)) == len(files)


def test_a_driver_that_commits_between_anothers_read_and_write_stays(stale, monkeypatch):
    mine, theirs, replaced_by = stale
    read, said = mine.folder.read, []

    def reads_before_the_other_commits(name):
        data = read(name)
        if not said and name == RECORD:
            said.append(replaced_by(theirs, 2))
        return data

    monkeypatch.setattr(mine.folder, "read", reads_before_the_other_commits)
    said.append(replaced_by(mine, 1))
    assert said == [2, 2]
    check_replaced_once(theirs, 2)


def test_a_driver_waits_for_another_that_has_begun_to_replace(stale, monkeypatch):
    mine, theirs, replaced_by = stale
    write, said, waits = mine.folder.write, [], threading.Event()
    monkeypatch.setattr(results, "sleep", lambda _: waits.set())
    other = threading.Thread(target=lambda: said.append(replaced_by(theirs, 2)))

    def writes_once_the_other_waits(name, data, **options):
        if name == RECORD:
            other.start()
            assert waits.wait(60)
        write(name, data, **options)

    monkeypatch.setattr(mine.folder, "write", writes_once_the_other_waits)
    assert replaced_by(mine, 1) == 1
    other.join(60)
    assert said == [1]
    check_replaced_once(theirs, 1)


@pytest.mark.parametrize("killed", [1, 2])
def test_drivers_that_are_killed_while_they_replace_stop_no_other_for_ever(stale, monkeypatch, killed):
    mine, theirs, replaced_by = stale
    now = [0.0]
    monkeypatch.setattr(results, "monotonic", lambda: now[0])
    monkeypatch.setattr(results, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))

    def is_killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mine.folder, "write", is_killed)
        for _ in range(killed):
            with pytest.raises(KeyboardInterrupt):
                replaced_by(mine, 1)
    assert mine.results.read(CELL.id).metrics == {"x": 0}
    for left in mine.folder.filesystem.find(mine.folder.path(f"artifacts/{CELL.id}")):
        if left not in {
            mine.folder.path(item.path) for item in mine.results.read(CELL.id).artifacts.values()
        }:
            mine.folder.filesystem.rm_file(left)  # as 'store prune orphans' does
    assert now[0] == pytest.approx((killed - 1) * results.LOCK_S, abs=1)
    assert replaced_by(theirs, 2) == 2
    assert now[0] == pytest.approx((2 * killed - 1) * results.LOCK_S, abs=2)
    check_replaced_once(theirs, 2, copies=killed + 1)
    assert replaced_by(mine, 3) == 2


@pytest.mark.usefixtures("hasty_threads")
def test_of_drivers_that_replace_at_once_one_does(stale):
    mine, _, replaced_by = stale
    stores = [Store(mine.uri) for _ in range(4)]
    barrier, said = threading.Barrier(4), []

    def replace(number):
        barrier.wait()
        said.append(replaced_by(stores[number], number + 1))

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 4
    (kept,) = set(said)
    check_replaced_once(mine, kept)


def test_a_record_that_is_replaced_by_itself_can_be_replaced_after(any_store, tmp_path):
    (tmp_path / "none").mkdir()
    stamp = ""
    for value in (0, 0, 1):
        result = any_store.results.commit(CELL, {"x": value}, tmp_path / "none", {}, replaces=stamp)
        stamp = result.stamp
    assert any_store.results.read(CELL.id).metrics == {"x": 1}
    assert [result.metrics for result in any_store.results.superseded(CELL.id)] == [{"x": 0}]


def test_a_pause_leaves_its_own_checkpoint_and_those_of_later_ones(store, tmp_path):
    (tmp_path / "state").write_text("x")
    by_stop = {
        stop: Checkpoints(store.folder, "ab@3" if stop == 3 else "ab", stop=stop) for stop in (2, 3, 4)
    }
    for stop, checkpoints in by_stop.items():
        for step in (stop - 1, stop):
            checkpoints.save(tmp_path / "state", step)
    by_stop[3].paused()
    left = store.folder.names("checkpoints/ab")
    assert [(int(name[:12]), name.rpartition("at")[2]) for name in left] == [(3, "3"), (3, "4"), (4, "4")]
    assert by_stop[3].has_paused()
    assert not by_stop[2].has_paused()
