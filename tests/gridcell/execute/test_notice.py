"""Asked to end, a run saves checkpoints of its running cells first, and goes on from them."""

import os
import signal
import threading
from importlib.metadata import version

import pytest
import toy_task

from gridcell.cell import Cell
from gridcell.cli.interruption import end_when_asked
from gridcell.context import Context
from gridcell.errors import Preempted, UserError
from gridcell.execute import draining
from gridcell.execute.draining import is_draining
from gridcell.execute.driver import run_grid
from gridcell.execute.ending import Ending, ask_to_end, hear_in, waited_for
from gridcell.execute.options import RunOptions
from gridcell.execute.outcome import FailureClass, failure_from
from gridcell.notice import NOTICE, Notice

EXECUTORS = ["inline", pytest.param("ray", marks=pytest.mark.slow)]


@pytest.fixture(autouse=True)
def _handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    NOTICE.withdraw()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_running_cells_save_a_checkpoint_before_the_run_ends(executor, store):
    settings = toy_task.Settings(width=2, length=1, fail={"r1c0": f"asks-to-end {os.getpid()}"})
    grid = toy_task.plan(settings)
    asks = next(cell for cell in grid.cells.values() if cell.title == "r1c0")
    options = RunOptions(executor=executor, num_cpus=2)
    said = []
    end_when_asked(120, said.append)
    with pytest.raises(KeyboardInterrupt):
        run_grid(toy_task.task, grid, store, options)
    assert store.checkpoints(asks.id).saved_step() is not None
    assert store.failures.read_all() == {}
    assert len(said) == 1
    assert [loss.steps for loss in store.losses.read_all()] == [0]
    assert not NOTICE.given
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    # From its start it would never end.
    assert asks.id in schedule.finished
    assert store.results.done() == set(grid.cells)


def _ask(number=signal.SIGTERM, wait_s=0.0):
    os.kill(os.getpid(), number)
    for _ in range(1000):  # the handler is called in here
        pass
    threading.Event().wait(wait_s)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nobody_is_waited_for_who_does_not_heed_the_notice(number):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
    end_when_asked(120)
    with pytest.raises(KeyboardInterrupt):
        _ask(number)
    NOTICE.heed()
    _ask(number)
    assert NOTICE.given
    with pytest.raises(KeyboardInterrupt):  # once more, and it ends at once
        _ask(number)


def test_the_grace_ends():
    end_when_asked(0.05)
    NOTICE.heed()
    with pytest.raises(KeyboardInterrupt):
        _ask(wait_s=60)


def test_without_a_grace_nobody_is_waited_for():
    end_when_asked(0)
    NOTICE.heed()
    with pytest.raises(KeyboardInterrupt):
        _ask()


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf")])
def test_a_grace_that_is_no_time_is_refused(grace):
    with pytest.raises(UserError, match="--grace must be"):
        end_when_asked(grace)


def test_ignored_interruptions_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as under nohup
    end_when_asked(1)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_worker_is_told_in_its_folder_and_says_whether_it_heeds(tmp_path):
    notice = Notice()
    hear_in(tmp_path, notice)
    assert not notice.given
    assert ask_to_end([str(tmp_path), str(tmp_path / "gone")]) == []
    notice.heed()
    assert ask_to_end([str(tmp_path)]) == [str(tmp_path)]
    notice._looked = float("-inf")  # some time later
    assert notice.given
    notice.heed(False)
    assert ask_to_end([str(tmp_path)]) == []


@pytest.mark.parametrize("early", [True, False])
def test_the_driver_is_interrupted_once_the_last_heeding_worker_has_left(monkeypatch, early):
    """Also where one leaves while the others are told."""
    ending = Ending(type("Schedule", (), {"stop": lambda self, why: None})())

    def told(processes):
        if early:
            ending.left("one")
        return {"one", "two"}

    monkeypatch.setattr("gridcell.execute.ending.heeding_trials", told)
    ending.tell({})
    ending.left("three")
    if not early:
        ending.left("one")
    with pytest.raises(KeyboardInterrupt):
        ending.left("two")


def test_where_no_worker_heeds_the_driver_is_interrupted_at_once(monkeypatch):
    monkeypatch.setattr("gridcell.execute.ending.heeding_trials", lambda processes: set())
    end_when_asked(120)
    ending = Ending(type("Schedule", (), {"stop": lambda self, why: None})())
    with NOTICE.passed_on(lambda: ending.tell({})), pytest.raises(KeyboardInterrupt):
        _ask(wait_s=60)


def test_a_checkpoint_is_due_by_the_clock_and_by_a_notice(store, tmp_path):
    cell = Cell("toy", "step", {})
    context = Context(cell, store, tmp_path, tmp_path, tmp_path)
    (tmp_path / "state").write_text("5")
    assert not context.checkpoint_is_due(1e6)
    assert context.checkpoint_is_due(0)
    assert NOTICE.heeded
    context.keep(tmp_path / "state", 5)
    NOTICE.give()
    assert context.checkpoint_is_due(1e6)
    with pytest.raises(Preempted, match="saved at step 6") as raised:
        context.keep(tmp_path / "state", 6)
    assert store.checkpoints(cell.id).saved_step() == 6
    failure = failure_from(raised.value)
    assert (failure.failure_class, failure.ends_process) == (FailureClass.PREEMPTED, False)


def test_who_watches_for_a_drain_stops_with_its_cluster(monkeypatch):
    monkeypatch.setattr(draining, "LOOK_EVERY_S", 0.001)
    asked, drained, told = threading.Semaphore(0), [], threading.Event()

    def is_draining(node):
        asked.release()
        return node in drained

    monkeypatch.setattr(draining, "is_draining", is_draining)
    before = set(threading.enumerate())
    with draining.watched_drain("n", told.set):
        (watcher,) = set(threading.enumerate()) - before
        assert asked.acquire(timeout=60)
    watcher.join(60)
    assert not watcher.is_alive()
    drained.append("n")  # a later cluster's node of the same name is not this one's
    assert not told.is_set()
    with draining.watched_drain("n", told.set):
        assert told.wait(60)


def test_ray_says_which_nodes_it_drains_in_the_version_that_was_tried():
    """Of Ray's private names this is the only one that a run asks; a new version has to be looked at."""
    import ray

    assert version("ray").startswith("2.60.")
    assert callable(ray._private.state.state.get_draining_nodes)
    assert not is_draining("no node")  # nor an error where there is no cluster


def test_who_is_told_late_is_waited_for_and_who_does_not_heed_is_not():
    """Node c is busy and has not answered; node b is gone, or none of its cells heeds the notice."""
    asked = {"a": {"/1": "t1", "/2": "t2"}, "b": {"/3": "t3"}, "c": {"/4": "t4", "/5": "t5"}}
    assert waited_for(asked, {"a": ["/2"], "b": []}) == {"t2", "t4", "t5"}
    assert waited_for(asked, {}) == {"t1", "t2", "t3", "t4", "t5"}
    assert waited_for({}, {}) == set()


def test_a_place_outside_is_asked_five_times_a_second_at_most_and_at_least(monkeypatch):
    clock, asked = [100.0], []
    monkeypatch.setattr("gridcell.notice.time.monotonic", lambda: clock[0])
    notice = Notice()
    notice.come_from(lambda: bool(asked.append(clock[0])), lambda heeded: None)
    for step in range(100):
        clock[0] = 100 + step / 100
        assert not notice.given
    assert len(asked) == 5
