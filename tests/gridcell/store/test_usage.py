"""What a store holds and what can be pruned: a store of three suites, with all kinds of leftovers."""

import json
import os
import time
from dataclasses import replace

import pytest
import toy_task

from gridcell.cell import Cell
from gridcell.execute.driver import run_grid
from gridcell.execute.heartbeat import Heartbeat
from gridcell.execute.options import RunOptions
from gridcell.execute.schedule import Schedule
from gridcell.grid import Grid
from gridcell.store import Store
from gridcell.store.usage import CATEGORIES, SETTLED_S, prune, size_text, usage

LATER = SETTLED_S + 60


def run(store, suite, **settings):
    grid = toy_task.plan(toy_task.Settings(**settings))
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    store.plans.save("toy", suite, grid)
    return grid


def names(found, category):
    return {file.name for file in found.prunable[category]}


def later():
    return time.time() + LATER


@pytest.fixture
def three(store):
    """Suites a and b share a row; suite c was run with other settings before."""
    a = run(store, "a", width=1, length=2)
    b = run(store, "b", width=2, length=2)
    before = run(store, "c", width=1, length=2, seeds=[7])
    after = run(store, "c", width=1, length=3, seeds=[7])
    return {"a": a, "b": b, "before": before, "after": after}


def test_only_results_that_no_last_grid_asks_for_are_unasked(store, three):
    found = usage(store, later())
    assert [each.asked for each in found.grids] == [True, True, False, True]
    asked = set(three["a"].cells) | set(three["b"].cells) | set(three["after"].cells)
    assert found.unasked == set(three["before"].cells) - asked != set()
    (total,) = found.unasked  # the row goes on in the longer one: its cells are the same cells
    result = store.results.read(total)
    assert names(found, "unasked") == {f"results/{total}.json"} | {
        item.path for item in result.artifacts.values()
    }
    removed = prune(store, found, ["unasked"])
    assert removed["unasked"].files == len(found.prunable["unasked"])
    assert store.results.done() == asked
    results, damaged = store.results.read_many(asked)
    assert not damaged
    for each in results.values():
        for item in each.artifacts.values():
            assert store.folder.read(item.path)
    again = run(store, "c", width=1, length=2, seeds=[7])
    assert set(again.cells) <= store.results.done()


def test_a_selection_that_was_run_last_does_not_put_the_whole_grid_out_of_use(store):
    whole = run(store, "a", width=3)
    part = toy_task.plan(toy_task.Settings(width=3)).select({"row": ["1"], "what": ["row"]})
    store.plans.save("toy", "a", part)
    found = usage(store, later())
    assert len(part.cells) < len(whole.cells)
    assert [each.asked for each in found.grids] == [True, True]
    assert not found.unasked


def selected(store, row, *more, **settings):
    """Run a selection, remembered as the command that asks for it."""
    grid = toy_task.plan(toy_task.Settings(width=3, **settings)).select({"row": [row], "what": ["row"]})
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    arguments = ("toy", "--suite", "a", *more, "--select", f"row={row}", "--select", "what=row")
    store.plans.save("toy", "a", grid, arguments=arguments)
    return grid


def test_another_selection_does_not_put_the_first_one_out_of_use(store):
    first = selected(store, "0")
    second = selected(store, "1")
    assert not first.cells.keys() <= second.cells.keys()
    found = usage(store, later())
    assert [each.asked for each in found.grids] == [True, True]
    assert not found.unasked


def test_a_selection_by_other_settings_does_and_so_does_an_edit_of_the_suite(store):
    other = selected(store, "0", "--set", "length=2", length=2)
    edited = selected(store, "1", seeds=[9])  # as the suite was before
    last = selected(store, "1")
    found = usage(store, later())
    assert [each.asked for each in found.grids] == [False, False, True]
    assert found.unasked == (other.cells.keys() | edited.cells.keys()) - last.cells.keys() != set()


def test_a_later_run_of_the_whole_grid_says_what_a_selection_asked_for(store):
    before = selected(store, "0", seeds=[9])  # as the suite was before
    whole = toy_task.plan(toy_task.Settings(width=3))
    run_grid(toy_task.task, whole, store, RunOptions(executor="inline"))
    store.plans.save("toy", "a", whole, arguments=("toy", "--suite", "a"))
    selected(store, "1")
    found = usage(store, later())
    assert [each.asked for each in found.grids] == [False, True, True]
    assert found.unasked == before.cells.keys() - whole.cells.keys() != set()


def test_a_search_does_not_put_the_suite_out_of_use_nor_the_suite_the_search(store):
    whole = run(store, "a", width=2, length=2)
    trials = toy_task.plan(toy_task.Settings(width=1, length=2, seeds=[7]))
    more = toy_task.plan(toy_task.Settings(width=1, length=3, seeds=[7]))
    run_grid(toy_task.task, more, store, RunOptions(executor="inline"))
    store.plans.save("toy", "a", trials, search="0a1b")
    store.plans.save("toy", "a", more, search="0a1b")  # it went on
    assert not usage(store, later()).unasked
    store.plans.save("toy", "a", whole)
    found = usage(store, later())
    assert [each.plan.search for each in found.grids] == ["0a1b", "0a1b", ""]
    assert [each.asked for each in found.grids] == [False, True, True]
    assert not found.unasked
    store.plans.save("toy", "a", whole, search="2c3d")  # before its first trial
    assert {each.plan.search for each in usage(store, later()).grids} == {"0a1b", "", "2c3d"}


def test_without_any_plan_all_results_count_as_asked_for(store):
    grid = toy_task.plan(toy_task.Settings())
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    found = usage(store, later())
    assert not found.unasked
    assert all(not found.prunable[category] for category in CATEGORIES)


def leave_all_kinds(store, grid, tmp_path):
    """Leave one thing of each category; return category -> names."""
    first, *_ = grid.cells
    before = [store.results.read(cell_id) for cell_id in grid.cells]
    stamps = {result.cell.id: result.stamp for result in before}
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline", rerun=stamps))
    superseded = {f"superseded/{cell_id}-{stamp[:12]}.json" for cell_id, stamp in stamps.items()}
    old = {item.path for result in before for item in result.artifacts.values()}
    store.folder.write("quarantine/x-1.json", b"{}")
    store.folder.write(f"checkpoints/{first}/000000000001-aa", b"done")
    store.folder.write("checkpoints/0123/000000000001-aa", b"of nobody")
    store.folder.write("artifacts/0123/ab/weights", b"no record")
    pause = replace(grid.cells[first], config={"paused": True}, stop=3)
    store.plans.save("toy", "paused", Grid({pause.id: pause}))
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "weights").write_bytes(b"on the way")
    paused = store.results.commit(pause, {}, tmp_path / "outputs", {})
    of_pause = f"checkpoints/{pause.id.partition('@')[0]}/000000000003-aa-at3"
    store.folder.write(of_pause, b"to go on from")
    store.folder.write(f"artifacts/{first}/ab/weights", b"another attempt")
    return {
        "superseded": superseded | old,
        "quarantine": {"quarantine/x-1.json"},
        "checkpoints": {f"checkpoints/{first}/000000000001-aa", "checkpoints/0123/000000000001-aa"},
        "orphans": {"artifacts/0123/ab/weights", f"artifacts/{first}/ab/weights"},
        "rungs": {f"rungs/{pause.id}.json", paused.artifacts["weights"].path, of_pause},
        "tried": set(),
        "unasked": set(),
        "weights": set(),  # of tasks that say which files are weights; see test_retention
    }


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_each_file_is_in_the_category_that_it_belongs_to(kind, tmp_path):
    uri = str(tmp_path / "store") if kind == "folder" else f"memory://usage{tmp_path.name}"
    store = Store(uri).prepare()
    grid = run(store, "a", width=1)
    expected = leave_all_kinds(store, grid, tmp_path)
    found = usage(store, later())
    assert {category: names(found, category) for category in CATEGORIES} == expected
    before = {cell_id: store.results.read(cell_id).content for cell_id in grid.cells}
    removed = prune(store, found, CATEGORIES)
    assert sum(room.files for room in removed.values()) == sum(map(len, expected.values()))
    left = usage(store, later())
    assert all(not left.prunable[category] for category in CATEGORIES)
    assert {cell_id: store.results.read(cell_id).content for cell_id in grid.cells} == before
    for cell_id in grid.cells:
        result = store.results.read(cell_id)
        for name in result.artifacts:
            store.results.fetch(result, name, tmp_path)  # whole


def test_what_was_written_just_now_may_be_of_a_result_that_comes(store):
    run(store, "a", width=1)
    store.folder.write("artifacts/0123/ab/weights", b"being committed")
    partial = f".x.json.{'0a' * 16}"
    (store.folder.local("results") / partial).write_bytes(b"being written")
    assert not names(usage(store, time.time()), "orphans")
    assert names(usage(store, later()), "orphans") == {"artifacts/0123/ab/weights", f"results/{partial}"}


def test_what_a_killed_writer_leaves_is_an_orphan(store, monkeypatch):
    """As it is left by the writer itself: its own partial file, and its lock where links can't be made."""
    left = set()

    def killed(temporary, target):
        lock = target.parent / f".{target.name}.lock"
        lock.write_text("of a writer that died")
        for file in (temporary, lock):
            kept = file.rename(file.with_name(f"{file.name}-kept"))
            left.add((kept, file))
        raise KeyboardInterrupt

    monkeypatch.setattr("gridcell.store.filesystem.put_if_absent", killed)
    with pytest.raises(KeyboardInterrupt):
        store.folder.create("results/ab.json", b"{}")
    for kept, file in left:  # the writer that was killed cleaned nothing up
        kept.rename(file)
    assert names(usage(store, later()), "orphans") == {f"results/{file.name}" for _, file in left}
    assert len(left) == 2


HEX = "0123456789abcdef" * 2
DOTTED = (".config", ".lock", f".w.{HEX}", ".w.lock", "deep/.hidden/w.txt", "w.txt")


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_artifacts_whose_names_begin_with_a_dot_stay_with_their_result(kind, tmp_path):
    store = Store(str(tmp_path / "store") if kind == "folder" else f"memory://dots{tmp_path.name}").prepare()
    outputs = tmp_path / "outputs"
    for name in DOTTED:
        (outputs / name).parent.mkdir(parents=True, exist_ok=True)
        (outputs / name).write_text(name)
    cell = Cell("t", "k", {})
    replaced = store.results.commit(cell, {"x": 1}, outputs, {})
    result = store.results.commit(cell, {"x": 2}, outputs, {}, replaces=replaced.stamp)
    never = {f"artifacts/{cell.id}/ab/{name}" for name in DOTTED}  # of an attempt that never finished
    for name in never:
        store.folder.write(name, b"")
    found = usage(store, later())
    assert names(found, "orphans") == never
    assert names(found, "superseded") >= {item.path for item in replaced.artifacts.values()}
    prune(store, found, CATEGORIES)
    for name in DOTTED:
        assert store.results.fetch(result, name, tmp_path / "cache").read_text() == name


def test_dotted_artifacts_of_a_damaged_record_stay_and_so_do_dot_files_of_others(store):
    grid = run(store, "a", width=1)
    first, *_ = grid.cells
    path = store.folder.local(f"results/{first}.json")
    path.write_bytes(path.read_bytes()[:-20])
    for name in (f"artifacts/{first}/ab/.w.{HEX}", "results/.DS_Store", "tried/.nfs0001", ".hidden"):
        store.folder.write(name, b"")
    found = usage(store, later())
    assert not any(found.prunable.values())


def test_files_of_a_damaged_record_stay(store):
    grid = run(store, "a", width=1)
    first, *_ = grid.cells
    path = store.folder.local(f"results/{first}.json")
    path.write_bytes(path.read_bytes()[:-20])
    found = usage(store, later())
    assert found.damaged == [first]
    assert not found.prunable["orphans"]


def test_weights_to_keep_are_refused_where_no_weights_go(gridcell, store):
    code, _, errors = gridcell("store", "prune", "orphans", "--storage", store.uri, "--keep", "none")
    assert code == 2
    assert "--keep none says which weights stay, and 'weights' are not among what is to go" in errors


def test_the_commands_show_prune_and_refuse_while_a_run_lives(gridcell, store, three):
    before = len(list(store.folder.filesystem.find(store.folder.root)))
    code, output, _ = gridcell("store", "du", "--storage", store.uri)
    assert code == 0
    assert "no: a later grid of this suite took its place" in output
    code, output, _ = gridcell("store", "du", "--storage", store.uri, "--json")
    assert json.loads(output)["unasked"] == sorted(usage(store, later()).unasked)
    code, output, _ = gridcell("store", "prune", "unasked", "--storage", store.uri, "--dry-run")
    assert code == 0
    assert "1 result would be removed that took" in output
    assert len(list(store.folder.filesystem.find(store.folder.root))) == before

    heartbeat = Heartbeat(store)
    heartbeat.begun(Schedule(three["a"], set()))
    code, _, errors = gridcell("store", "prune", "unasked", "--storage", store.uri)
    assert code == 2
    assert f":{os.getpid()})" in errors
    heartbeat.ended(stopped=False)

    code, output, _ = gridcell("store", "prune", "unasked", "--storage", store.uri)
    assert code == 0
    assert "1 result removed that took" in output
    assert store.results.done() == set(three["a"].cells) | set(three["b"].cells) | set(three["after"].cells)
    code, _, errors = gridcell("store", "prune", "orphan", "--storage", store.uri)
    assert code == 2
    assert "orphans" in errors


@pytest.mark.parametrize(
    ("age", "removable"), [(SETTLED_S, False), (SETTLED_S + 1, True), (None, False), (-10, False)]
)
def test_a_file_of_no_record_goes_once_it_is_older_than_any_write_and_its_age_is_known(store, age, removable):
    now = 2_000_000_000.0
    store.folder.write("artifacts/0123/ab/weights", b"no record")
    path = store.folder.local("artifacts/0123/ab/weights")
    modified = 0.0 if age is None else now - age  # some storages know no times
    os.utime(path, (modified, modified))
    assert names(usage(store, now), "orphans") == ({"artifacts/0123/ab/weights"} if removable else set())


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0 B"), (999, "999 B"), (999.6, "1.0 kB"), (1000, "1.0 kB")),
        *((999_949, "999.9 kB"), (999_960, "1.0 MB"), (999_950_001, "1.0 GB"), (999_960_000_000, "1.0 TB")),
        (4_200_000_000_000_000, "4200.0 TB"),
    ],
)
def test_a_size_is_below_a_thousand_of_its_unit_once_it_is_rounded(count, text):
    assert size_text(count) == text
