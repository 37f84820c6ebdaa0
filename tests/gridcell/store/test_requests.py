"""What a store on S3 costs in requests: one listing, and one read a result."""

import uuid

import pytest
import toy_task
from tests.counted_requests import counted_requests

from gridcell.cell import Cell
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.mlflow.mirror import Mirror
from gridcell.store import Store


@pytest.fixture
def remote(s3):
    return Store(f"s3://bucket/{uuid.uuid4().hex}").prepare()


def committed(store, count, folder):
    cells = [Cell("t", "k", {"n": number}) for number in range(count)]
    for cell in cells:
        store.results.commit(cell, {"n": cell.config["n"]}, folder, {})
    return [cell.id for cell in cells]


def test_many_results_take_one_listing_and_a_read_each(remote, tmp_path):
    ids = committed(remote, 25, tmp_path)
    missing = [f"{number:020x}" for number in range(100)]
    with counted_requests() as counted:
        results, damaged = remote.results.read_many([*ids, *missing])
    assert {cell_id: result.metrics["n"] for cell_id, result in results.items()} == {
        cell_id: number for number, cell_id in enumerate(ids)
    }
    assert not damaged
    assert counted == {("LIST", ""): 1, ("GET", "results"): 25}


def test_one_result_takes_one_request(remote, tmp_path):
    (cell_id,) = committed(remote, 1, tmp_path)
    with counted_requests() as counted:
        assert remote.results.read(cell_id).metrics == {"n": 0}
    assert counted == {("GET", "results"): 1}


def test_a_folder_is_removed_by_one_listing_and_one_deletion(remote):
    for number in range(30):
        remote.folder.write(f"artifacts/ab/c/w[{number}]*.txt", b"")
    with counted_requests() as counted:
        remote.folder.remove("artifacts/ab")
    assert counted == {("LIST", ""): 1, ("POST", ""): 1}
    with counted_requests() as counted:
        remote.folder.remove("artifacts/ab")
    assert set(counted) <= {("LIST", ""), ("HEAD", "artifacts")}


def test_a_file_whose_name_looks_like_a_pattern_is_removed_by_one_deletion(remote):
    remote.folder.write("artifacts/ab/w[1].txt", b"")
    with counted_requests() as counted:
        remote.folder.remove("artifacts/ab/w[1].txt")
    assert counted == {("LIST", ""): 1, ("HEAD", "artifacts"): 1, ("DELETE", "artifacts"): 1}


def test_an_empty_file_can_be_read(remote):
    remote.folder.write("probe/empty", b"")
    remote.folder.write("probe/full", b"full")
    assert remote.folder.read("probe/empty") == b""
    names = ["probe/empty", "probe/full", "probe/none"]
    assert remote.folder.read_many(names) == {"probe/empty": b"", "probe/full": b"full"}
    with pytest.raises(FileNotFoundError):
        remote.folder.read("probe/none")


def test_a_run_with_nothing_to_do_reads_each_result_once(gridcell, remote, monkeypatch):
    monkeypatch.setattr(Mirror, "_follow", lambda self: None)
    overrides = ["--set", "width=8", "--set", "length=5"]
    grid = toy_task.plan(toy_task.Settings(width=8, length=5))
    run_grid(toy_task.task, grid, remote, RunOptions(executor="inline"))
    with counted_requests() as counted:
        code, output, _ = gridcell("run", "toy", "--storage", remote.uri, *overrides, "--executor", "inline")
    assert code == 0
    assert "41 cells, 0 to run" in output
    assert counted["GET", "results"] == 41
    assert counted["HEAD", "results"] == 0
    assert counted["LIST", ""] <= 12
