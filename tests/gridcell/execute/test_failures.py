"""Which class a failure has, what it does to its process and its node, and how often a cell is tried."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys

import pytest
import ray
import toy_task

from gridcell.cell import Cell, Resources
from gridcell.errors import CellsFailed, CorruptData, Diverged, NodeUnusable, UserError
from gridcell.execute import attempt as attempts, last_words
from gridcell.execute.driver import run_grid
from gridcell.execute.last_words import (
    Process,
    Remains,
    kernel_kills,
    leave_last_words,
    remains_of,
    take_last_words,
    why_it_ended,
)
from gridcell.execute.nodes import IN_A_ROW, Nodes
from gridcell.execute.options import RunOptions
from gridcell.execute.outcome import (
    MESSAGE_LIMIT,
    TRACEBACK_LIMIT,
    Failure,
    FailureClass,
    Outcome,
    classify,
    failure_from,
)
from gridcell.execute.schedule import Schedule

MEMORY, DEVICE, CRASHED = FailureClass.OUT_OF_MEMORY, FailureClass.DEVICE, FailureClass.CRASHED
ALLOCATOR = "[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried to"


def named(name, *bases):
    return type(name, bases or (RuntimeError,), {})


MESSAGES = [  # class, whether the process is used again, error
    (MEMORY, True, RuntimeError(ALLOCATOR)),
    (MEMORY, True, RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to")),
    (MEMORY, True, MemoryError()),
    (MEMORY, True, OSError(errno.ENOMEM, "Cannot allocate memory")),
    (MEMORY, True, RuntimeError("std::bad_alloc")),
    (MEMORY, True, named("OutOfMemoryError")("CUDA out of memory. Tried to allocate 2.00 GiB")),
    (MEMORY, False, RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be")),
    (MEMORY, False, RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`")),
    (MEMORY, True, RuntimeError("DataLoader worker (pid 41) is killed by signal: Killed. ")),
    (
        MEMORY,
        True,
        RuntimeError(
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's "
            "workers are out of shared memory. Please try to raise your shared memory limit."
        ),
    ),
    (CRASHED, False, RuntimeError("DataLoader worker (pid 7) is killed by signal: Segmentation fault. ")),
    (CRASHED, False, RuntimeError("DataLoader worker (pid(s) 5, 6) exited unexpectedly")),
    (DEVICE, False, RuntimeError("CUDA error: an illegal memory access was encountered")),
    (DEVICE, False, RuntimeError("CUDA error: uncorrectable ECC error encountered")),
    (DEVICE, False, RuntimeError("CUDA error: device-side assert triggered")),
    (DEVICE, False, named("AcceleratorError")("an illegal memory access was encountered")),
    (DEVICE, False, RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")),
    (DEVICE, False, RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm")),
    (DEVICE, False, RuntimeError("NCCL error in: ProcessGroupNCCL.cpp:1, unhandled system error")),
    (DEVICE, False, named("DistBackendError")("NCCL communicator was aborted on rank 1")),
    (DEVICE, False, RuntimeError("Found no NVIDIA driver on your system. Please check that")),
    (DEVICE, False, RuntimeError("HIP error: invalid device ordinal")),
    (FailureClass.NODE, False, NodeUnusable("no GPU")),
    (FailureClass.UNKNOWN, False, SystemError("<method 'x'> returned NULL without setting an exception")),
    (FailureClass.UNKNOWN, False, RuntimeError("x.cpp:1: INTERNAL ASSERT FAILED at x, please report a bug")),
    (FailureClass.UNKNOWN, False, named("PanicException", BaseException)("called `Option::unwrap()`")),
    (FailureClass.UNKNOWN, False, asyncio.CancelledError()),
    (FailureClass.TRANSIENT, False, OSError(errno.EMFILE, "Too many open files")),
    (FailureClass.TRANSIENT, True, ConnectionResetError("the network went away")),
    (FailureClass.PREEMPTED, True, RuntimeError("[gloo] Connection closed by peer [127.0.0.1]:1")),
    (FailureClass.BUG, True, RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)")),
    (FailureClass.BUG, True, ValueError("the CUDA error of another day")),
    (FailureClass.BUG, True, ZeroDivisionError("one by nought")),
    (FailureClass.BUG, True, SystemExit(0)),
    (FailureClass.DIVERGED, True, Diverged("the loss is nan")),
    (FailureClass.INVALID, True, UserError("no such split")),
]


@pytest.mark.parametrize(("expected", "again", "error"), MESSAGES, ids=lambda value: repr(value)[:60])
def test_the_class_of_an_error_and_whether_its_process_is_used_again(expected, again, error):
    failure = failure_from(error)
    assert failure.failure_class is classify(error) is expected
    assert failure.ends_process is not again
    assert Failure.from_record(json.loads(json.dumps(failure.to_record()))) == failure


@pytest.mark.parametrize("inner", [error for found, _, error in MESSAGES if found in (DEVICE, MEMORY)])
def test_an_error_that_a_library_wraps_keeps_its_class(inner):
    outer = ValueError("training failed")
    outer.__cause__ = inner
    assert failure_from(outer).failure_class is classify(inner)
    assert failure_from(outer).ends_process is failure_from(inner).ends_process
    group = ExceptionGroup("several", [ZeroDivisionError(), inner])
    assert classify(group) is classify(inner)


def test_a_damaged_input_that_a_library_wraps_is_made_again():
    try:
        raise RuntimeError("Caught CorruptData in DataLoader worker 0") from CorruptData("damaged", "ab12")
    except RuntimeError as outer:
        failure = failure_from(outer)
    assert failure.failure_class is FailureClass.CORRUPT_INPUT
    assert failure.mend == "ab12"


def test_an_error_that_cannot_say_what_it_is_is_a_failure_all_the_same():
    class Mute(Exception):  # noqa: N818
        def __str__(self):
            raise KeyError("no")

    assert failure_from(Mute()).message == "Mute: <no message: KeyError>"


def test_a_huge_message_is_cut_and_keeps_both_ends():
    failure = failure_from(ValueError("begin" + "x" * 3_000_000 + "end"))
    assert len(failure.message) < MESSAGE_LIMIT + 100
    assert len(failure.traceback) < TRACEBACK_LIMIT + 100
    assert failure.message.startswith("ValueError: begin")
    assert failure.message.endswith("end")
    assert "characters left out" in failure.message


def test_a_record_of_a_newer_version_is_read():
    record = {**Failure(FailureClass.BUG, "no").to_record(), "colour": "red"}
    assert Failure.from_record(record) == Failure(FailureClass.BUG, "no")


def tries(failure_class):
    """How often a cell is run that always fails so."""
    grid = toy_task.plan(toy_task.Settings(width=1, length=1))
    schedule = Schedule(grid, set())
    count = 0
    while (cell := schedule.take()) is not None:
        count += 1
        schedule.finish(Outcome(cell.id, 1.0, failure=Failure(failure_class, "again")))
    return count


def test_how_often_a_failing_cell_is_run():
    assert tries(CRASHED) == 3
    assert tries(DEVICE) == 3
    assert tries(FailureClass.UNKNOWN) == 2
    assert tries(FailureClass.BUG) == 1
    assert tries(FailureClass.PREEMPTED) == 21


# What a process leaves behind.


def test_a_crash_names_its_signal(tmp_path):
    errors = tmp_path / "worker.err"
    errors.write_text("of an earlier cell: Fatal Python error: Aborted\n")
    process = Process("node", "worker", str(errors), errors.stat().st_size, kills=0)
    code = (
        "import faulthandler, ctypes; faulthandler.enable(); print('hello', flush=True); ctypes.string_at(0)"
    )
    with errors.open("a") as file:
        ended = subprocess.run([sys.executable, "-c", code], stdout=file, stderr=file, check=False)
    assert ended.returncode == -signal.SIGSEGV
    failure = why_it_ended(process, remains_of(process))
    assert failure.failure_class is CRASHED
    assert "SIGSEGV" in failure.message
    assert "hello" in failure.traceback
    assert "Aborted" not in failure.traceback


def test_a_process_that_the_kernel_killed_for_memory_ran_out_of_memory():
    process = Process("node", kills=2)
    assert why_it_ended(process, Remains("", 3)).failure_class is MEMORY
    assert why_it_ended(process, Remains("", 2)).failure_class is CRASHED
    assert why_it_ended(Process("node"), Remains("", None)).failure_class is CRASHED
    crashed = why_it_ended(process, Remains("Fatal Python error: Aborted", 3))
    assert crashed.failure_class is CRASHED
    assert "SIGABRT" in crashed.message


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/job/7\n",
            "sys/fs/cgroup/job/7/memory.events": "low 0\noom 4\noom_kill 3\n",
        },
        {
            "proc/self/cgroup": "5:memory:/docker/a\n1:cpu:/x\n",
            "sys/fs/cgroup/memory/docker/a/memory.oom_control": "under_oom 0\noom_kill 3\n",
        },
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.events": "oom_kill 3\n",
            "proc/vmstat": "oom_kill 9",
        },
        {"proc/vmstat": "nr_free_pages 1\noom_kill 3\n"},
    ],
    ids=["v2", "v1", "container", "no cgroup"],
)
def test_the_kernel_is_asked_how_often_it_killed_for_memory(files, tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert kernel_kills(tmp_path) == 3


def test_where_the_kernel_tells_nothing_nothing_is_known(tmp_path):
    assert kernel_kills(tmp_path) is None


def test_a_note_is_of_one_attempt_and_one_that_is_damaged_says_nothing(store, caplog):
    cell, stalled = Cell("t", "k", {}), Failure(FailureClass.STALLED, "it reported nothing")
    leave_last_words(cell, store, stalled, "one")
    assert take_last_words(cell, store, "two") is None  # an old note is not this attempt's
    assert take_last_words(cell, store, "one") == stalled
    assert take_last_words(cell, store, "one") is None
    for damaged in (
        b'{"failure_class": "stal',
        b"[]",
        b"",
        b'{"failure_class": "of the future", "message": ""}',
    ):
        store.folder.write(f"stalls/{cell.id}-one.json", damaged)
        assert take_last_words(cell, store, "one") is None
        assert "damaged" in caplog.text
        assert store.folder.names("stalls") == []


# Nodes.

FAILED = {each: Failure(each, "no") for each in FailureClass}
TWO = {"a": {"CPU": 4.0}, "b": {"CPU": 4.0}}


def failing(nodes, node, failure_class, cells):
    for cell in cells:
        nodes.note(node, Outcome(cell, 1.0, failure=FAILED[failure_class]))


@pytest.mark.parametrize("failure_class", [DEVICE, FailureClass.NODE, CRASHED])
def test_a_node_where_different_cells_fail_in_a_row_gets_no_more(failure_class):
    nodes, cell = Nodes(), Cell("t", "k", {})
    failing(nodes, "a", failure_class, "x" * IN_A_ROW)  # one cell again and again is the cell's own doing
    assert nodes.to_avoid(cell, TWO) == ()
    failing(nodes, "a", failure_class, "yz")
    assert nodes.to_avoid(cell, TWO) == ("a",)
    assert nodes.to_avoid(cell, {"a": TWO["a"]}) == ()  # there is no other


def test_a_success_ends_a_row():
    nodes = Nodes()
    failing(nodes, "a", DEVICE, "xy")
    nodes.note("a", Outcome("w", 1.0))
    failing(nodes, "a", DEVICE, "zw")
    assert not nodes.bad


def test_what_may_be_everywhere_is_a_nodes_fault_only_if_cells_succeed_elsewhere():
    nodes = Nodes()
    failing(nodes, "a", FailureClass.TRANSIENT, "uvwxyz")
    assert not nodes.bad
    nodes.note("b", Outcome("t", 1.0))
    failing(nodes, "a", FailureClass.TRANSIENT, "s")
    assert nodes.bad == {"a"}


def test_bugs_are_no_nodes_fault():
    nodes = Nodes()
    nodes.note("b", Outcome("t", 1.0))
    failing(nodes, "a", FailureClass.BUG, "uvwxyz")
    failing(nodes, "a", FailureClass.DIVERGED, "uvwxyz")
    assert not nodes.bad


def test_a_cell_is_tried_elsewhere_if_there_is_an_elsewhere_that_holds_it():
    nodes, cell = Nodes(), Cell("t", "k", {}, resources=Resources(cpus=4))
    failing(nodes, "a", DEVICE, [cell.id])
    assert nodes.to_avoid(cell, TWO) == ("a",)
    assert nodes.to_avoid(Cell("t", "k", {"other": 1}), TWO) == ()
    assert nodes.to_avoid(cell, {"a": {"CPU": 4.0}, "b": {"CPU": 2.0}}) == ()


def test_a_run_whose_every_node_has_a_broken_gpu_stops():
    nodes = Nodes()
    failing(nodes, "a", DEVICE, "xyz")
    assert nodes.hopeless(TWO) == ""
    failing(nodes, "b", FailureClass.NODE, "xyz")
    assert "one after another on each node" in nodes.hopeless(TWO)
    crashes = Nodes()
    failing(crashes, "a", CRASHED, "xyz")
    assert crashes.hopeless({"a": {}}) == ""


# Inline.


def planned(tmp_path, **settings):
    grid = toy_task.plan(toy_task.Settings(length=1, **settings))
    grid.locations["markers"] = str(tmp_path / "markers")
    return grid


def test_inline_a_cell_that_exits_is_a_failure_and_the_rest_runs(store, tmp_path):
    grid = planned(tmp_path, width=3, fail={"r0c0": "exits"})
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    (failed,) = schedule.failed.values()
    assert failed.failure.message == "SystemExit: 0"
    assert len(schedule.finished) == 2
    assert not schedule.stopped


@pytest.fixture
def sticky(monkeypatch):
    """An error after which nothing works in this process, until the test ends."""
    monkeypatch.setenv("TOY_STICKY", "1")
    monkeypatch.delenv("TOY_STICKY")
    yield
    os.environ.pop("TOY_STICKY", None)


def test_inline_a_run_ends_when_its_process_may_be_unusable(store, tmp_path, sticky):
    grid = planned(tmp_path, width=4, fail={"r0c0": "sticky"})
    schedule = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    assert "this process may be unusable" in schedule.stopped
    (failure,) = store.failures.read_all().values()  # one cell, not four
    assert failure["failure_class"] == "device"
    assert not schedule.finished


def test_a_cell_that_asks_for_a_gpu_does_not_compute_on_the_cpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert attempts._device(Resources()) == "cpu"
    with pytest.raises(NodeUnusable, match=r"asks for 0.5 GPU, but CUDA can't be used on .*resources.gpus=0"):
        attempts._device(Resources(gpus=0.5))


@pytest.mark.long
def test_on_ray_a_broken_process_fails_its_cell_alone_and_crashes_are_counted(store, tmp_path):
    fail = {"r0c0": "sticky", "r1c0": "segfault", "r2c0": "killed-once", "r3c0": "exits"}
    grid = planned(tmp_path, width=6, fail=fail)
    schedule = run_grid(toy_task.task, grid, store, RunOptions(num_cpus=1))
    failures = {each["title"]: each for each in store.failures.read_all().values()}
    assert {title: each["failure_class"] for title, each in failures.items()} == {
        "r0c0": "device",
        "r1c0": "crashed",
        "r3c0": "bug",
    }
    assert "SIGSEGV" in failures["r1c0"]["message"]
    titles = {cell.id: cell.title for cell in grid.cells.values()}
    assert {titles[cell] for cell in schedule.finished} == {"r2c0", "r4c0", "r5c0"}
    markers = {titles[path.name]: path.read_text().split() for path in (tmp_path / "markers").iterdir()}
    assert [len(markers[f"r{row}c0"]) for row in range(4)] == [3, 3, 2, 1]
    assert len(set(markers["r0c0"])) == 3  # each time a fresh process


def test_a_node_that_no_longer_lives_took_its_processes_with_it(monkeypatch):
    nodes = [
        {"NodeID": name, "NodeManagerAddress": address, "Alive": name != "node", "Resources": {}}
        for name, address in (("another", "10.0.0.1"), ("node", "10.0.0.2"), ("third", "10.0.0.3"))
    ]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    failure = last_words.ask_node(Process("node"))
    said = "its node went away (10.0.0.2; 2 nodes are left)"
    assert (failure.failure_class, failure.message) == (FailureClass.PREEMPTED, said)


def test_broken_gpus_and_a_broken_node_are_of_no_use_together():
    nodes = Nodes()
    failing(nodes, "a", DEVICE, "xy")
    failing(nodes, "a", FailureClass.NODE, "z")
    assert "one after another on each node" in nodes.hopeless({"a": {}})
    assert nodes.hopeless({}) == ""


@pytest.mark.parametrize(("failed", "more"), [(1, ""), (3, ""), (4, "; and 1 more"), (9, "; and 6 more")])
def test_three_failed_cells_are_named_and_the_others_counted(failed, more):
    error = CellsFailed({str(n): (f"cell {n}", "bug: no") for n in range(failed)}, blocked=2, stopped="asked")
    named = "; ".join(f"cell {n}: bug: no" for n in range(min(failed, 3)))
    start = f"{failed} cell{'s' * (failed > 1)} failed ({named}{more})"
    assert str(error) == f"{start}; 2 not run because what they need failed or diverged; stopped: asked"
    assert str(CellsFailed(error.failed)) == start
