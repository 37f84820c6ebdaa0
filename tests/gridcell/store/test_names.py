"""Whoever may write a store reaches no file outside of it through who reads it."""

import hashlib
import json
import os
import time

import pytest
from hypothesis import given, strategies as st

from gridcell.cell import Cell, canonical_json
from gridcell.errors import CorruptData, UserError
from gridcell.execute.heartbeat import Heartbeat, running_cells
from gridcell.store import Store
from gridcell.store.cache import FileCache, KnownFile
from gridcell.store.filesystem import Folder
from gridcell.store.names import checked_name, checked_sha256, is_name

CELL = Cell("t", "k", {"a": 1})
OUTSIDE = [
    *(
        "../victim",
        "a/../../victim",
        "/victim",
        "..",
        ".",
        "",
        "a//b",
        "a/./b",
        "a\0b",
        "~/victim",
        "~root/x",
    ),
    *("..\\victim", "a\\..\\..\\victim", "C:\\victim", "c:/victim", "file:///victim", "x" * 2000, None, 7),
]


@pytest.mark.parametrize("name", OUTSIDE, ids=repr)
def test_a_name_that_leads_out_of_its_folder_is_refused(name):
    assert not is_name(name)
    with pytest.raises(CorruptData):
        checked_name(name)


@given(st.lists(st.sampled_from(["a", "..", ".", "", "b c", "é", "~", "...", "x..y"])).map("/".join))
def test_a_name_that_is_taken_stays_in_its_folder(name):
    import posixpath

    if is_name(name):
        assert posixpath.normpath(f"/base/{name}") == f"/base/{name}"


@pytest.mark.parametrize("text", ["../victim", "", "a" * 63, "A" * 64, "g" * 64, None, "a" * 64 + "\n"])
def test_a_checksum_is_one_or_refused(text):
    with pytest.raises(CorruptData):
        checked_sha256(text)


def test_a_folder_refuses_names_that_lead_out_of_it(tmp_path):
    (tmp_path / "victim").write_text("mine")
    folder = Folder.open(str(tmp_path / "store"))
    for act in (folder.remove, folder.read, folder.local, folder.modified, folder.names):
        with pytest.raises(CorruptData):
            act("../victim")
    for act in (folder.write, folder.create):
        with pytest.raises(CorruptData):
            act("../victim", b"theirs")
    with pytest.raises(CorruptData):
        folder.move("a", "../victim")
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../victim"},
        {"path": "/etc/passwd"},
        {"path": "results/other.json"},
        {"sha256": "../victim"},
        {"name": "../victim"},
        {"size": "many"},
    ],
    ids=str,
)
def test_a_record_with_such_a_name_is_damaged(change, store, tmp_path):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "w.pt").write_text("weights")
    store.results.commit(CELL, {"x": 1}, tmp_path / "outputs", {})
    record = store.folder.local(f"results/{CELL.id}.json")
    body = json.loads(record.read_text())["body"]
    item = body["artifacts"].pop("w.pt")
    body["artifacts"][change.get("name", "w.pt")] = item | {k: v for k, v in change.items() if k != "name"}
    text = canonical_json(body)  # with a right checksum: whoever wrote it meant it
    checksum = hashlib.sha256(text.encode()).hexdigest()
    record.write_text(f'{{"sha256":"{checksum}","body":{text}}}\n')
    with pytest.raises(CorruptData):
        store.results.read(CELL.id)
    assert store.results.read_many([CELL.id]) == ({}, [CELL.id])


UNSTORABLE = ["~weights.pt", "~root/w.pt", "C:/w.pt", "a\\..\\w.pt", "/".join(["x" * 200] * 5)]


@pytest.mark.parametrize("name", UNSTORABLE, ids=lambda name: name[:12])
@pytest.mark.parametrize("beside", [False, True])
def test_an_artifact_that_no_record_could_name_is_refused_before_anything_is_written(
    name, beside, store, tmp_path
):
    for each in ("fine.pt", name):
        (tmp_path / "outputs" / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "outputs" / each).write_text("weights")
    before = sorted(store.folder.filesystem.find(store.uri))
    with pytest.raises(UserError, match=r"can't be stored.*such as 'weights/last\.pt'") as refused:
        store.results.commit(CELL, {"x": 1}, tmp_path / "outputs", {}, beside=beside)
    assert repr(name)[1:40] in str(refused.value)
    assert sorted(store.folder.filesystem.find(store.uri)) == before
    assert store.results.done() == set()


def test_other_unusual_names_of_artifacts_are_stored_and_read(store, tmp_path):
    names = ["a~b", "deep/~w.pt", "C:", "wé.pt", "w x*[1]?.pt", ".config", "x" * 200, os.fsdecode(b"w\xff")]
    for each in names:
        (tmp_path / "outputs" / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "outputs" / each).write_bytes(os.fsencode(each))
    store.results.commit(CELL, {"x": 1}, tmp_path / "outputs", {})
    result = store.results.read(CELL.id)
    assert result.artifacts.keys() == set(names)
    for each in names:
        assert store.results.fetch(result, each, tmp_path / "cache").read_bytes() == os.fsencode(each)


def test_the_cache_keeps_no_file_under_a_name_that_leads_out_of_it(tmp_path):
    (tmp_path / "victim").write_text("mine")
    cache = FileCache(tmp_path / "cache")
    for file in (KnownFile("a", 4, "../victim"), KnownFile("../a", 4, "a" * 64)):
        with pytest.raises(CorruptData):
            cache.keep(Folder.open(str(tmp_path / "store")), file)
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_beat_of_a_dead_driver_writes_nothing_outside(store):
    beat = {"host": "elsewhere", "pid": 1, "time": time.time() - 1e6, "running": {"../../victim": 0.0}}
    store.folder.write("drivers/dead.json", json.dumps(beat).encode())
    assert running_cells(store.folder) == {}
    from gridcell.execute.schedule import Schedule
    from gridcell.grid import GridBuilder

    heart = Heartbeat(store)
    heart.begun(Schedule(GridBuilder("t").build(), set()))
    heart.ended(False)
    assert store.losses.read_all() == []


def test_codes_of_such_a_name_are_not_known(store):
    assert store.codes.read(["../../victim", "ab"]) == {}


# Records of other versions.


def test_a_record_of_a_newer_version_that_asks_for_more_is_read(store, tmp_path):
    record = CELL.to_record()
    newer = {**record, "resources": {**record["resources"], "memory_gib": 64, "zones": {"gpu": "H100"}}}
    assert Cell.from_record(newer).id == CELL.id
    assert Cell.from_record(newer).resources == CELL.resources
    labelled = {**record, "resources": {**record["resources"], "labels": {"disk": "nvme"}}}
    assert Cell.from_record(labelled).resources.labels == (("disk", "nvme"),)


def test_a_plan_that_cannot_be_read_is_named_and_left_out(store, caplog):
    plan = {"task": "t", "suite": "s", "locations": {}, "cells": [{"of": "the future"}]}
    store.folder.write("plans/abcdef.json", json.dumps(plan).encode())
    assert list(Store(store.uri).plans.read_all()) == []
    assert "plans/abcdef.json" in caplog.text
