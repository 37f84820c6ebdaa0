"""Storage that can't be read, is of another format or holds damaged notes: a sentence, never a traceback."""

import json
import subprocess
import sys

import fsspec
import pytest
import toy_task

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Folder, Store, patience

READING = {
    "status": ("status", "toy", "--storage"),
    "plan": ("plan", "toy", "--storage"),
    "report": ("report", "toy", "--storage"),
    "sync": ("sync", "toy", "--storage"),
    "ui": ("ui", "--storage"),
    "cell show": ("cell", "show", "ab", "--storage"),
}


@pytest.fixture
def stored(tmp_path):
    """A finished run's storage."""
    store = Store(str(tmp_path / "runs")).prepare()
    grid = toy_task.plan(toy_task.Settings())
    store.plans.save("toy", "mini", grid)
    run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    return tmp_path / "runs"


@pytest.mark.parametrize("arguments", [*READING.values(), ("data", "verify")], ids=[*READING, "data verify"])
def test_storage_that_nobody_answers_for_is_one_sentence(gridcell, monkeypatch, arguments):
    monkeypatch.setattr(patience, "DELAYS_S", ())
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # of another server's address
    code, _, errors = gridcell(*arguments, "s3://bucket/x")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert code == 2
    assert "'s3://bucket/x' can't be read: Could not connect to the endpoint" in errors
    assert errors.count("\n") == 1


def test_a_folder_that_may_not_be_read_is_one_sentence(gridcell, stored, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Folder, "names", refused)  # root may read whatever its mode says
    code, _, errors = gridcell("status", "toy", "--storage", "runs")
    assert (code, errors.count("\n")) == (2, 1)
    assert "'runs' can't be read: Permission denied" in errors


@pytest.mark.parametrize("arguments", READING.values(), ids=READING)
def test_storage_of_another_format_is_refused(gridcell, stored, arguments):
    (stored / "gridcell.json").write_text(json.dumps({"format": 2}))
    code, _, errors = gridcell(*arguments, "runs")
    assert (code, errors.count("\n")) == (2, 1)
    assert "has format 2; this gridcell reads format 1" in errors


def test_damaged_notes_are_named_and_left_out(gridcell, stored, caplog):
    damaged = set()
    for folder, mistyped in {
        "failures": {"failure_class": "bug", "title": "t", "message": 1, "traceback": ""},
        "plans": {"task": "toy", "suite": "mini", "locations": {}, "cells": "none"},
        "losses": {"cell": "c", "failure_class": "bug", "seconds": "long", "steps": None},
        "drivers": {"host": "h", "pid": "1", "time": 0, "running": {}},
    }.items():
        (stored / folder).mkdir(exist_ok=True)
        contents = [b'{"title": "r0c0", "mess', b"[]", b"{}", b"\xff\xfe", json.dumps(mistyped).encode()]
        for number, content in enumerate(contents):
            (stored / folder / f"{number}.json").write_bytes(content)
            damaged.add(f"The note {folder}/{number}.json of the storage is damaged: left out")
    _, output, _ = gridcell("plan", "toy", "--storage", "runs", "--json")
    cell = json.loads(output)["cells"][0]["id"]
    for arguments in (
        ("status", "toy", "--json"),
        ("cell", "show", cell, "--json"),
        ("report", "toy"),
        ("run", "toy", "--executor", "inline"),
    ):
        code, _, _ = gridcell(*arguments, "--storage", "runs")
        assert code == 0
    assert {record.getMessage() for record in caplog.records} == damaged


def test_the_name_of_a_damaged_note_is_printed(stored):
    (stored / "failures").mkdir(exist_ok=True)
    (stored / "failures/damaged.json").write_text("{")
    done = subprocess.run(
        [sys.executable, "-m", "gridcell", "status", "toy", "--storage", stored],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == "The note failures/damaged.json of the storage is damaged: left out\n"
