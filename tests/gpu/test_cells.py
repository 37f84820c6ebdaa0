"""Cells on a GPU: shared, out of memory, and broken by a kernel that stops."""

import gpu_task
import pytest
import torch

from gridcell.cluster.doctor.machine import devices
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions


def run(store, tmp_path, executor, cells, gpus=1.0):
    (tmp_path / "markers").mkdir(exist_ok=True)
    grid = gpu_task.plan(gpu_task.Settings(cells=cells, gpus=gpus))
    grid.locations["markers"] = str(tmp_path / "markers")
    schedule = run_grid(gpu_task.task, grid, store, RunOptions(executor=executor, num_cpus=2))
    done = {grid.cells[cell].title: store.results.read(cell) for cell in schedule.finished}
    failures = {each["title"]: each["failure_class"] for each in store.failures.read_all().values()}
    return done, failures


def test_the_doctor_uses_each_gpu():
    found = [line for line in devices() if line.check.startswith("GPU ")]
    assert len(found) == torch.cuda.device_count()
    assert all(torch.cuda.get_device_name(index) in line.found for index, line in enumerate(found))


@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_a_cell_that_is_too_large_for_the_gpu_is_tried_with_half_the_batch(executor, store, tmp_path):
    results, failures = run(store, tmp_path, executor, {"large": "too-large", "small": "sums"})
    assert failures == {}
    assert results["large"].metrics == {"batch": 16, "accumulation": 4}
    assert results["small"].metrics == {"sum": 1000.0}
    provenance = results["small"].provenance
    assert provenance["device"] == "cuda"
    assert provenance["machine"]["gpu"] == torch.cuda.get_device_name()


def test_cells_that_ask_for_half_a_gpu_share_one(store, tmp_path):
    results, failures = run(store, tmp_path, "ray", {"one": "waits", "other": "waits"}, gpus=0.5)
    assert failures == {}
    assert set(results) == {"one", "other"}


def test_a_kernel_that_stops_spoils_no_other_cell(store, tmp_path):
    cells = {"spoilt": "asserts"} | {f"good {number}": "sums" for number in range(4)}
    results, failures = run(store, tmp_path, "ray", cells)
    assert failures == {"spoilt": "device"}
    assert set(results) == set(cells) - {"spoilt"}
