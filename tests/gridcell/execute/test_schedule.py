"""The schedule: every cell once, never before its needs, failures contained; against brute force."""

import random

import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Resources
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.schedule import Schedule, missing_cells
from gridcell.grid import GridBuilder


def random_grid(edges, size):
    builder = GridBuilder("t")
    cells = []
    for node in range(size):
        needs = {f"n{a}": cells[a] for a, b in sorted(edges) if b == node}
        cells.append(builder.add("k", {"node": node}, needs=needs, title=str(node)))
    for node, cell in enumerate(cells):
        if not any(a == node for a, _ in edges):
            builder.target({"node": node}, cell)
    return builder.build(), cells


EDGES = st.sets(
    st.tuples(st.integers(0, 14), st.integers(0, 14)).filter(lambda edge: edge[0] < edge[1]), max_size=40
)


def fail(cell, failure_class, mend=None):
    return Outcome(cell.id, 0.0, failure=Failure(failure_class, "no", mend=mend))


def above(edges, nodes):
    """Nodes that need one of ``nodes``, directly or not, by repeated search."""
    found = set(nodes)
    while more := {b for a, b in edges if a in found} - found:
        found |= more
    return found - set(nodes)


@given(EDGES, st.sets(st.integers(0, 14)), st.sets(st.integers(0, 14)), st.integers(1, 4), st.integers())
def test_every_cell_is_done_failed_or_blocked_exactly_once(edges, done_nodes, failing, width, seed):
    grid, cells = random_grid(edges, 15)
    node_of = {cell.id: node for node, cell in enumerate(cells)}
    done = {cells[node].id for node in done_nodes}
    missing = missing_cells(grid, done)
    schedule = Schedule(grid, done)
    available, started, choice = set(done), [], random.Random(seed)
    running = []
    while True:
        while len(running) < width and (cell := schedule.take()):
            assert set(cell.needs.values()) <= available
            started.append(cell.id)
            running.append(cell)
        if not running:
            break
        cell = running.pop(choice.randrange(len(running)))
        if node_of[cell.id] in failing:
            assert not schedule.finish(fail(cell, FailureClass.BUG))
        else:
            schedule.finish(Outcome(cell.id, 0.0))
            available.add(cell.id)
    assert schedule.exhausted
    ended = {each.cell.id: each for each in schedule.take_ended()}
    targets = {target.cell for target in grid.targets}
    assert ended.keys() == schedule.finished | set(schedule.failed) | schedule.blocked | (done & targets)
    assert {cell_id for cell_id, each in ended.items() if each.done} == schedule.finished | (done & targets)
    assert {cell_id for cell_id, each in ended.items() if each.failure} == set(schedule.failed)
    assert schedule.take_ended() == []
    assert len(started) == len(set(started))
    failed = {node_of[cell_id] for cell_id in schedule.failed}
    assert failed == {node_of[cell_id] for cell_id in started} & failing
    to_run = {node_of[cell_id] for cell_id in missing}  # what is done already blocks nothing
    waiting = {(a, b) for a, b in edges if a in to_run and b in to_run}
    assert {node_of[cell_id] for cell_id in schedule.blocked} == above(waiting, failed)
    assert schedule.finished | set(schedule.failed) | schedule.blocked == missing


def test_no_cell_overtakes_one_that_may_not_run_yet():
    builder = GridBuilder("t")
    for number, cpus in enumerate((1, 1, 2)):
        builder.target({"n": number}, builder.add("k", {"n": number}, resources=Resources(cpus=cpus)))
    schedule = Schedule(builder.build(), set())
    asked = []

    def may(cell):
        asked.append(cell.resources.cpus)
        return cell.resources.cpus == 1

    assert [schedule.take(may).resources.cpus for _ in range(2)] == [1, 1]
    assert [schedule.take(may) for _ in range(2)] == [None, None]
    assert asked == [1, 1, 2, 2]
    assert len(schedule.running) == 2
    assert schedule.take().resources.cpus == 2


@given(EDGES, st.sets(st.integers(0, 14)))
def test_cells_that_run_elsewhere_come_last_and_come_all_the_same(edges, elsewhere):
    grid, cells = random_grid(edges, 15)
    schedule = Schedule(grid, set())
    schedule.elsewhere = {cells[node].id for node in elsewhere}
    done = set()
    while cell := schedule.take():
        ready = {other.id for other in cells if other.id not in done and set(other.needs.values()) <= done}
        assert cell.id in ready
        assert cell.id not in schedule.elsewhere or ready <= schedule.elsewhere
        done.add(cell.id)
        schedule.finish(Outcome(cell.id, 0.0))
    assert done == set(grid.cells)


@given(EDGES, st.sets(st.integers(0, 14)))
def test_only_what_a_missing_target_needs_is_missing(edges, done_nodes):
    grid, cells = random_grid(edges, 15)
    targets = {node for node in range(15) if not any(a == node for a, _ in edges)}
    expected, frontier = set(), targets - done_nodes
    while frontier:
        expected |= frontier
        frontier = {a for a, b in edges if b in expected} - done_nodes - expected
    assert missing_cells(grid, {cells[node].id for node in done_nodes}) == {
        cells[node].id for node in expected
    }


def chain():
    grid, cells = random_grid({(0, 1), (1, 2)}, 3)
    return grid, cells


@pytest.mark.parametrize(
    ("failure_class", "attempts"),
    [
        (FailureClass.BUG, 1),
        (FailureClass.DIVERGED, 1),
        (FailureClass.TRANSIENT, 4),
        (FailureClass.PREEMPTED, 21),
        (FailureClass.OUT_OF_MEMORY, 7),
    ],
)
def test_each_failure_class_is_retried_as_often_as_its_policy_says(failure_class, attempts):
    grid, _ = chain()
    schedule = Schedule(grid, set())
    taken = 0
    while cell := schedule.take():
        taken += 1
        schedule.finish(fail(cell, failure_class))
    assert taken == attempts
    assert len(schedule.failed) == 1
    assert len(schedule.blocked) == 2


def test_a_damaged_input_is_made_again_before_its_user_is_tried_again():
    grid, (first, second, third) = chain()
    schedule = Schedule(grid, {first.id})
    assert schedule.take() == second
    assert schedule.finish(fail(second, FailureClass.CORRUPT_INPUT, mend=first.id))
    order = []
    while cell := schedule.take():
        order.append(cell)
        schedule.finish(Outcome(cell.id, 0.0))
    assert order == [first, second, third]
    assert schedule.total == 3
    assert schedule.finished == {first.id, second.id, third.id}


def ended(schedule):
    """All cells that ended, in one list: a cell that is counted twice occurs twice."""
    return sorted([*schedule.finished, *schedule.failed, *schedule.blocked])


def test_a_damaged_input_that_fails_the_second_time_blocks_only_what_has_not_ended():
    """0 is needed by 1 (done), 2 (fails), 3 (running), 4 (finds it damaged); 5 needs 3, and 6 needs 4."""
    grid, cells = random_grid({(0, 1), (0, 2), (0, 3), (0, 4), (3, 5), (4, 6)}, 7)
    schedule = Schedule(grid, {cells[0].id})
    taken = {cell.id for cell in iter(schedule.take, None)}
    assert taken == {cells[node].id for node in (1, 2, 3, 4)}
    schedule.finish(Outcome(cells[1].id, 0.0))
    schedule.finish(fail(cells[2], FailureClass.BUG))
    assert schedule.finish(fail(cells[4], FailureClass.CORRUPT_INPUT, mend=cells[0].id))
    assert schedule.take() == cells[0]
    assert not schedule.finish(fail(cells[0], FailureClass.BUG))
    assert schedule.blocked == {cells[4].id, cells[6].id}
    schedule.finish(Outcome(cells[3].id, 0.0))
    assert schedule.take() == cells[5]
    schedule.finish(Outcome(cells[5].id, 0.0))
    assert schedule.exhausted
    assert ended(schedule) == sorted(grid.cells)


def test_a_running_cell_whose_input_cannot_be_made_again_is_not_tried_again():
    grid, cells = random_grid({(0, 1), (0, 2), (1, 3)}, 4)
    schedule = Schedule(grid, {cells[0].id})
    assert [schedule.take(), schedule.take()] == [cells[1], cells[2]]
    schedule.finish(fail(cells[2], FailureClass.CORRUPT_INPUT, mend=cells[0].id))
    assert schedule.take() == cells[0]
    schedule.finish(fail(cells[0], FailureClass.BUG))
    assert not schedule.finish(fail(cells[1], FailureClass.TRANSIENT))
    assert schedule.exhausted
    assert schedule.blocked == {cells[1].id, cells[2].id, cells[3].id}


@given(EDGES, st.sets(st.integers(0, 14)), st.integers(1, 4), st.integers())
def test_whatever_is_damaged_meanwhile_each_cell_ends_once(edges, done_nodes, width, seed):
    grid, cells = random_grid(edges, 15)
    schedule = Schedule(grid, {cells[node].id for node in done_nodes})
    choice, running = random.Random(seed), []
    while True:
        while len(running) < width and (cell := schedule.take()):
            running.append(cell)
        if not running:
            break
        cell = running.pop(choice.randrange(len(running)))
        what = choice.choice(["done", "done", "bug", "transient", "damaged"])
        if what == "done":
            schedule.finish(Outcome(cell.id, 0.0))
        elif what == "damaged" and cell.needs:
            mend = choice.choice(sorted(cell.needs.values()))
            schedule.finish(fail(cell, FailureClass.CORRUPT_INPUT, mend=mend))
        else:
            schedule.finish(fail(cell, FailureClass.BUG if what == "bug" else FailureClass.TRANSIENT))
    assert schedule.exhausted
    assert len(ended(schedule)) == len(set(ended(schedule))) == schedule.total
    for cell_id in schedule.blocked:
        needs = set(grid.cells[cell_id].needs.values())
        assert needs & (set(schedule.failed) | schedule.blocked)


def test_diverged_cells_and_their_users_are_left_alone():
    grid, (first, second, third) = chain()
    schedule = Schedule(grid, {first.id}, final_failures=[second.id])
    assert schedule.take() is None
    assert schedule.blocked == {second.id, third.id}


def test_the_longest_chain_starts_first():
    grid, cells = random_grid({(2, 3), (3, 4)}, 5)
    assert Schedule(grid, set()).take() == cells[2]


def test_the_first_cell_of_each_kind_does_not_wait_for_longer_chains():
    builder = GridBuilder("t")
    trained = [builder.add("train", {"n": n}) for n in range(3)]
    for one in trained:
        again = builder.add("train", {"again": one.config["n"]}, needs={"start": one})
        builder.target({}, builder.add("test", {}, needs={"weights": again}))
    builder.target({}, builder.add("test", {}, needs={"weights": trained[0]}))
    schedule = Schedule(builder.build(), set())
    order = []
    while cell := schedule.take():
        order.append(cell.kind)
        schedule.finish(Outcome(cell.id, 0.0))
    assert order == ["train", "test"] + ["train"] * 5 + ["test"] * 3
