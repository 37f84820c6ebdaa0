"""The simulated cluster: closed forms where there are any, and what must hold whatever happens."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Resources
from gridcell.execute.schedule import Schedule
from gridcell.execute.simulate import Cluster, simulate
from gridcell.grid import GridBuilder


def independent(cells):
    grid = GridBuilder("t")
    for number in range(cells):
        grid.target({"n": number}, grid.add("k", {"n": number}, title=str(number)))
    return grid.build()


def chain(cells):
    grid = GridBuilder("t")
    before = None
    for number in range(cells):
        before = grid.add("k", {"n": number}, needs={"n": before} if before else {}, title=str(number))
    grid.target({}, before)
    return grid.build()


def run(grid, seconds, **cluster):
    return simulate(Schedule(grid, set()), dict.fromkeys(grid.cells, seconds), Cluster(**cluster))


def test_equal_cells_take_as_many_rounds_as_they_fill_slots():
    simulated = run(independent(10), 5.0, nodes=2, slots=2)
    assert simulated.makespan_s == 15.0  # 4 + 4 + 2
    assert simulated.utilisation == pytest.approx(50 / (4 * 15))


def test_a_chain_gains_nothing_from_more_slots():
    assert run(chain(6), 5.0, nodes=3).makespan_s == run(chain(6), 5.0, nodes=1).makespan_s == 30.0


def test_overhead_is_paid_once_per_cell_and_is_no_useful_work():
    simulated = run(independent(4), 9.0, nodes=1, overhead_s=1.0)
    assert simulated.makespan_s == 40.0
    assert simulated.utilisation == pytest.approx(0.9)


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 3), st.floats(0.5, 50), st.integers(0, 2**32))
def test_losing_nodes_loses_time_and_no_cell(cells, nodes, slots, seconds, seed):
    cluster = {"nodes": nodes, "slots": slots, "losses_per_node_hour": 20.0, "repair_s": 30.0, "seed": seed}
    calm = run(independent(cells), seconds, nodes=nodes, slots=slots)
    again = run(independent(cells), seconds, **cluster, checkpoint_every_s=5.0)
    assert again.finished + again.failed == cells
    assert again.makespan_s >= calm.makespan_s - 1e-6
    whole_time = nodes * slots * again.makespan_s
    assert again.utilisation * whole_time + again.wasted_s <= whole_time * (1 + 1e-9)
    if not again.failed:
        assert again.utilisation * whole_time == pytest.approx(cells * seconds)


def test_checkpoints_bound_what_a_lost_node_costs():
    losses = {"nodes": 4, "losses_per_node_hour": 6.0, "repair_s": 60.0}
    with_checkpoints = run(independent(20), 900.0, **losses, checkpoint_every_s=30.0)
    without = run(independent(20), 900.0, **losses)
    assert with_checkpoints.wasted_s <= 30.0 * with_checkpoints.lost_nodes
    assert with_checkpoints.wasted_s < without.wasted_s
    assert with_checkpoints.makespan_s < without.makespan_s


def test_no_slot_is_refused():
    with pytest.raises(ValueError, match="run nothing"):
        run(independent(1), 1.0, nodes=0)


def test_cells_that_ask_for_a_kind_of_gpu_wait_for_one_and_others_pass_them():
    grid = GridBuilder("toy")
    for number in range(6):
        typed = Resources(gpus=1, gpu_type="H100" if number < 4 else "")
        cell = grid.add("step", {"number": number}, resources=typed, title=str(number))
        grid.target({"number": number}, cell)
    built = grid.build()
    seconds = dict.fromkeys(built.cells, 10.0)
    cluster = Cluster(nodes=3, gpu_types=("H100", "A100", "A100"))
    assert simulate(Schedule(built, set()), seconds, cluster).makespan_s == 40  # four on the only H100
    assert simulate(Schedule(built, set()), seconds, Cluster(nodes=3)).makespan_s == 20


@pytest.mark.parametrize(
    ("lost_at", "repair", "makespan", "wasted"),
    [
        ((3.0, 1e9), 100.0, 30.0, 0.0),  # the idle one: what comes later goes to the other, one by one
        ((1e9, 3.0), 100.0, 33.0, 3.0),  # the one that works: its cell begins anew on the other
        ((3.0, 1e9), 2.0, 20.0, 0.0),  # it is back before it is needed
        ((1e9, 3.0), 10.0, 23.0, 3.0),
    ],
)
def test_a_lost_node_takes_no_cell_until_it_is_repaired(monkeypatch, lost_at, repair, makespan, wasted):
    grid = GridBuilder("t")
    first = grid.add("k", {"first": True}, title="first")
    for number in range(2):
        grid.target({"n": number}, grid.add("k", {"n": number}, needs={"first": first}, title=str(number)))
    moments = iter((*lost_at, 1e9))
    drawn = SimpleNamespace(exponential=lambda mean: next(moments))
    monkeypatch.setattr(np.random, "default_rng", lambda seed: drawn)
    found = run(grid.build(), 10.0, nodes=2, losses_per_node_hour=1.0, repair_s=repair)
    assert (found.makespan_s, found.wasted_s, found.lost_nodes) == (makespan, wasted, 1)


def test_nothing_to_run_takes_no_time_and_uses_nothing():
    found = run(independent(0), 1.0, nodes=2)
    assert (found.makespan_s, found.utilisation, found.finished, found.failed) == (0.0, 0.0, 0, 0)
