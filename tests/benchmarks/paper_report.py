"""Time, memory and size of the report of imagenet-rib's ``paper``, from a store of made-up answers.

Every cell has a record, and sets have the published number of images. Cells of one kind share a few files
of answers, so that the store is written in a minute.
"""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from gridcell.answers.request import grid_results, request
from gridcell.data.sharded import StoredImages, save_index
from gridcell.report import write_report
from gridcell.store import Artifact, Result, Store
from gridcell.store.filesystem import sha256_of
from gridcell.store.results import encode
from imagenet_rib.cells.packed_bits import PackedAnswers
from imagenet_rib.grid.cost import IMAGES

AIMS = {"seconds": "<= 120", "peak memory, GiB": "<= 4", "page, MB": "<= 20"}

CORRUPTIONS = [f"corruption-{index}" for index in range(15)]
VARIETY = 40  # files of answers for each set


def measure() -> dict[str, float]:
    """Write a store, then time the report."""
    with tempfile.TemporaryDirectory() as folder:
        asked = request("imagenet-rib", "paper")
        fill(Path(folder) / "store", asked.grid)
        begun, before = time.perf_counter(), time.process_time()
        written = write_report(
            asked.suite.task, grid_results(asked, Store(f"{folder}/store")), Path(folder) / "report"
        )
        seconds, processor = time.perf_counter() - begun, time.process_time() - before
        page = written.page.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "cells": len(asked.grid),
        "seconds": seconds,
        "processor seconds": processor,
        "peak memory, GiB": peak,
        "page, MB": page / 1e6,
    }


def fill(folder, grid) -> None:
    """Commit an answer for every cell."""
    store = Store(str(folder)).prepare()
    random = np.random.default_rng(0)
    provenance = {"host": "here", "versions": {"gridcell": "0"}, "seconds": 1.0}
    known: dict[str, list[Artifact]] = {}
    (folder / "results").mkdir(exist_ok=True)
    for cell in grid.cells.values():
        artifacts, metrics = {}, {}
        if cell.kind == "data":
            artifacts["index.npz"] = _stored(
                folder, f"data-{cell.config['set']}/index.npz", _index(cell.config["set"])
            )
        elif cell.kind == "evaluate":
            key = ",".join(cell.config["sets"])
            if key not in known:
                known[key] = [
                    _stored(folder, f"{key}-{index}/correct.npz", _answers(cell.config["sets"], random))
                    for index in range(VARIETY)
                ]
            artifacts["correct.npz"] = known[key][random.integers(VARIETY)]
            metrics = {"accuracy": {name: random.uniform(30, 90) for name in cell.config["sets"]}}
        elif cell.kind == "distance":
            continue
        (folder / "results" / f"{cell.id}.json").write_bytes(
            encode(Result(cell, metrics, artifacts, provenance, {}))
        )
    store.results.done()


def _stored(folder: Path, name: str, write) -> Artifact:
    path = folder / "artifacts" / name
    path.parent.mkdir(parents=True)
    write(path)
    return Artifact(path.relative_to(folder).as_posix(), sha256_of(path), path.stat().st_size)


def _index(name: str):
    labels = np.arange(IMAGES.get(name, 1000)) % 200
    groups, group_of = (), None
    if name == "c":
        groups = tuple(f"{corruption}/{severity}" for corruption in CORRUPTIONS for severity in range(1, 6))
        group_of = np.repeat(np.arange(75), IMAGES["c"] // 75)
    classes = tuple(range(200))
    names = tuple(f"class {index}" for index in classes)
    return lambda path: save_index(
        path, StoredImages(name, None, "", labels, classes, names, groups, group_of, {})
    )


def _answers(sets, random):
    share = random.uniform(0.3, 0.9)
    right = {name: random.random(IMAGES[name.partition("/")[0]]) < share for name in sets}
    return PackedAnswers(right).write
