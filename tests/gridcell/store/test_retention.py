"""Weights that nobody needs are pruned, which is a state: a cell runs again only if a new cell needs it."""

import json
from dataclasses import replace

import pytest
import toy_task
from hypothesis import given, strategies as st

from gridcell import Weights
from gridcell.answers.states import states_of
from gridcell.cell import Cell
from gridcell.cli.common import request
from gridcell.errors import CorruptData, UserError
from gridcell.execute.dependencies import missing_cells
from gridcell.execute.driver import run_grid
from gridcell.execute.heartbeat import Heartbeat
from gridcell.execute.options import RunOptions
from gridcell.execute.outcome import Outcome
from gridcell.execute.pruned import pruned_cells
from gridcell.execute.schedule import Schedule
from gridcell.grid import GridBuilder
from gridcell.settings.retention import TaskWeights, check_keep
from gridcell.store import Store
from gridcell.store.results import Artifact, Result
from gridcell.store.retention import Removed, prune_weights, spare_weights
from gridcell.suite import load_suite
from silent_mirror import Silent

RUN = ("run", "toy", "--storage", "runs", "--executor", "inline", "--tracking", "sqlite:///none.db")
SMALL = ("--set", "width=2", "--set", "length=2")
LARGER = ("--set", "width=3", "--set", "length=2")


@pytest.fixture
def quiet(monkeypatch):
    """Runs without MLflow."""
    monkeypatch.setattr("gridcell.cli.run.Mirror", Silent)


def by_title(*arguments):
    pairs = [each for each in arguments if each != "--set"]
    asked = request("toy", "mini", None, pairs, None, None)
    store = Store("runs")
    return {asked.grid.cells[each].title: state for each, state in states_of(asked, store, {}).items()}


def files(store, *arguments):
    """Return the titles of the cells of a grid whose file is there."""
    grid = request("toy", "mini", None, [each for each in arguments if each != "--set"], None, None).grid
    found, _ = store.results.read_many(grid.cells)
    return {
        result.cell.title
        for result in found.values()
        if "sum.txt" in result.artifacts and store.folder.local(result.artifacts["sum.txt"].path).exists()
    }


@pytest.mark.parametrize(
    ("keep", "left"), [("all", {"r0c0", "r0c1", "r1c0", "r1c1"}), ("last", {"r0c1", "r1c1"}), ("none", set())]
)
def test_a_run_keeps_the_weights_that_its_suite_says(keep, left, gridcell, quiet):
    code, output, _ = gridcell(*RUN, *SMALL, "--set", f"keep_weights={keep}")
    assert code == 0
    store = Store("runs")
    assert files(store, *SMALL) == left
    assert (f"keep_weights is {keep}: {4 - len(left)} files" in output) == (keep != "all")
    assert set(by_title(*SMALL).values()) == {"done"}
    _, output, _ = gridcell(*RUN, *SMALL, "--set", f"keep_weights={keep}")
    assert "5 cells, 0 to run" in output
    assert "were removed" not in output


def test_what_was_pruned_is_made_again_only_for_a_new_cell_and_plan_counts_it(gridcell, quiet):
    gridcell(*RUN, *SMALL, "--set", "keep_weights=none")
    store = Store("runs")
    before = {cell_id: store.results.read(cell_id) for cell_id in store.results.done()}
    _, output, _ = gridcell("plan", "toy", "--storage", "runs", *SMALL)
    assert "4 results are without their weights, which were pruned." in output
    assert "0 to run" in output
    _, output, _ = gridcell("plan", "toy", "--storage", "runs", *LARGER)
    assert "4 of them are made again, because cells that are to run need them" in output
    assert "7 to run" in output  # the third row, the sum, and the two rows that it needs
    assert by_title(*LARGER)["r0c0"] == "queued"
    _, output, _ = gridcell("status", "toy", "--storage", "runs", *LARGER, "--json")
    assert json.loads(output)["counts"]["queued"] == 7
    code, output, _ = gridcell(*RUN, *LARGER)
    assert code == 0
    assert "7 cells run, 0 failed" in output
    assert store.results.pruned() == set()
    assert files(store, *LARGER) == {f"r{row}c{column}" for row in range(3) for column in range(2)}
    assert set(by_title(*LARGER).values()) == {"done"}
    assert all(store.results.read(each).content == result.content for each, result in before.items())
    assert not store.losses.read_all()  # nobody took it for damage
    assert not store.folder.names("quarantine")


def test_what_is_not_needed_again_stays_pruned(gridcell, quiet):
    gridcell(*RUN, *SMALL, "--set", "keep_weights=none")
    _, output, _ = gridcell(*RUN, "--set", "width=2", "--set", "length=3")
    assert "7 cells run" in output  # two more steps, a sum, and what they need, which were pruned
    assert by_title(*SMALL) == dict.fromkeys(("r0c0", "r0c1", "r1c0", "r1c1", "total"), "done")


def test_a_reader_is_told_that_a_file_was_pruned_and_how_it_comes_back(gridcell, quiet, tmp_path):
    gridcell(*RUN, *SMALL, "--set", "keep_weights=none")
    store = Store("runs")
    (cell_id,) = (each for each in store.results.pruned() if store.results.read(each).cell.title == "r0c1")
    with pytest.raises(CorruptData, match=r"'sum.txt' of cell r0c1 was pruned: 'gridcell cell run"):
        store.results.fetch(store.results.read(cell_id), "sum.txt", tmp_path)
    _, output, _ = gridcell("cell", "show", cell_id, "--storage", "runs")
    assert "sum.txt: 1 bytes pruned" in output
    code, _, _ = gridcell("cell", "run", cell_id, "--storage", "runs", "--again", "--replace")
    assert code == 0
    assert store.results.fetch(store.results.read(cell_id), "sum.txt", tmp_path).read_text() == "0"
    assert cell_id not in store.results.pruned()


def test_a_selection_keeps_what_the_whole_suite_needs(gridcell, quiet):
    """The sum isn't selected, and is not done: the ends of the rows are needed by it."""
    gridcell(*RUN, *SMALL, "--select", "what=row", "--set", "keep_weights=none")
    assert files(Store("runs"), *SMALL) == {"r0c1", "r1c1"}


def test_nothing_is_pruned_beside_another_run(gridcell, quiet):
    store = Store("runs").prepare()
    other = Heartbeat(store)
    other.begun(Schedule(GridBuilder("t").build(), set()))
    _, output, _ = gridcell(*RUN, *SMALL, "--set", "keep_weights=none")
    other.ended(False)
    assert "No weights were removed: another run uses this storage" in output
    assert len(files(store, *SMALL)) == 4


def test_store_prune_removes_weights_that_nobody_needs(gridcell, quiet):
    gridcell(*RUN, *SMALL)
    store = Store("runs")
    _, output, _ = gridcell("store", "du", "--storage", "runs", "--json")
    assert json.loads(output)["prunable"]["weights"] == {"files": 2, "bytes": 2}
    _, output, _ = gridcell("store", "prune", "weights", "--storage", "runs", "--dry-run", "--keep", "none")
    assert "weights: 4 files" in output
    assert len(files(store, *SMALL)) == 4
    gridcell("store", "prune", "weights", "--storage", "runs")
    assert files(store, *SMALL) == {"r0c1", "r1c1"}
    gridcell("store", "prune", "weights", "--storage", "runs", "--keep", "none")
    assert files(store, *SMALL) == set()
    assert len(store.results.pruned()) == 4
    assert set(by_title(*SMALL).values()) == {"done"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "toy", "--set", "keep_weights=best"), "of the kind step keep no weights that were best"),
        (("plan", "toy", "--set", "keep_weights=lst"), "'last'"),
        (("plan", "farmap", "--set", "keep_weights=last"), "no cells of farmap leave weights"),
        (("plan", "imagenet-rib", "--set", "keep_weights=best"), "that were best by a held-out metric"),
    ],
)
def test_what_can_not_be_kept_is_refused_at_planning(arguments, said, gridcell):
    code, _, errors = gridcell(*arguments)
    assert code == 2
    assert said in errors
    assert "keep_weights" in errors


def test_a_suite_file_says_what_is_kept_and_where_it_is_wrong(tmp_path):
    (tmp_path / "own.yaml").write_text("width: 2\nkeep_weights: last\n")
    assert load_suite(toy_task.task, str(tmp_path / "own.yaml")).keep_weights == "last"
    plain = load_suite(toy_task.task, "mini")
    assert load_suite(toy_task.task, "mini", ["keep_weights=none"]).grid().cells == plain.grid().cells
    (tmp_path / "own.yaml").write_text("width: 2\nkeep_weights: best\n")
    with pytest.raises(UserError, match=r"own.yaml', line 2: keep_weights is best"):
        load_suite(toy_task.task, str(tmp_path / "own.yaml"))


def test_best_weights_stay_where_there_are_some():
    agents = {"train": Weights("agent.pt", best="best.pt")}
    check_keep("best", agents, "t")
    cell = Cell("t", "train", {})
    stored = {name: Artifact(f"artifacts/{name}", "0" * 64, 1) for name in ("agent.pt", "best.pt", "e.npz")}
    results = {cell.id: Result(cell, {}, stored, {})}
    kept = {
        keep: spare_weights([cell], results, {cell.id}, TaskWeights(agents), keep).get(cell.id)
        for keep in ("all", "last", "best", "none")
    }
    assert kept == {"all": None, "last": ["best.pt"], "best": ["agent.pt"], "none": ["agent.pt", "best.pt"]}


GRAPHS = st.lists(st.sets(st.integers(0, 9), max_size=3), min_size=1, max_size=10)


NODES = st.sets(st.integers(0, 9))


@given(GRAPHS, NODES, NODES, NODES, st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_the_cells_that_run_are_those_that_a_search_by_hand_finds(graph, wanted, done, pruned, reads):
    """A cell runs if it is wanted and not done, or a cell that runs needs it and reads what it lacks."""
    builder, ids = GridBuilder("t"), []
    for number, needs in enumerate(graph):
        there = {f"n{need}": ids[need] for need in needs if need < number}
        ids.append(builder.add("k", {"n": number}, needs=there))
    for number in sorted(wanted):
        if number < len(ids):
            builder.target({"n": number}, ids[number])
    grid = builder.build()
    done = {ids[each].id for each in done if each < len(ids)} & grid.cells.keys()
    pruned = {ids[each].id for each in pruned if each < len(ids)} & done
    reads = {(user, need) for user, need in reads if need < user < len(ids)}
    pruned = {
        need: {ids[user].id for user, read in reads if ids[read].id == need} & grid.cells.keys()
        for need in pruned
    }
    runs = {target.cell for target in grid.targets} - done
    while (
        more := {
            need
            for each in runs
            for need in grid.cells[each].needs.values()
            if need not in done or each in pruned.get(need, ())
        }
        - runs
    ):
        runs |= more
    assert missing_cells(grid, done, pruned) == runs
    schedule = Schedule(grid, done, pruned=pruned)
    assert schedule.made_again == runs & pruned.keys()
    ran = []
    while (cell := schedule.take()) is not None:
        assert all(schedule.is_done(need) for need in cell.needs.values())
        ran.append(cell.id)
        schedule.finish(Outcome(cell.id, 0.0))
    assert sorted(ran) == sorted(runs)


def test_a_cell_that_is_added_to_a_run_asks_for_what_was_pruned(store):
    small = toy_task.plan(toy_task.Settings(width=2, length=2))
    run_grid(toy_task.task, small, store, RunOptions(executor="inline"))
    done = store.results.done()
    weights = toy_task.task.all_weights
    results, _ = store.results.read_many(done)
    prune_weights(store.results, spare_weights(small.cells.values(), results, done, weights, "none"))
    schedule = Schedule(small, done, pruned=pruned_cells(toy_task.task, small, done, store))
    assert schedule.exhausted
    larger = toy_task.plan(toy_task.Settings(width=3, length=2))
    schedule.add(larger, done & larger.cells.keys(), pruned_cells(toy_task.task, larger, done, store))
    assert len(schedule.queued()) == 7
    assert schedule.made_again == store.results.pruned()


def metrics_of_rows_alone(monkeypatch):
    """Let steps read the metrics of the step before, as they do, and sums the files, and say so."""
    monkeypatch.setattr(toy_task, "reads", lambda cell, role: ("sum.txt",) if cell.kind == "total" else ())


def test_a_cell_that_only_metrics_are_asked_of_is_not_made_again(gridcell, quiet, monkeypatch):
    metrics_of_rows_alone(monkeypatch)
    gridcell(*RUN, *SMALL, "--set", "keep_weights=none")
    store = Store("runs")
    longer = ("--set", "width=2", "--set", "length=3")
    _, output, _ = gridcell("plan", "toy", "--storage", "runs", *longer)
    assert "4 results are without their weights, which were pruned." in output
    assert "3 to run" in output  # one more step of each row, and the sum
    _, output, _ = gridcell("status", "toy", "--storage", "runs", *longer, "--json")
    assert json.loads(output)["counts"]["queued"] == 3
    code, output, _ = gridcell(*RUN, *longer)
    assert code == 0
    assert "7 cells, 3 to run" in output
    assert "3 cells run, 0 failed" in output
    assert len(store.results.pruned()) == 4


def test_only_those_whose_files_are_read_are_made_again(gridcell, quiet, monkeypatch):
    metrics_of_rows_alone(monkeypatch)
    gridcell(*RUN, *SMALL, "--set", "keep_weights=none")
    _, output, _ = gridcell("plan", "toy", "--storage", "runs", *LARGER)
    assert "2 of them are made again, because cells that are to run need them" in output
    _, output, _ = gridcell(*RUN, *LARGER)
    assert "5 cells run, 0 failed" in output  # the third row, the sum, and the ends of the two others
    assert len(Store("runs").results.pruned()) == 2


def test_weights_go_although_a_cell_that_reads_metrics_alone_is_yet_to_run(gridcell, quiet, monkeypatch):
    metrics_of_rows_alone(monkeypatch)
    failing = ("--set", "fail={r0c1: bug}", "--set", "keep_weights=none")
    gridcell(*RUN, *SMALL, *failing)
    assert files(Store("runs"), *SMALL, *failing[:2]) == {"r1c1"}  # which the sum reads


def agent(reads, *policies):
    """Return a grid with an agent and a cell for each policy that is evaluated, of a task of their own."""
    task = replace(
        toy_task.task,
        cells={"train": "", "evaluation": ""},
        weights={"train": Weights("agent.pt", best="best.pt")},
        reads=reads,
    )
    grid = GridBuilder("t")
    trained = grid.add("train", {}, title="agent")
    for policy in policies:
        grid.target({"policy": policy}, grid.add("evaluation", {"policy": policy}, needs={"agent": trained}))
    return task, grid.build(), trained


@pytest.mark.parametrize(("policy", "asked"), [("best", set()), ("last", {"last"})])
def test_a_cell_is_made_again_only_for_the_file_that_it_lacks(policy, asked, store, tmp_path):
    task, grid, trained = agent("farcuriosity.cells.needed_files:files_of", policy)
    for name in ("agent.pt", "best.pt"):
        (tmp_path / name).write_text(name)
    result = store.results.commit(trained, {}, tmp_path, {})
    store.results.prune(result, ["agent.pt"])
    found = pruned_cells(task, grid, {trained.id}, store)
    assert {grid.cells[user].config["policy"] for user in found.get(trained.id, ())} == asked
    # Without a word from the task, every user asks for what is gone.
    assert pruned_cells(replace(task, reads=None), grid, {trained.id}, store)


def test_more_can_be_pruned_later_and_what_was_is_not_counted_twice(store, tmp_path):
    _, _, trained = agent(None)
    for name in ("agent.pt", "best.pt"):
        (tmp_path / name).write_text(name)
    store.results.commit(trained, {}, tmp_path, {})
    assert prune_weights(store.results, {trained.id: ["agent.pt"]}).files == 1
    assert prune_weights(store.results, {trained.id: ["agent.pt"]}) == Removed()
    assert prune_weights(store.results, {trained.id: ["agent.pt", "best.pt"]}) == Removed(1, 1, 7)
    assert store.results.pruned_of(trained.id) == ["agent.pt", "best.pt"]


NOTES = [
    b"",
    b"{",
    b"[]",
    b"{}",
    b'{"artifacts": 7}',
    b'{"artifacts": [7]}',
    b'{"artifacts": {"best.pt": 1}}',
    b"\xff",
]


@pytest.mark.parametrize("note", NOTES, ids=repr)
def test_where_a_note_of_what_was_pruned_is_damaged_the_files_are_looked_for(note, uri, tmp_path, caplog):
    store = Store(uri).prepare()
    task, grid, trained = agent("farcuriosity.cells.needed_files:files_of", "best", "last")
    (tmp_path / "out").mkdir()
    for name in ("agent.pt", "best.pt"):
        (tmp_path / "out" / name).write_text(name)
    result = store.results.commit(trained, {}, tmp_path / "out", {})
    store.results.prune(result, ["best.pt"])
    store.folder.write(f"pruned/{trained.id}.json", note)
    assert store.results.pruned_of(trained.id) == ["best.pt"]
    assert f"pruned/{trained.id}.json of the storage is damaged" in caplog.text
    (readers,) = pruned_cells(task, grid, {trained.id}, store).values()
    assert {grid.cells[user].config["policy"] for user in readers} == {"best"}
    assert prune_weights(store.results, {trained.id: ["agent.pt", "best.pt"]}) == Removed(1, 1, 8)
    assert json.loads(store.folder.read(f"pruned/{trained.id}.json"))["artifacts"] == ["agent.pt", "best.pt"]


def test_a_damaged_note_of_a_result_that_is_gone_or_damaged_says_nothing(store):
    store.folder.write("pruned/ab.json", b"{")
    store.folder.write("pruned/cd.json", b"{")
    store.folder.write("results/cd.json", b"{")
    assert store.results.pruned_files(["ab", "cd", "ef"]) == {"ab": set(), "cd": set()}


def test_tasks_name_weights_of_kinds_that_they_have():
    from gridcell.task import find_task

    for name in ("imagenet-rib", "farcuriosity"):
        task = find_task(name)
        assert task.weights
        assert task.weights.keys() <= task.cells.keys()
