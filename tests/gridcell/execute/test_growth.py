"""Cells that are added while a grid runs: in the schedule, and by a source through both executors."""

import random
from collections import Counter

import pytest
import toy_task
from hypothesis import given, strategies as st

from gridcell.cell import Resources
from gridcell.errors import UserError
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.execute.outcome import Failure, FailureClass, Outcome
from gridcell.execute.schedule import Schedule
from gridcell.execute.source import Ended, Growth
from gridcell.grid import Grid, GridBuilder

CPUS = 2
EDGES = st.sets(
    st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda edge: edge[0] < edge[1]), max_size=30
)


def grid_of(edges, targets, size=12):
    """Return the grid of what some of numbered cells need."""
    builder, cells = GridBuilder("t"), []
    for node in range(size):
        needs = {f"n{a}": cells[a] for a, b in sorted(edges) if b == node}
        cells.append(builder.add("k", {"node": node}, needs=needs, title=str(node)))
    for node in sorted(targets):
        builder.target({"node": node}, cells[node])
    whole = builder.build()
    wanted = whole.closure(cells[node].id for node in targets)
    return Grid(wanted, whole.targets)


@given(
    EDGES,
    st.lists(st.sets(st.integers(0, 11), min_size=1), min_size=2, max_size=4),
    st.sets(st.integers(0, 11)),
    st.sets(st.integers(0, 11)),
    st.integers(),
)
def test_grids_that_are_added_while_cells_run_end_as_if_they_were_planned_at_once(
    edges, parts, done_nodes, failing, seed
):
    choice = random.Random(seed)
    first, *later = every = [grid_of(edges, targets) for targets in parts]
    whole = grid_of(edges, set.union(*parts))
    done = {cell.id for cell in whole.cells.values() if cell.config["node"] in done_nodes}
    schedule, running, started = Schedule(first, done), [], []
    reported = schedule.take_ended()
    while True:
        while len(running) < 3 and (cell := schedule.take()):
            running.append(cell)
            started.append(cell.id)
        if later and (not running or choice.random() < 0.3):
            schedule.add(later.pop(0), done)
        elif running:
            cell = running.pop(choice.randrange(len(running)))
            bad = Failure(FailureClass.BUG, "no") if cell.config["node"] in failing else None
            schedule.finish(Outcome(cell.id, 0.0, failure=bad))
        else:
            break
        reported += schedule.take_ended()
    at_once = Schedule(whole, done)
    while cell := at_once.take():
        bad = Failure(FailureClass.BUG, "no") if cell.config["node"] in failing else None
        at_once.finish(Outcome(cell.id, 0.0, failure=bad))
    assert schedule.exhausted
    assert len(started) == len(set(started))
    assert schedule.finished == at_once.finished
    assert schedule.failed.keys() == at_once.failed.keys()
    assert schedule.blocked == at_once.blocked
    assert schedule.total == at_once.total
    told = Counter(each.cell.id for each in reported)
    for cell_id, times in told.items():
        asked = sum(target.cell == cell_id for part in every for target in part.targets)
        assert times <= asked + (cell_id not in done)
    assert {each.cell.id for each in reported if each.failure} == set(at_once.failed)
    assert {each.cell.id for each in reported if each.done} >= at_once.finished
    assert {each.cell.id for each in reported if not each.done and not each.failure} == at_once.blocked


def test_a_longer_chain_that_is_added_moves_what_it_needs_forward():
    short = grid_of({(0, 2)}, {2})
    schedule = Schedule(short, set())
    schedule.add(grid_of({(1, 3), (3, 4), (4, 5)}, {5}))
    order = []
    while cell := schedule.take():
        order.append(cell.config["node"])
        schedule.finish(Outcome(cell.id, 0.0))
    assert order == [0, 1, 3, 2, 4, 5] or order.index(1) < order.index(2)


def test_a_cell_that_diverged_before_is_not_tried_when_it_is_added():
    grid = grid_of({(0, 1)}, {1})
    ids = list(grid.cells)
    schedule = Schedule(grid_of(set(), {5}), set(), final_failures=[ids[0]])
    schedule.take_ended()
    schedule.add(grid)
    assert schedule.diverged == {ids[0]}
    assert [each.cell.id for each in schedule.take_ended()] == ids
    assert schedule.take().config == {"node": 5}


class Doubling:
    """Asks for one row after another, each begun once the one before has ended, like a search."""

    def __init__(self, rows, **settings):
        self.rows, self.settings = list(rows), settings
        self.waiting, self.told, self.grids = set(), [], []

    def more(self, ended):
        self.told += ended
        self.waiting -= {each.cell.id for each in ended}
        if self.waiting or not self.rows:
            return None
        grid = toy_task.plan(toy_task.Settings(seeds=[self.rows.pop(0)], width=2, **self.settings))
        self.waiting = {target.cell for target in grid.targets}
        self.grids.append(grid)
        return Growth(grid)


def test_a_source_adds_cells_until_it_has_no_more(executor, store):
    base, source = toy_task.plan(toy_task.Settings(width=1)), Doubling([5, 6, 7])
    options = RunOptions(executor=executor, num_cpus=2)
    schedule = run_grid(toy_task.task, base, store, options, source=source)
    every = set(base.cells).union(*(grid.cells for grid in source.grids))
    assert len(source.grids) == 3
    assert schedule.finished == store.results.done() == every
    assert {each.cell.id for each in source.told if each.done} == every
    for grid, seed in zip(source.grids, (5, 6, 7), strict=True):
        (total,) = [target.cell for target in grid.targets if target.labels["what"] == "total"]
        assert store.results.read(total).metrics == {"sum": seed + seed + 2}
    if executor == "ray":  # what is done is known before anything is handed to an executor
        return
    again = Doubling([5, 6, 7, 8])
    second = run_grid(toy_task.task, base, store, options, source=again)
    assert second.finished == set(again.grids[-1].cells)  # the others are done: asked, and not run
    assert len(again.told) == len({each.cell.id for each in again.told})
    assert {each.cell.id for each in again.told} >= {t.cell for grid in again.grids for t in grid.targets}


def test_a_source_is_told_what_failed_and_what_is_blocked(store):
    source = Doubling([5, 6], fail={"r1c0": "bug"})
    schedule = run_grid(toy_task.task, Grid({}), store, RunOptions(executor="inline"), source=source)
    titles = {True: set(), False: set()}
    for each in source.told:
        if not each.done:
            titles[each.failure is None].add(each.cell.title)
    assert titles == {False: {"r1c0"}, True: {"r1c1", "total"}}
    assert len(schedule.failed) == len(source.grids) == 2


def test_a_sources_error_ends_the_run_and_is_raised(store):
    class Broken(Doubling):
        def more(self, ended):
            if any(each.done for each in ended):
                raise ZeroDivisionError("no next point")
            return super().more(ended)

    with pytest.raises(ZeroDivisionError, match="no next point"):
        run_grid(toy_task.task, Grid({}), store, RunOptions(executor="inline"), source=Broken([5, 6]))
    assert len(store.results.done()) == 1


def test_what_a_source_may_rerun_is_run_again(store):
    grid = toy_task.plan(toy_task.Settings(width=1, length=1))
    options = RunOptions(executor="inline")
    run_grid(toy_task.task, grid, store, options)
    stamps = {cell_id: store.results.read(cell_id).stamp for cell_id in grid.cells}

    class Again:
        asked = False

        def more(self, ended):
            if self.asked:
                return None
            self.asked = True
            return Growth(grid, rerun=stamps)

    schedule = run_grid(toy_task.task, Grid({}), store, options, source=Again())
    assert schedule.finished == set(grid.cells)
    assert all(store.results.read(cell_id).stamp != stamp for cell_id, stamp in stamps.items())


@pytest.mark.slow
@pytest.mark.xdist_group("one-ray")
def test_what_is_added_must_fit_this_machine(one_ray, store):
    class TooLarge:
        asked = 0

        def more(self, ended):
            self.asked += 1
            builder = GridBuilder("toy")
            resources = Resources(cpus=64) if ended else Resources()
            cell = builder.add("step", {"add": 0, "column": self.asked}, seed=1, resources=resources)
            builder.target({}, cell)
            return Growth(builder.build()) if self.asked == 1 or ended else None

    with pytest.raises(UserError, match="asks for 64 CPU, but this machine offers 2"):
        run_grid(toy_task.task, Grid({}), store, RunOptions(num_cpus=2), source=TooLarge())


def test_ended_says_which_of_the_three_it_is():
    (cell,) = grid_of(set(), {0}).cells.values()
    assert not Ended(cell).done
    assert Ended(cell).failure is None
