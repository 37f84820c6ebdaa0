"""What a commit costs in a folder, and how much of it is waiting until the disk has it.

Each result has one file. Both sides are measured in turn, so that other load falls on both.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

from gridcell.cell import Cell
from gridcell.store import Store

COMMITS = 100
BYTES = 100_000


def measure() -> dict[str, float]:
    """Return milliseconds a commit, as it is and without waiting for the disk (the median of ``COMMITS``)."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder) / "outputs"
        outputs.mkdir()
        (outputs / "answers.npz").write_bytes(os.urandom(BYTES))
        store = Store(str(Path(folder) / "store")).prepare()
        took: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * COMMITS):
            waits = number % 2 == 0
            with mock.patch.object(os, "fsync", os.fsync if waits else lambda descriptor: None):
                begun = time.perf_counter()
                store.results.commit(Cell("t", "k", {"n": number}), {"n": number}, outputs, {"seconds": 0.0})
                took[waits].append(1000 * (time.perf_counter() - begun))
    with_wait, without = statistics.median(took[True]), statistics.median(took[False])
    return {
        "a commit (ms)": with_wait,
        "a commit without fsync (ms)": without,
        "fsync: part of a commit": 1 - without / with_wait,
        "a commit, the slowest of 100 (ms)": max(took[True]),
    }
