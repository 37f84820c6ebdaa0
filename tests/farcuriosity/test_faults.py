"""An Atari game that crashes, stalls or raises: others are left alone, its cell goes on, nothing changes."""

import pytest

from farcuriosity import task
from farcuriosity.cells import train
from farcuriosity.plan import plan
from farcuriosity.settings import Settings
from gridcell.execute.attempt import Attempt
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.execute.run_cell import run_cell
from gridcell.search.rungs import Ladder
from gridcell.store import Store
from gridcell.suite import parse_settings

pytestmark = pytest.mark.long

UPDATE, RANDOM = 64, 64  # steps of all environments: between updates, and at random before the first
TRAINING = {
    "steps": 6 * UPDATE,
    "environments": 4,
    "horizon": UPDATE // 4,
    "epochs": 1,
    "minibatches": 2,
    "features": 16,
    "lstm": 0,
    "random_steps": RANDOM,
}
IN_THE_FOURTH_UPDATE = (RANDOM + 3 * UPDATE) // 4 + 5  # a step of each environment
STALL_S = 40.0  # longer than it takes to start


@pytest.fixture
def orders(tmp_path, monkeypatch):
    """The folder for orders to misbehave and for the steps that were taken."""
    folder = tmp_path / "orders"
    folder.mkdir()
    monkeypatch.setenv("MISBEHAVING", str(folder))
    return folder


def planned(*names):
    environments = {name: {"id": "misbehaving:Misbehaving-v0", "options": {"name": name}} for name in names}
    settings = {"environments": environments, "curiosities": {"rnd": {}}, "training": TRAINING}
    return plan(parse_settings(Settings, settings))


def run(grid, where, **options):
    store = Store(str(where)).prepare()
    return store, run_grid(task, grid, store, RunOptions(num_cpus=2, **options))


def answers(store, grid):
    return {cell.title: store.results.read(cell.id).content for cell in grid.cells.values()}


def steps_taken(orders, name):
    return (orders / f"{name}.steps").stat().st_size


def test_a_crash_and_a_stall_change_no_result(orders, tmp_path):
    grid = planned("one", "other")
    undisturbed, schedule = run(grid, tmp_path / "undisturbed")
    assert schedule.finished == set(grid.cells), schedule.failed
    for name, what in (("one", "crash"), ("other", "stall")):
        assert steps_taken(orders, name) == RANDOM + TRAINING["steps"]
        (orders / f"{name}.order").write_text(f"{what} {IN_THE_FOURTH_UPDATE}")
    store, schedule = run(grid, tmp_path / "store", stall_timeout_s=STALL_S)
    assert schedule.finished == set(grid.cells)
    assert {loss.failure_class for loss in store.losses.read_all()} == {"crashed", "stalled"}
    assert answers(store, grid) == answers(undisturbed, grid)


class Stopped(BaseException):
    """As if somebody had ended the process politely."""


def test_a_crash_costs_what_came_after_the_last_checkpoint(orders, tmp_path, monkeypatch):
    monkeypatch.setenv(train.CHECKPOINT_SECONDS, "0")
    grid = planned("one")
    (cell,) = grid.cells.values()
    (orders / "one.order").write_text(f"crash {IN_THE_FOURTH_UPDATE}")
    store, schedule = run(grid, tmp_path / "store")
    assert not schedule.failed
    assert [loss.failure_class for loss in store.losses.read_all()] == ["crashed"]
    assert steps_taken(orders, "one") - RANDOM - TRAINING["steps"] < UPDATE

    def stop(step, _metrics):
        if step == 4 * UPDATE:  # reported before it is saved: the last checkpoint is the third update's
            raise Stopped

    stopped = Store(str(tmp_path / "stopped")).prepare()
    with pytest.raises(Stopped):
        run_cell(Attempt(cell, task, stopped, reporter=stop))
    outcome = run_cell(Attempt(cell, task, stopped))
    assert outcome.metrics == store.results.read(cell.id).metrics


def test_an_environment_that_raises_fails_its_cell_alone_which_then_goes_on(orders, tmp_path, monkeypatch):
    monkeypatch.setenv(train.CHECKPOINT_SECONDS, "0")
    grid = planned("one", "other")
    (orders / "one.order").write_text(f"raise {IN_THE_FOURTH_UPDATE}")
    store, schedule = run(grid, tmp_path / "store", executor="inline")
    (outcome,) = schedule.failed.values()
    assert outcome.failure.failure_class == "bug"
    assert "RuntimeError: the emulator lost its cartridge" in outcome.failure.message
    assert grid.cells[outcome.cell].title.startswith("one ")
    assert len(schedule.finished) == 1
    _, again = run(grid, tmp_path / "store", executor="inline")
    assert again.finished == {outcome.cell}
    assert steps_taken(orders, "one") - RANDOM - TRAINING["steps"] < UPDATE
    assert store.results.read(outcome.cell).metrics["steps"] == TRAINING["steps"]


def test_an_agent_that_a_search_lets_pause_takes_no_step_twice(orders, tmp_path):
    grid = planned("one")
    (cell,) = grid.cells.values()
    ladder = Ladder(task.tuning.fidelity, eta=2, rungs=2)
    paused = ladder.at(grid, 0)
    assert list(paused.cells) == [f"{cell.id}@{3 * UPDATE}"]
    store = Store(str(tmp_path / "store")).prepare()
    (stopped,) = paused.cells.values()
    outcome = run_cell(Attempt(stopped, task, store))
    assert outcome.metrics["steps"] == 3 * UPDATE
    assert steps_taken(orders, "one") == RANDOM + 3 * UPDATE
    assert not store.results.done()
    outcome = run_cell(Attempt(cell, task, store))
    assert outcome.metrics["steps"] == TRAINING["steps"]
    assert steps_taken(orders, "one") == RANDOM + TRAINING["steps"]
    curve = [step for step, _ in store.results.read(cell.id).curves["policy_loss"]]
    assert curve == list(range(UPDATE, TRAINING["steps"] + 1, UPDATE))  # one curve over the pause
