"""Failing storage: passing errors are waited out, lasting ones are not, and no retry undoes a commit."""

import errno
import os

import pytest

from gridcell.cell import Cell
from gridcell.cluster.chaos import grid as chaos_grid
from gridcell.cluster.chaos.filesystem import ORDERS
from gridcell.store import Store, patience

CELL = Cell("t", "k", {"a": 1})


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    waited = []
    monkeypatch.setattr(patience.time, "sleep", waited.append)
    return waited


@pytest.fixture
def flaky(tmp_path):
    assert chaos_grid.task.name == "chaos"  # importing it makes the address known
    return Store(f"faulty://{tmp_path}/store").prepare()


def failing(times, error):
    left = [error] * times

    @patience.patient
    def operation():
        if left:
            raise left.pop()
        return "done"

    return operation


@pytest.mark.parametrize("error", [OSError(errno.EIO, "x"), ConnectionResetError(), TimeoutError()])
def test_a_passing_error_is_waited_out(error, waits):
    assert failing(3, error)() == "done"
    assert waits == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(),
        PermissionError(),
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EROFS, "x"),
        ValueError(),
    ],
)
def test_a_lasting_error_is_told_at_once(error, waits):
    with pytest.raises(type(error)):
        failing(1, error)()
    assert waits == []


def test_patience_ends(waits):
    with pytest.raises(OSError, match="x"):
        failing(99, OSError(errno.EIO, "x"))()
    assert len(waits) == len(patience.DELAYS_S)


def test_an_object_store_client_that_lost_its_connection_is_passing():
    exceptions = pytest.importorskip("botocore.exceptions", reason="needs s3fs")
    assert patience.is_passing(exceptions.EndpointConnectionError(endpoint_url="http://x"))
    assert not patience.is_passing(exceptions.NoCredentialsError())


def test_a_store_on_which_every_second_write_fails_is_whole(flaky, tmp_path, waits):
    (tmp_path / ORDERS).write_text('{"every": 2}')
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    for name in "abc":
        (outputs / name).write_text(name)
    flaky.results.commit(CELL, {"x": 1}, outputs, {})
    result = flaky.results.read(CELL.id)
    assert [flaky.results.fetch(result, name, tmp_path / "cache").read_text() for name in "abc"] == [*"abc"]
    assert waits  # or nothing failed


def test_a_commit_that_was_told_it_failed_keeps_its_files(store, tmp_path, monkeypatch):
    """The record was written, but the answer was lost: the retry finds it there, and it is its own."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "a").write_text("a")
    link, lost = os.link, []

    def answer_lost(*args):
        link(*args)
        if not lost:
            lost.append(1)
            raise ConnectionResetError

    monkeypatch.setattr(os, "link", answer_lost)
    result = store.results.commit(CELL, {"x": 1}, outputs, {})
    assert lost
    assert store.results.fetch(result, "a", tmp_path / "cache").read_text() == "a"


def test_what_cannot_be_read_for_the_moment_is_not_taken_for_missing(flaky, tmp_path, monkeypatch):
    flaky.results.commit(CELL, {"x": 1}, tmp_path / "nothing", {})
    monkeypatch.setattr(
        type(flaky.folder.filesystem),
        "cat_file",
        lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "x")),
    )
    with pytest.raises(OSError, match="x"):
        flaky.results.read_many([CELL.id])
