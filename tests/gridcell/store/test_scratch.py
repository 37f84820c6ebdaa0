"""Scratch folders: gone with their process, or swept by the next where that was killed."""

import signal
import subprocess
import sys

import pytest

from gridcell.store import scratch
from gridcell.store.scratch import Scratch, scratch_folder, sweep

HOLDS = """
import signal, sys
from gridcell.store.scratch import Scratch
scratch = Scratch("killed")
folder = scratch.path
(folder / "large").write_text("large")
print(folder, flush=True)
signal.pause()
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "_root", lambda: tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_folder_is_empty_and_gone_afterwards(tmp_path):
    with scratch_folder("cell") as folder:
        assert list(folder.iterdir()) == []
        (folder / "deep" / "er").mkdir(parents=True)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_holds_is_not(tmp_path):
    mine = Scratch("mine")
    process = subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True)
    theirs = process.stdout.readline().strip()
    assert sweep() == 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert sweep() == 1
    assert [entry.name for entry in tmp_path.iterdir() if not entry.name.endswith(".lock")] == [
        mine.path.name
    ]
    assert theirs.startswith(str(tmp_path))
    mine.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_stays(tmp_path):
    other = tmp_path / "gridcell-scratch-of-someone"  # without a lock: it says nothing of its process
    other.mkdir()
    (tmp_path / "else.lock").touch()
    assert sweep() == 0
    assert other.exists()
    assert (tmp_path / "else.lock").exists()


def test_a_folder_that_is_already_gone_is_removed_without_a_word(tmp_path):
    mine = Scratch("mine")
    mine.path.rmdir()
    mine.remove()
    assert list(tmp_path.iterdir()) == []
