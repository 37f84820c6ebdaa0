"""Two drivers on one store at once: both finish, and each cell has one record, with all its files."""

import os
import subprocess
import sys
from collections import Counter

import pytest
import toy_task

from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store

DRIVER = """
import sys, toy_task
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.store import Store
grid = toy_task.plan(toy_task.Settings(width=8, length=2))
print("ready", flush=True)
sys.stdin.readline()
schedule = run_grid(toy_task.task, grid, Store(sys.argv[1]).prepare(), RunOptions(executor="inline"))
assert not schedule.failed and not schedule.blocked, schedule.failed
print(len(schedule.finished))
"""


@pytest.mark.parametrize("uri", ["folder", pytest.param("s3", marks=pytest.mark.long)], indirect=True)
def test_two_drivers_commit_each_cell_once(uri, tmp_path):
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER, uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ.copy(),
            text=True,
        )
        for _ in range(2)
    ]
    assert [driver.stdout.readline() for driver in drivers] == ["ready\n"] * 2
    for driver in drivers:
        driver.stdin.write("go\n")
        driver.stdin.flush()
    ended = [driver.communicate(timeout=120) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], [errors for _, errors in ended]
    counts = [int(count) for count, _ in ended]
    grid = toy_task.plan(toy_task.Settings(width=8, length=2))
    assert max(counts) <= len(grid)
    store = Store(str(tmp_path / "alone")).prepare()
    alone = run_grid(toy_task.task, grid, store, RunOptions(executor="inline"))
    assert len(alone.finished) == len(grid)
    shared = Store(uri)
    results, damaged = shared.results.read_many(grid.cells)
    assert not damaged
    expected = {cell: store.results.read(cell).content for cell in grid.cells}
    assert {cell: result.content for cell, result in results.items()} == expected
    attempts = Counter(
        artifact.path.split("/")[1] for result in results.values() for artifact in result.artifacts.values()
    )
    filesystem = shared.folder.filesystem
    filesystem.invalidate_cache()
    stored = filesystem.find(shared.folder.path("artifacts"))
    assert len(stored) == sum(attempts.values())  # the slower driver's copies are gone
