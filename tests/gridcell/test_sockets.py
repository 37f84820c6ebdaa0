"""Whichever way cells are run, or results are looked at: nothing listens beyond this machine."""

import os
import subprocess
import sys
import time
from ipaddress import ip_address

import psutil
import pytest
from toy_task import listening_addresses

from gridcell.store import Store

SETTINGS = ["--storage", "runs"]
ASKS = ["--set", "width=1", "--set", "length=1", "--set", "fail.r0c0=lists-sockets"]
GRIDCELL = [sys.executable, "-m", "gridcell"]
TWO_WORKERS = """
from dataclasses import replace
import toy_task
from gridcell import Resources, RunOptions, Store, run_grid
grid = toy_task.plan(toy_task.Settings(width=1, length=1, fail={"r0c0": "lists-sockets"}))
cells = {name: replace(cell, resources=Resources(workers=2)) for name, cell in grid.cells.items()}
store = Store("runs").prepare()
grid, options = replace(grid, cells=cells), RunOptions(executor="inline", num_cpus=2)
schedule = run_grid(toy_task.task, grid, store, options)
assert not schedule.failed, schedule.failed
"""
INLINE = [*GRIDCELL, "run", "toy", "--executor", "inline", *SETTINGS, *ASKS]
WAYS = {
    "ray": [*GRIDCELL, "run", "toy", *SETTINGS, *ASKS],
    "workers": [sys.executable, "-c", TWO_WORKERS],
}


def is_of_this_machine(text):
    address = ip_address(text)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def run(tmp_path, command):
    """Run a command one of whose cells lists the sockets; return the addresses."""
    listed = tmp_path / "sockets"
    listed.touch()
    environment = {**os.environ, "TOY_TESTER": str(os.getpid()), "TOY_SOCKETS": str(listed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(listed.read_text().split())


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ray", pytest.param("workers", marks=pytest.mark.long)])
def test_cells_run_on_this_machine_alone(way, tmp_path):
    addresses = run(tmp_path, WAYS[way])
    assert addresses  # or nothing was seen
    assert all(map(is_of_this_machine, addresses)), addresses


@pytest.mark.slow
def test_cells_of_one_process_and_a_cell_that_is_run_alone_listen_nowhere(tmp_path):
    assert run(tmp_path, INLINE) == set()
    store = Store(str(tmp_path / "runs"))
    (cell,) = (
        cell.id for plan in store.plans.read_all() for cell in plan.cells.values() if cell.kind == "step"
    )
    assert run(tmp_path, [*GRIDCELL, "cell", "run", cell, "--again", *SETTINGS]) == set()


@pytest.mark.long
def test_the_pages_of_mlflow_are_for_this_machine_alone(tmp_path):
    Store(str(tmp_path / "runs")).prepare()
    process = subprocess.Popen(
        [*GRIDCELL, "ui", *SETTINGS], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    root = psutil.Process(process.pid)
    try:
        deadline = time.monotonic() + 300
        while not (addresses := listening_addresses(root)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert all(map(is_of_this_machine, addresses)), addresses
    finally:
        for each in [*root.children(recursive=True), root]:
            each.kill()
        process.wait()
