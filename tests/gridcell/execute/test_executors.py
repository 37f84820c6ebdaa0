"""Both executors give the same results, contain failures, and mend what they can."""

import errno
import os
import signal
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar

import pytest
import toy_task
from hypothesis import given, strategies as st

from gridcell.cell import Resources
from gridcell.context import Context
from gridcell.errors import CorruptData, UserError
from gridcell.execute.cluster import check_nodes, ray_cluster
from gridcell.execute.driver import read_whole, run_grid
from gridcell.execute.options import RunOptions
from gridcell.execute.outcome import FailureClass, classify
from gridcell.execute.processes import ray_here
from gridcell.grid import GridBuilder
from gridcell.store import Store
from gridcell.store.filesystem import Folder
from gridcell.store.mark import marked
from shared_ray import RAY_AT_NIGHT

CPUS = 2


def planned(tmp_path, **settings):
    grid = toy_task.plan(toy_task.Settings(**settings))
    grid.locations["markers"] = str(tmp_path / "markers")
    return grid


def runs_of(tmp_path, cell):
    return len((tmp_path / "markers" / cell.id).read_text().split())


def titled(grid, title):
    return next(cell for cell in grid.cells.values() if cell.title == title)


def run(grid, store, executor, **options):
    return run_grid(toy_task.task, grid, store, RunOptions(executor=executor, num_cpus=2, **options))


def test_a_grid_is_run_once_and_its_sums_are_right(executor, store, tmp_path):
    rows = 3 if executor == "inline" else 2
    grid = planned(tmp_path, width=rows, length=4, seeds=[0, 1])
    schedule = run(grid, store, executor)
    assert schedule.finished == set(grid.cells) == store.results.done()
    for target in grid.targets:
        seed, row = target.labels["seed"], target.labels.get("row")
        expected = sum(seed + 4 * r for r in range(rows)) if row is None else seed + 4 * row
        assert store.results.read(target.cell).metrics == {"sum": expected}
    assert run(grid, store, executor).total == 0
    assert all(runs_of(tmp_path, cell) == 1 for cell in grid.cells.values() if cell.kind == "step")


def test_failures_stop_only_what_needs_them(executor, store, tmp_path):
    grid = planned(
        tmp_path,
        width=4,
        length=2,
        fail={"r0c0": "bug", "r1c1": "transient-once", "r2c0": "diverged"}
        | ({"r3c0": "killed-once"} if executor == "ray" else {}),
    )
    schedule = run(grid, store, executor)
    failures = store.failures.read_all()
    assert {failure["title"]: failure["failure_class"] for failure in failures.values()} == {
        "r0c0": "bug",
        "r2c0": "diverged",
    }
    assert "ZeroDivisionError: one by nought" in failures[titled(grid, "r0c0").id]["message"]
    assert "toy_task.py" in failures[titled(grid, "r0c0").id]["traceback"]
    assert {grid.cells[cell].title for cell in schedule.blocked} == {"r0c1", "r2c1", "total"}
    assert store.results.read(titled(grid, "r3c1").id).metrics == {"sum": 6}
    assert runs_of(tmp_path, titled(grid, "r1c1")) == 2
    assert runs_of(tmp_path, titled(grid, "r3c0")) == (2 if executor == "ray" else 1)

    if executor == "ray":  # what is tried again is known before anything is handed to an executor
        return
    again = run(grid, store, executor)  # the bug is tried again, the divergence is final
    assert {grid.cells[cell].title for cell in again.failed} == {"r0c0"}
    assert runs_of(tmp_path, titled(grid, "r2c0")) == 1
    run(grid, store, executor, retry_diverged=True)
    assert runs_of(tmp_path, titled(grid, "r2c0")) == 2


def test_the_steps_that_a_failed_attempt_lost_are_counted(executor, store, tmp_path):
    grid = planned(tmp_path, width=2, length=1, fail={"r1c0": "transient-once-late"})
    assert not run(grid, store, executor).failed
    (loss,) = store.losses.read_all()
    assert (loss.cell, loss.failure_class, loss.steps) == (titled(grid, "r1c0").id, "transient", 3)


def test_a_cell_that_runs_out_of_memory_is_tried_with_half_the_batch(executor, store, tmp_path):
    grid = planned(tmp_path, width=2, length=1, fail={"r1c0": "out-of-memory"})
    schedule = run(grid, store, executor)
    assert not schedule.failed
    hungry, modest = titled(grid, "r1c0"), titled(grid, "r0c0")
    assert runs_of(tmp_path, hungry) == 3
    assert runs_of(tmp_path, modest) == 1
    assert store.results.read(hungry.id).provenance["oom_halvings"] == 2
    assert store.results.read(modest.id).provenance["oom_halvings"] == 0
    assert store.results.read(titled(grid, "total").id).metrics == {"sum": 1}


def test_a_cell_that_never_fits_into_memory_fails_in_the_end(store, tmp_path):
    grid = planned(tmp_path, width=1, length=1, fail={"r0c0": "out-of-memory-always"})
    schedule = run(grid, store, "inline")
    assert runs_of(tmp_path, titled(grid, "r0c0")) == 7
    (failed,) = schedule.failed.values()
    assert failed.failure.failure_class is FailureClass.OUT_OF_MEMORY


@given(st.integers(1, 300), st.integers(0, 10))
def test_halved_batches_make_up_the_batch_that_was_asked_for(batch_size, halvings):
    context = Context(None, None, Path(), Path(), Path(), oom_halvings=halvings)
    batch, accumulation = context.batch_and_accumulation(batch_size)
    assert batch * accumulation == batch_size
    assert 1 <= batch <= max(1, batch_size / 2**halvings)
    divisors = [size for size in range(1, batch_size + 1) if batch_size % size == 0]
    assert batch == max(size for size in divisors if size <= max(1, batch_size / 2**halvings))


@RAY_AT_NIGHT
def test_a_damaged_artifact_is_made_again_and_the_grid_completes(executor, store, tmp_path):
    grid = planned(tmp_path, width=2, length=1)
    run(grid, store, executor)
    whole = {cell: store.results.read(cell).metrics for cell in grid.cells}
    total, victim = titled(grid, "total"), titled(grid, "r1c0")
    (Path(store.uri) / "results" / f"{total.id}.json").unlink()
    artifact = store.results.read(victim.id).artifacts["sum.txt"]
    (Path(store.uri) / artifact.path).write_text("7")
    schedule = run(grid, store, executor)
    assert not schedule.failed
    assert {cell: store.results.read(cell).metrics for cell in grid.cells} == whole
    assert runs_of(tmp_path, victim) == 2


def test_a_damaged_record_is_set_aside_and_its_cell_runs_again(store, tmp_path):
    grid = planned(tmp_path, width=1, length=1)
    run(grid, store, "inline")
    cell = titled(grid, "total")
    (Path(store.uri) / "results" / f"{cell.id}.json").write_text("{")
    assert read_whole(grid, store)[1] == [cell.id]
    assert run(grid, store, "inline").finished == {cell.id}


def test_a_relative_storage_is_the_drivers(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store, grid = Store("runs").prepare(), planned(tmp_path, width=1, length=1)
    run(grid, store, executor)
    assert Store(str(tmp_path / "runs")).results.done() == set(grid.cells)


@pytest.mark.slow
@pytest.mark.xdist_group("one-ray")
@pytest.mark.parametrize("fail", [{}, pytest.param({"fail": "killed-once"}, marks=pytest.mark.long)], ids=str)
def test_cells_of_one_and_of_two_workers_share_a_machine(one_ray, fail, store, tmp_path):
    """On as many cores as the larger cells need, idle processes of smaller ones must give way."""
    builder = GridBuilder("toy")
    for seed in range(2):
        config = {"add": 1, "column": 0} | (fail if seed == 1 else {})
        cell = builder.add("step", config, seed=seed, resources=Resources(workers=1 + seed))
        after = builder.add("step", {"add": 1, "column": 1}, seed=9, needs={"before": cell})
        builder.target({"seed": seed}, after)
    builder.locate("markers", str(tmp_path / "markers"))
    grid = builder.build()
    schedule = run(grid, store, "ray")
    assert not schedule.failed
    assert store.results.done() == set(grid.cells)
    assert {store.results.read(target.cell).metrics["sum"] for target in grid.targets} == {2, 3}


@pytest.mark.slow
@pytest.mark.xdist_group("one-ray")
def test_an_impossible_request_is_refused_before_anything_runs(one_ray, store, tmp_path):
    grid = planned(tmp_path)
    for cell in grid.cells.values():
        object.__setattr__(cell, "resources", type(cell.resources)(cpus=99))
    with pytest.raises(UserError, match="asks for 99 CPU"):
        run(grid, store, "ray")


def test_listeners_are_told_whether_a_run_was_stopped(store, tmp_path, monkeypatch):
    class Told:
        def __init__(self):
            self.stopped = []

        def ended(self, stopped):
            self.stopped.append(stopped)

        def __getattr__(self, name):
            return lambda *_: None

    def interrupted(cell, context):
        raise KeyboardInterrupt

    told, grid = Told(), planned(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(toy_task, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[told])
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"), listeners=[told])
    assert told.stopped == [True, False]


@pytest.mark.slow
@pytest.mark.xdist_group("one-ray")
def test_nodes_that_say_nothing_are_named_and_the_run_goes_on(one_ray, store, monkeypatch, caplog):
    with marked(store.folder) as mark:
        assert check_nodes(toy_task.task, "here", store.uri, mark) == len(os.sched_getaffinity(0))
        monkeypatch.setattr("gridcell.execute.cluster._ANSWER_S", 0.0)
        assert check_nodes(toy_task.task, "here", store.uri, mark) == 0
    assert "No answer in 0 s from " in caplog.text


@pytest.mark.slow
@pytest.mark.xdist_group("one-ray")
def test_a_node_with_another_folder_by_the_storages_name_is_refused(one_ray, store):
    """Its cells would be done where the run doesn't see them."""
    with pytest.raises(UserError, match=r"The node .* of the cluster at 'here' has a folder of its own.* s3"):
        check_nodes(toy_task.task, "here", store.uri, "probe-of-another-store")
    with pytest.raises(
        UserError, match=r"can't read the storage 'nowhere://runs' .*: name a storage that every"
    ):
        check_nodes(toy_task.task, "here", "nowhere://runs", "probe-of-another-store")


def failed_on_a_node(tmp_path, uri, mark):
    """Return how a cell fails on a node whose worker finds ``uri``, and not what the driver left there."""
    from gridcell.execute.trial import CellTrial, GridWork

    cell = titled(planned(tmp_path), "r0c0")
    trial = object.__new__(CellTrial)
    trial._work = GridWork(None, (), None, uri, {}, {}, 1.0, None, mark=mark)
    trial._said = SimpleQueue()
    trial._run({"cells": [{"cell": cell.id}], "attempt": "one"})
    outcome = trial._said.get_nowait()
    assert outcome.cell == cell.id
    assert not outcome.failure.ends_process  # its last words would stay where the driver can't read them
    return outcome.failure


def test_a_node_that_comes_later_with_another_folder_fails_its_cells_with_the_reason(tmp_path):
    """They then avoid it."""
    failure = failed_on_a_node(tmp_path, str(tmp_path / "its own"), "probe-of-a-driver")
    assert failure.failure_class is FailureClass.NODE
    assert "has a folder of its own at" in failure.message
    assert not (tmp_path / "its own").exists()


@pytest.mark.parametrize(
    "error", [OSError(errno.EROFS, "Read-only file system"), PermissionError(13, "denied")]
)
def test_a_node_that_cannot_write_the_storage_is_unusable_and_its_cells_have_no_bug(
    store, tmp_path, monkeypatch, error
):
    def refuse(self, name, data, **_):
        raise error

    with marked(store.folder) as mark:
        monkeypatch.setattr(Folder, "create", refuse)
        failure = failed_on_a_node(tmp_path, store.uri, mark)
    assert failure.failure_class is FailureClass.NODE
    assert f"can't write the storage '{store.uri}' ({error})" in failure.message


def test_concurrency_must_be_positive(store, tmp_path):
    with pytest.raises(UserError, match="max-concurrent"):
        run(planned(tmp_path), store, "inline", max_concurrent=0)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError(), FailureClass.TRANSIENT),
        (OSError(5, "Input/output error"), FailureClass.TRANSIENT),
        (FileNotFoundError(), FailureClass.BUG),
        (MemoryError(), FailureClass.OUT_OF_MEMORY),
        (UserError("x"), FailureClass.INVALID),
        (CorruptData("a user's file"), FailureClass.INVALID),
        (CorruptData("an artifact", "the cell that made it"), FailureClass.CORRUPT_INPUT),
        (ValueError(), FailureClass.BUG),
    ],
)
def test_exceptions_are_classified(error, expected):
    assert classify(error) is expected


def test_a_torch_out_of_memory_error_is_one():
    import torch

    assert classify(torch.OutOfMemoryError("CUDA out of memory")) is FailureClass.OUT_OF_MEMORY


def test_status_sees_what_a_living_driver_runs(store, tmp_path):
    from gridcell.execute import heartbeat
    from gridcell.execute.schedule import Schedule

    grid = planned(tmp_path)
    cell = next(iter(grid.cells.values()))
    beat = heartbeat.Heartbeat(store)
    beat.started(cell)
    beat.begun(Schedule(grid, set()))
    deadline = time.monotonic() + 20
    while cell.id not in heartbeat.running_cells(store.folder) and time.monotonic() < deadline:
        pass
    assert cell.id in heartbeat.running_cells(store.folder)
    beat.ended(stopped=False)
    assert heartbeat.running_cells(Store(store.uri).folder) == {}


@pytest.mark.slow
@pytest.mark.xdist_group("one-ray")
def test_a_running_cell_reports_to_the_driver(one_ray, store, tmp_path):
    from gridcell.execute.options import GridRun
    from gridcell.execute.schedule import Schedule
    from gridcell.execute.tune import run_on_ray

    class Heard:
        reports: ClassVar[list] = []

        def reported(self, cell, step, metrics):
            self.reports.append((cell.title, step, metrics))

        def __getattr__(self, _):
            return lambda *_: None

    grid = planned(tmp_path, width=1, length=2)
    options = RunOptions(num_cpus=CPUS, report_every_s=0)
    run_on_ray(GridRun(toy_task.task, grid, Schedule(grid, set()), store, Heard(), options))
    assert Heard.reports == [("r0c0", 0, {"sum": 0}), ("r0c1", 0, {"sum": 0})]
    assert store.results.done() == set(grid.cells)


def test_a_cluster_that_does_not_start_in_time_is_one_sentence(monkeypatch):
    def late(**_):
        raise Exception("The current node timed out during startup.\nThe raylet failed to startup")

    monkeypatch.setattr("ray.init", late)
    with (
        pytest.raises(
            UserError,
            match=r"^Ray could not be started on this machine: this machine is busy, .*'--executor inline'",
        ),
        ray_cluster(None, 1),
    ):
        pytest.fail("there is none")


def test_sigterm_while_ray_starts_is_an_interruption(monkeypatch):
    """Ray's own handler, which it sets first, ends the process at once and without a word."""

    def asked_to_end(**_):
        raise SystemExit(int(signal.SIGTERM))

    monkeypatch.setattr("ray.init", asked_to_end)
    with pytest.raises(KeyboardInterrupt), ray_cluster(None, 1):
        pytest.fail("there is none")


def test_a_cell_whose_own_cluster_does_not_start_in_time_is_tried_again(monkeypatch):
    def late(**_):
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr("ray.init", late)
    with (
        pytest.raises(TimeoutError, match=r"^Ray could not be started on this machine") as raised,
        ray_here(),
    ):
        pytest.fail("there is none")
    assert classify(raised.value) is FailureClass.TRANSIENT


@pytest.mark.long
def test_a_cluster_started_here_listens_on_this_machine_alone():
    code = """
import psutil
from gridcell.execute.cluster import ray_cluster
with ray_cluster(None, 1):
    import ray
    ray.get(ray.remote(lambda: 1).remote())
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                print(connection.laddr.ip)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    addresses = set(done.stdout.split())
    assert addresses
    assert all(ip_address(address).is_loopback or mapped_loopback(address) for address in addresses), (
        addresses
    )


def mapped_loopback(address):
    mapped = getattr(ip_address(address), "ipv4_mapped", None)
    return mapped is not None and mapped.is_loopback
