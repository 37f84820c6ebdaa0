"""Cells that are done in one pass: the same results, each committed, retried and timed by itself."""

import json
import math
from collections import Counter

import batch_task
import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Resources
from gridcell.errors import Preempted
from gridcell.execute.attempt import Attempt
from gridcell.execute.driver import run_grid
from gridcell.execute.listener import Listeners
from gridcell.execute.options import GridRun, RunOptions
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.run_cell import run_cell, run_cells
from gridcell.execute.running_code import code_of
from gridcell.execute.schedule import Schedule
from gridcell.execute.searcher import CellSearcher
from gridcell.grid import GridBuilder
from gridcell.store import Store
from gridcell.task import Group
from shared_ray import RAY_AT_NIGHT

CRASH = Failure(FailureClass.CRASHED, "its process ended")
CPUS = 1


def planned(tmp_path, **settings):
    grid = batch_task.plan(batch_task.Settings(**settings))
    grid.locations["markers"] = str(tmp_path / "markers")
    return grid


def run(grid, store, executor="inline", **options):
    return run_grid(batch_task.task, grid, store, RunOptions(executor=executor, num_cpus=1, **options))


def how_run(tmp_path, grid):
    """Return title -> with how many each attempt at a cell was run."""
    markers = tmp_path / "markers"
    return {
        cell.title: (markers / cell.id).read_text().split("\n")[:-1]
        for cell in grid.cells.values()
        if cell.kind == "score" and (markers / cell.id).exists()
    }


def titles(grid, ids):
    return {grid.cells[cell_id].title for cell_id in ids}


@RAY_AT_NIGHT
def test_ready_cells_with_equal_keys_are_done_in_one_pass(executor, store, tmp_path):
    grid = planned(tmp_path, cells=5, lists=2)
    schedule = run(grid, store, executor)
    assert schedule.finished == set(grid.cells) == store.results.done()
    passes = how_run(tmp_path, grid)
    assert Counter(how for hows in passes.values() for how in hows) == {"with 5": 10}
    for target in grid.targets:
        result = store.results.read(target.cell)
        assert result.metrics == {"sum": 10 + target.labels["list"] + target.labels["add"]}
        assert result.provenance["together"] == 5
        assert set(result.artifacts) == {"add.txt"}
        assert result.curves == {"sum": [[1, 10 + target.labels["list"]]]}
    assert run(grid, store, executor).total == 0


def test_results_are_those_of_single_cells(store, tmp_path):
    grid = planned(tmp_path)
    run(grid, store)
    alone = Store(str(tmp_path / "alone")).prepare()
    for cell in grid.cells.values():
        assert run_cell(Attempt(cell, batch_task.task, alone)).done
    for cell_id in grid.cells:
        one, other = store.results.read(cell_id), alone.results.read(cell_id)
        assert one.content == other.content
        assert one.provenance["code"] == other.provenance["code"]
        assert one.provenance["inputs"] == other.provenance["inputs"]


def test_the_batch_functions_module_counts_as_code_of_its_cells(tmp_path):
    cell = next(cell for cell in planned(tmp_path).cells.values() if cell.kind == "score")
    assert "batch_task" in code_of(batch_task.task, cell).files


def test_no_more_go_together_than_the_task_says(store, tmp_path):
    grid = planned(tmp_path, cells=11, lists=1)
    run(grid, store)
    assert Counter(how for hows in how_run(tmp_path, grid).values() for how in hows) == {
        "with 8": 8,
        "with 3": 3,
    }


def test_one_that_fails_by_itself_leaves_the_others(executor, store, tmp_path):
    grid = planned(tmp_path, cells=4, lists=1, fail={"l0a1": "own"})
    schedule = run(grid, store, executor)
    assert titles(grid, schedule.failed) == {"l0a1"}
    assert titles(grid, schedule.finished) == {"list0", "l0a0", "l0a2", "l0a3"}
    (outcome,) = schedule.failed.values()
    assert "this one alone" in outcome.failure.message
    assert set(how_run(tmp_path, grid)["l0a1"]) == {"with 4"}


@pytest.mark.parametrize(
    ("left", "failure_class"), [(Preempted("saved"), "preempted"), (SystemExit(3), "bug")]
)
def test_an_answer_that_is_no_ordinary_exception_ends_its_cell_alone(
    left, failure_class, store, tmp_path, monkeypatch
):
    """A cell of a pass that has saved a checkpoint says so by Preempted, which is no Exception."""
    grid = planned(tmp_path, cells=3, lists=1)
    first, *cells = grid.cells.values()
    run_cell(Attempt(first, batch_task.task, store))
    together = batch_task.score_together

    def one_leaves(contexts):
        for context, answer in together(contexts):
            yield context, left if context.cell.id == cells[1].id else answer

    monkeypatch.setattr(batch_task, "score_together", one_leaves)
    ended = []
    run_cells([Attempt(cell, batch_task.task, store) for cell in cells], ended.append)
    assert [outcome.cell for outcome in ended] == [cell.id for cell in cells]
    assert [outcome.done for outcome in ended] == [True, False, True]
    assert ended[1].failure.failure_class == failure_class
    assert not ended[1].shared


@pytest.mark.parametrize("how", ["bug", "silent"])
def test_what_ends_a_pass_is_found_by_running_the_rest_alone(executor, how, store, tmp_path):
    """Of 0, 1, 2, 3 the first is done before 1 raises; the others then run alone, and only 1 fails."""
    grid = planned(tmp_path, cells=4, lists=1, fail={"l0a1": how})
    schedule = run(grid, store, executor)
    passes = how_run(tmp_path, grid)
    assert passes["l0a0"] == ["with 4"]
    assert passes["l0a1"] == ["with 4", "alone"]
    if how == "bug":
        assert passes["l0a2"] == passes["l0a3"] == ["with 4", "alone"]
        assert titles(grid, schedule.failed) == {"l0a1"}
    else:  # alone it gives its answer
        assert passes["l0a2"] == passes["l0a3"] == ["with 4"]
        assert not schedule.failed
    assert len(schedule.finished) + len(schedule.failed) == 5


def test_where_memory_runs_out_fewer_go_together(store, tmp_path):
    grid = planned(tmp_path, cells=8, lists=1, fail={"l0a0": "memory"})
    schedule = run(grid, store)
    assert schedule.finished == set(grid.cells)
    assert how_run(tmp_path, grid)["l0a0"] == ["with 8", "with 4", "with 2"]


@pytest.mark.long
@pytest.mark.xdist_group("one-ray")
def test_a_pass_whose_process_is_killed_keeps_what_was_done(one_ray, store, tmp_path):
    """One cell fails by itself, one kills its process when it is not alone, and one always does."""
    fail = {"l0a1": "own", "l0a2": "killed-once", "l0a4": "killed"}
    grid = planned(tmp_path, cells=6, lists=1, fail=fail)
    schedule = run(grid, store, "ray")
    assert titles(grid, schedule.failed) == {"l0a1", "l0a4"}
    assert titles(grid, schedule.finished) == {"list0", "l0a0", "l0a2", "l0a3", "l0a5"}
    passes = how_run(tmp_path, grid)
    assert passes["l0a0"] == ["with 6"]
    assert passes["l0a1"] in (["with 6"], ["with 6", "alone"])  # its failure may be lost with the process
    assert passes["l0a2"] == passes["l0a3"] == passes["l0a5"] == ["with 6", "alone"]
    assert {cell.failure_class for cell in store.losses.read_all()} >= {"crashed"}


@pytest.mark.parametrize("cells", [1, 6])
def test_a_pass_that_ends_counts_as_one_failure_on_its_node(cells, store, monkeypatch):
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0})
    monkeypatch.setattr("gridcell.execute.searcher.ask_node", lambda process: CRASH)
    grid = batch_task.plan(batch_task.Settings(lists=1, cells=cells))
    (numbers,) = (cell.id for cell in grid.cells.values() if cell.kind == "numbers")
    schedule = Schedule(grid, {numbers}, group_of=batch_task.task.group_of)
    listener = Listeners([])
    searcher = CellSearcher(
        GridRun(batch_task.task, grid, schedule, store, listener),
        max_concurrent=math.inf,
        ask_beyond=False,
        processors=4,
    )
    noted = []
    monkeypatch.setattr(searcher, "_note", lambda node, outcome: noted.append(node))
    room = Counter({cell.resources: 3 for cell in grid.cells.values()})
    searcher._in_flight.counts.update(room)  # other cells run: there is room for one pass alone
    assert len(searcher.suggest("a")["cells"]) == cells
    assert len(schedule.running) == cells
    searcher.on_trial_result("a", {"begun": True, "process": json.dumps({"node": "n"})})
    searcher.on_trial_complete("a", error=True)
    assert noted == ["n"]
    assert not schedule.running
    searcher._in_flight.counts.clear()
    assert {len(searcher.suggest(name)["cells"]) for name in "bc"[:cells]} == {1}


def test_an_interrupted_pass_keeps_what_was_done(store, tmp_path, monkeypatch):
    grid = planned(tmp_path, cells=4, lists=1, fail={"l0a2": "bug"})

    def interrupt(context, together):
        if context.cell.config.get("fail"):
            raise KeyboardInterrupt

    monkeypatch.setattr(batch_task, "_fail", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(grid, store)
    assert titles(grid, store.results.done()) == {"list0", "l0a0", "l0a1"}
    monkeypatch.setattr(batch_task, "_fail", lambda context, together: None)
    assert titles(grid, run(grid, store).finished) == {"l0a2", "l0a3"}


def test_the_debugger_ends_the_run_at_the_first_cell_of_a_group_that_fails(store, tmp_path, monkeypatch):
    monkeypatch.setattr("pdb.post_mortem", lambda trace: None)
    grid = planned(tmp_path, cells=3, lists=1, fail={"l0a0": "bug"})
    schedule = run(grid, store, debugger=True)
    assert titles(grid, schedule.failed) == {"l0a0"}
    assert how_run(tmp_path, grid) == {"l0a0": ["alone"]}


def test_under_the_debugger_a_cell_that_leaves_in_time_goes_on_later(store, tmp_path, monkeypatch):
    leaves = [Preempted("saved at step 1")]

    def leave(context, together):
        if leaves:
            raise leaves.pop()

    monkeypatch.setattr(batch_task, "_fail", leave)
    grid = planned(tmp_path, cells=1, lists=1)
    schedule = run(grid, store, debugger=True)
    assert (schedule.finished, schedule.stopped) == (set(grid.cells), "")
    assert how_run(tmp_path, grid) == {"l0a0": ["alone", "alone"]}


def test_a_cell_that_another_driver_finished_is_not_done_again(store, tmp_path):
    grid = planned(tmp_path, cells=3, lists=1)
    first, *cells = grid.cells.values()
    attempts = [Attempt(cell, batch_task.task, store, grid.locations) for cell in cells]
    run_cell(Attempt(first, batch_task.task, store))
    run_cell(attempts[1])
    ended = []
    run_cells(attempts, ended.append)
    assert {outcome.cell for outcome in ended} == {cell.id for cell in cells}
    assert all(outcome.done for outcome in ended)
    assert how_run(tmp_path, grid)[cells[1].title] == ["alone"]
    assert how_run(tmp_path, grid)[cells[0].title] == ["with 2"]


def test_seconds_are_the_own_and_an_equal_share_of_the_rest(store, tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    grid = planned(tmp_path, cells=3, lists=1)
    schedule = run(grid, store)
    assert schedule.finished == set(grid.cells)
    scores = [cell for cell in grid.cells.values() if cell.kind == "score"]
    seconds = [store.results.read(cell.id).seconds for cell in scores]
    assert all(one >= 10 for one in seconds)  # its own: one tick
    assert sum(seconds) <= float(next(clock))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2)), min_size=1, max_size=20),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_a_pass_takes_ready_cells_of_one_group_each_once(cells, most, choice):
    builder = GridBuilder("t")
    for number, (group, cpus) in enumerate(cells):
        cell = builder.add("k", {"n": number, "group": group}, resources=Resources(cpus=cpus))
        builder.target({"n": number}, cell)
    grid = builder.build()

    def group_of(cell, every):
        assert every[cell.id] is cell
        group = cell.config["group"]
        return Group((group, cell.resources), most) if group else None

    schedule, taken = Schedule(grid, set(), group_of=group_of), []
    while first := schedule.take():
        together = [first, *schedule.take_with(first)]
        left = [cell for cell in grid.cells.values() if cell.id not in taken]
        alike = [cell for cell in left if group_of(cell, grid.cells) == group_of(first, grid.cells)]
        if first.config["group"]:
            assert len({(cell.config["group"], cell.resources) for cell in together}) == 1
            assert len(together) == min(most, len(alike))
        else:
            assert len(together) == 1
        taken += [cell.id for cell in together]
        assert schedule.running == {cell.id for cell in together}
        for cell in choice.sample(together, len(together)):
            schedule.finish(Outcome(cell.id, 0.0))
    assert sorted(taken) == sorted(grid.cells)


@pytest.mark.parametrize(
    ("cells", "others", "free", "taken"),
    [(18, 0, 0, 18), (18, 0, 1, 9), (18, 5, 3, 18), (18, 1, 2, 9), (3, 0, 100, 1), (17, 0, 2, 6)],
)
def test_a_pass_leaves_cells_for_slots_that_would_stand_idle(cells, others, free, taken):
    builder = GridBuilder("t")
    for number in range(cells):
        builder.target({}, builder.add("a", {"n": number}))
    for number in range(others):
        builder.target({}, builder.add("b", {"n": number}))
    grid = builder.build()
    schedule = Schedule(
        grid, set(), group_of=lambda cell, every: Group((cell.kind,), 64) if cell.kind == "a" else None
    )
    first = schedule.take(lambda cell: cell.kind == "a", lambda cell: False)
    assert first.kind == "a"
    assert 1 + len(schedule.take_with(first, free)) == taken


def test_a_failure_that_is_nobodys_is_tried_again_together():
    builder = GridBuilder("t")
    for number in range(3):
        builder.target({}, builder.add("k", {"n": number}))
    schedule = Schedule(builder.build(), set(), group_of=lambda cell, cells: Group(("k",), 8))
    for _ in range(2):
        together = [first := schedule.take(), *schedule.take_with(first)]
        assert len(together) == 3
        for cell in together:
            lost = Failure(FailureClass.PREEMPTED, "its node went away")
            assert schedule.finish(Outcome(cell.id, 0.0, failure=lost, shared=True))


def test_a_cell_alone_is_looked_for_in_the_store_once(store, tmp_path, monkeypatch):
    """By its attempt: to look before, as for each cell of a pass, would double its requests."""
    grid = planned(tmp_path)
    (first, *_) = [cell for cell in grid.cells.values() if not cell.needs]
    looked = []
    monkeypatch.setattr("gridcell.execute.run_cell._ended_before", looked.append)
    ended = []
    run_cells([Attempt(first, batch_task.task, store)], ended.append)
    assert [outcome.done for outcome in ended] == [True]
    assert len(looked) == 1
